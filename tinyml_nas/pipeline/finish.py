"""One trained network through test and export, with its record for results.json."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from tinyml_nas.cost.arena import MemoryPlan, plan_memory
from tinyml_nas.cost.flash import Cost, network_cost
from tinyml_nas.cost.npu import lint
from tinyml_nas.cost.packing import weight_bits
from tinyml_nas.export.stage import export_model, golden_windows
from tinyml_nas.features import FeatureSet
from tinyml_nas.features.integer.fixed import NoTwin
from tinyml_nas.graph import Network
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.final import Entrant, Fitted, answers
from tinyml_nas.proof.parity import ParityReport
from tinyml_nas.proof.stage import measure_model, measure_sampled, prove_model, say_briefly
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.quantize.integer import Float32
from tinyml_nas.quantize.stage import Quantized
from tinyml_nas.quantize.storage import save_integer
from tinyml_nas.quantize.stream import (
    Agreement,
    SampledStream,
    Voting,
    agreement,
    make_stream,
    sample_streams,
    save_stream,
)
from tinyml_nas.train.checkpoint import save_checkpoint
from tinyml_nas.train.tasks import task_of

STREAM_FILE = "stream.npz"
PROVEN_STREAMS = 3
MAIN_ROLES = ("searched", "chosen")
"""Their files lie in ``export`` itself, those of all others in a folder below."""


def finish_model(
    entrant: Entrant, fits: Sequence[Fitted], shipped: int, context: Context
) -> dict[str, Any]:
    """Test all trainings of ``entrant``, export the shipped one; its entry in results.json.

    The test split is read here, after every choice is made, and for nothing but the report.
    """
    role, network, fitted = entrant.role, entrant.network, fits[shipped]
    if fitted.quantized is not None:  # which may have chosen the weight bits
        network = network.with_weight_bits(weight_bits(fitted.quantized.integer.network))
    features, folder = context.features, context.folder
    record: dict[str, Any] = {"role": role, "name": network.name, "network": network.to_json()}
    if entrant.imported is not None:
        record["source"] = entrant.imported.to_json()
    device = context.device
    cost = network_cost(network, device.cycles.backend, device.optimize)
    record["cost"] = _cost_record(network, cost)
    if (placed := lint(network, device)) is not None:
        record["npu"] = placed.to_json()
    record["training"] = {
        "epochs": len(fitted.training.history),
        "best_epoch": fitted.training.best_epoch,
        "seconds": round(fitted.training.seconds, 2),
        "history": list(fitted.training.history),
    }
    save_checkpoint(folder.path / "train" / role / "weights.npz", {"model": fitted.training.state})
    golden = golden_windows(features, context.config.testing.parity_vectors)
    if fitted.quantized is not None:
        record["quantization"] = fitted.quantized.record
        integer = fitted.quantized.integer
        save_integer(folder.path / "quantize" / role / "integer.npz", integer, golden)
    stream = _stream(fitted.quantized, context)
    if stream is not None:
        save_stream(folder.path / "quantize" / role / STREAM_FILE, stream[0])
    with context.stage(f"test {role}", f"test: {network.name} ({role})"):
        record |= _test(fits, shipped, context)
    with context.stage(f"export {role}", f"export: {network.name} ({role})"):
        record |= _deliver(role, fitted, golden, stream, context)
    record["memory"] = _memory_record(plan_memory(network))
    return record


def _deliver(
    role: str,
    fitted: Fitted,
    windows: Float32,
    stream: tuple[SampledStream, Agreement] | None,
    context: Context,
) -> dict[str, Any]:
    """Write the files of a model, prove that they agree on ``windows`` (N, C, L), measure the C."""
    console, features, run = context.console, context.features, context.folder.path
    folder = run / "export" if role in MAIN_ROLES else run / "export" / role
    quantized, sampled = fitted.quantized, stream and stream[0]
    artifacts = export_model(
        fitted.module,
        quantized,
        features,
        windows,
        sampled,
        context.config.compilation,
        context.name,
        folder,
    )
    record = {"files": artifacts.names(run), "sha256": artifacts.digests(run)}
    if quantized is None:
        return record | {"parity": ParityReport(0, ()).to_json()}
    net = quantized.integer
    measured = measure_model(net, windows, features.validation.x, artifacts, console)
    report = prove_model(net, windows, artifacts, sampled, console, quantized.module)
    if stream is not None and artifacts.c is not None:
        measured["stream"] = measure_sampled(*stream, artifacts.c, console)
    say_briefly(report.carriers, console)
    return record | measured | {"model_hash": model_hash(net), "parity": report.to_json()}


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


def _test(fits: Sequence[Fitted], shipped: int, context: Context) -> dict[str, Any]:
    """Score of every seed; score and all metrics of the shipped one."""
    features = context.features
    task, y = task_of(features), torch.from_numpy(features.test.y)
    tests = [
        answers(fitted.module, fitted.quantized, features, features.test)
        if context.config.testing.enable
        else {}
        for fitted in fits
    ]
    seeds = [
        _seed_record(
            number,
            fitted,
            {p: task.score(outputs, task.wanted(y), y) for p, outputs in test.items()}
            if task.measurable(y)
            else {},
            number == shipped,
        )
        for number, (fitted, test) in enumerate(zip(fits, tests, strict=True))
    ]
    precisions = ("float", "int8") if fits[shipped].quantized else ("float",)
    known = _Known(fits[shipped], features)
    return {
        "score": {p: _score_record(p, seeds[shipped]) for p in precisions},
        "score_sd": {p: _sd([seed[f"{p}_test"] for seed in seeds]) for p in ("float", "int8")},
        "seeds": seeds,
        "test": {
            p: {"examples": len(features.test)}
            | task.evaluate(outputs, task.wanted(y), features.test, partial(known, p))
            for p, outputs in tests[shipped].items()
        },
    }


class _Known:
    """Answers on what a network was made of, computed where a metric asks for them."""

    def __init__(self, fitted: Fitted, features: FeatureSet) -> None:
        self.fitted, self.features = fitted, features

    def __call__(self, precision: str) -> Tensor:
        return self._answers[precision]

    @cached_property
    def _answers(self) -> dict[str, Tensor]:
        module, quantized = self.fitted.module, self.fitted.quantized
        return answers(module, quantized, self.features, self.features.known())


def _seed_record(
    number: int, fitted: Fitted, test: dict[str, float], shipped: bool
) -> dict[str, Any]:
    sides = {"validation": fitted.validation, "test": test}
    return {
        "seed": number,
        **{f"{p}_{s}": sides[s].get(p) for s in sides for p in ("float", "int8")},
        "shipped": shipped,
    }


def _score_record(precision: str, seed: dict[str, Any]) -> dict[str, float | None]:
    """Scores by side; a test that was not opened has no entry."""
    record = {"validation": seed[f"{precision}_validation"]}
    test = seed[f"{precision}_test"]
    return record if test is None else record | {"test": test}


def _sd(values: Sequence[float | None]) -> float | None:
    """Standard deviation of at least two known values."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) > 1 else None


def _cost_record(network: Network, cost: Cost) -> dict[str, Any]:
    layers = [
        dataclasses.asdict(layer) | {"output_shape": list(network.shapes[layer.name])}
        for layer in cost.layers
    ]
    return dataclasses.asdict(cost) | {"layers": layers}


def _memory_record(plan: MemoryPlan) -> list[dict[str, Any]]:
    return [
        {
            "name": buffer.name,
            "offset": buffer.offset,
            "size_bytes": buffer.size_bytes,
            "first": buffer.first,
            "last": buffer.last,
        }
        for buffer in (*plan.buffers.values(), *plan.scratch.values())
    ]
