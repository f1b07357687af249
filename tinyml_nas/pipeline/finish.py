"""One trained network through test and export, with its record for results.json."""

from __future__ import annotations

from typing import cast

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.budget import resources_of
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.npu.ethos_u import Compiled, program_of
from tinyml_nas.cost.npu.program_record import program_record
from tinyml_nas.cost.packing import weight_bits
from tinyml_nas.cost.promise import promise_of
from tinyml_nas.devices import Device
from tinyml_nas.export.stage import Artifacts, export_model, golden_windows
from tinyml_nas.features.integer.fixed import NoTwin
from tinyml_nas.features.window_reach import window_reach
from tinyml_nas.graph import Network
from tinyml_nas.graph.integer import Float32
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.final import Entrant, Fitted
from tinyml_nas.pipeline.testing import Tested
from tinyml_nas.proof.stage import (
    measure_model,
    measure_sampled,
    prove_model,
    prove_program,
    say_briefly,
)
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.quantize.stage import Quantized
from tinyml_nas.quantize.storage import save_integer
from tinyml_nas.quantize.stream import (
    SampledStream,
    Voting,
    agreement,
    make_stream,
    sample_streams,
    save_stream,
)
from tinyml_nas.results.export import Agreement, Buffer, Carrier, Parity, Proof
from tinyml_nas.results.trained import Cost, Model, Role, Training
from tinyml_nas.train.checkpoint import save_checkpoint
from tinyml_nas.train.loop import FitResult

STREAM_FILE = "stream.npz"
PROVEN_STREAMS = 3


def final_network(entrant: Entrant, fitted: Fitted) -> Network:
    """The network of ``entrant`` with the weight bits that its quantization may have chosen."""
    if fitted.quantized is None:
        return entrant.network
    return entrant.network.with_weight_bits(weight_bits(fitted.quantized.integer.network))


def finish_model(
    entrant: Entrant, fitted: Fitted, tested: Tested, where: str, context: Context
) -> Model:
    """Export one training of ``entrant`` to the folder ``where`` of the run; its whole record."""
    role, network = entrant.role, final_network(entrant, fitted)
    device, folder = context.device, context.folder
    save_checkpoint(folder.path / "train" / role / "weights.npz", {"model": fitted.training.state})
    golden = golden_windows(context.features, context.config.testing.parity_vectors)
    if fitted.quantized is not None:
        integer = fitted.quantized.integer
        save_integer(folder.path / "quantize" / role / "integer.npz", integer, golden)
    stream = _stream(fitted.quantized, context)
    if stream is not None:
        save_stream(folder.path / "quantize" / role / STREAM_FILE, stream[0])
    with context.stage(f"export {role}", f"export: {network.name} ({role})"):
        artifacts, proof, compiled = _deliver(where, fitted, golden, stream, context)
    plan = plan_memory(network)
    return Model(
        role=cast(Role, role),  # which the record checks
        name=network.name,
        network=network.to_json(),
        source=entrant.imported.source if entrant.imported else None,
        cost=_cost(network, device),
        reach=window_reach(network, context.config),
        npu=promise_of(network, device, context.config).npu,
        npu_program=program_record(compiled),
        training=_training_record(fitted.training),
        quantization=fitted.quantized.record if fitted.quantized else None,
        memory=[
            Buffer.model_validate(buffer, from_attributes=True)
            for buffer in (*plan.buffers.values(), *plan.scratch.values())
        ],
        files=artifacts.names(folder.path),
        sha256=artifacts.digests(folder.path),
        model_hash=model_hash(fitted.quantized.integer) if fitted.quantized else None,
        **tested.record.parts(),
        **proof.parts(),
    )


def _cost(network: Network, device: Device) -> Cost:
    cost = network_cost(network, device.cycles.backend, device.optimize)
    need = resources_of(network, device)
    promised = {"device_flash_bytes": need.flash_bytes, "device_ram_bytes": need.ram_bytes}
    return cost.model_copy(update=promised)


def _training_record(fit: FitResult) -> Training:
    return Training(
        epochs=len(fit.history),
        best_epoch=fit.best_epoch,
        seconds=round(fit.seconds, 2),
        history=list(fit.history),
    )


def _deliver(
    where: str,
    fitted: Fitted,
    windows: Float32,
    stream: tuple[SampledStream, Agreement] | None,
    context: Context,
) -> tuple[Artifacts, Proof, Compiled | None]:
    """Write the files of a model, prove that they agree on ``windows`` (N, C, L), measure the C.

    A program of the accelerator is proven first: one that gives other bits is not written.
    """
    console, features, run = context.console, context.features, context.folder.path
    quantized, sampled = fitted.quantized, stream and stream[0]
    compiled, streams = _compiled(quantized, windows, context)
    artifacts = export_model(
        fitted.module,
        quantized,
        features,
        windows,
        sampled,
        context.config.compilation,
        context.name,
        run / where,
        compiled,
    )
    if quantized is None:
        return artifacts, Proof(parity=Parity(vectors=0, carriers=[])), None
    net = quantized.integer
    measured = measure_model(net, windows, features.validation.x, artifacts, console)
    parity = prove_model(net, windows, artifacts, sampled, console, quantized.module)
    parity = Parity(vectors=parity.vectors, carriers=[*parity.carriers, *streams])
    sampling = None
    if stream is not None and artifacts.c is not None:
        sampling = measure_sampled(*stream, artifacts.c, console)
    say_briefly(parity.carriers, console)
    return artifacts, Proof(**measured.parts(), parity=parity, stream=sampling), compiled


def _compiled(
    quantized: Quantized | None, windows: Float32, context: Context
) -> tuple[Compiled | None, list[Carrier]]:
    """The program for the device's Ethos-U, and a result where it must not or cannot be proven.

    It runs over ``windows`` (N, C, L) before anything is written; None where it gives other bits,
    and where there is no such NPU.
    """
    ethos_u = context.device.ethos_u
    if quantized is None or ethos_u is None or not context.config.compilation.enable:
        return None, []
    compiled = program_of(quantized.integer, ethos_u)
    if not compiled.split.taken:
        return None, []
    carrier = prove_program(quantized.integer, windows, compiled)
    if carrier.status == "failed":
        return None, [carrier]
    return compiled, [carrier] if compiled.program is None else []


def _stream(
    quantized: Quantized | None, context: Context
) -> tuple[SampledStream, Agreement] | None:
    """The way from samples to labels around the integer model, with test samples to prove it on.

    Its agreement with the float features is over validation windows, or training windows where
    there are none.
    """
    chain, compilation = context.features.fixed, context.config.compilation
    if quantized is None or chain is None or not compilation.enable:
        return None
    voting = Voting.of(compilation.vote_windows, compilation.vote_share)
    try:
        stream = make_stream(quantized.integer, chain, voting)
    except NoTwin as error:
        context.console.warning(f"The C starts at the features, not at samples: {error.message}.")
        return None
    data, features = context.data, context.features
    held_out = len(features.validation) > 0
    near = agreement(
        stream,
        data.validation if held_out else data.train,
        features.validation if held_out else features.train,
    )
    return (stream, sample_streams(data.test, chain, PROVEN_STREAMS)), near
