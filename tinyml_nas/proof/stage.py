"""The proof stage: what lies there, run on this machine and every core, compared and measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime

from tinyml_nas.console import Console
from tinyml_nas.cost.npu.ethos_u import Compiled, split_after
from tinyml_nas.errors import ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.export.npu.vela_file import load_program
from tinyml_nas.export.onnx.builder import SAMPLES
from tinyml_nas.export.stage import INT8, PROGRAM, QDQ, Artifacts
from tinyml_nas.graph.integer import Float32, IntNetwork
from tinyml_nas.proof.carriers import Carrier, EthosUStream, OnnxRuntime, TorchModule
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.measure import measure, on_each
from tinyml_nas.proof.parity import c_carriers, prove
from tinyml_nas.proof.streaming import (
    cut,
    expected,
    measure_stream,
    prove_stream,
    stream_carriers,
)
from tinyml_nas.quantize import quantize_input, run_reference
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.quantize.scheme import dequantize
from tinyml_nas.quantize.stream import SampledStream
from tinyml_nas.results.export import (
    STREAM_CARRIER,
    Agreement,
    Measured,
    Parity,
    Stream,
    Voting,
)
from tinyml_nas.results.export import Carrier as CarrierResult

COUNTED_WINDOWS = 4
"""Windows whose instructions are counted; the C has next to no data-dependent branches."""


def prove_model(
    net: IntNetwork,
    windows: Float32,
    artifacts: Artifacts,
    stream: SampledStream | None,
    console: Console,
    module: QuantizedModule | None = None,
) -> Parity:
    """Compare ``artifacts`` with ``net`` over ``windows`` (N, C, L), layer by layer.

    A file that is missing is no carrier.  The C of a ``stream`` is compared over its samples, and
    ``module``, which no file holds, where it is given.
    """
    carriers: list[Carrier] = [] if module is None else [TorchModule(net, module)]
    if artifacts.files[INT8].is_file():
        carriers += [OnnxRuntime(net, artifacts.files[INT8], optimized=o) for o in (True, False)]
    if PROGRAM in artifacts.files:
        stored = load_program(artifacts.files[PROGRAM])
        parts = split_after(net.network, stored.leaves)
        carriers.append(EthosUStream(net, stored.program, parts, stored.npu))
    if artifacts.c is not None:
        carriers += c_carriers(net, artifacts.c)
    with console.track("prove parity", len(carriers)) as task:
        report = prove(net, windows, carriers, lambda r: task.advance(f"{r.name}: {r.status}"))
    if artifacts.c is None or stream is None:
        return report
    results = _prove_stream(stream, artifacts.c, console)
    return Parity(vectors=report.vectors, carriers=[*report.carriers, *results])


def prove_program(net: IntNetwork, windows: Float32, compiled: Compiled) -> CarrierResult:
    """Run the program of an accelerator, which no file holds yet, over ``windows`` (N, C, L)."""
    if compiled.program is None:
        name = f"{STREAM_CARRIER} ({compiled.npu.accelerator})"
        return CarrierResult(name=name, status="not proven", detail=compiled.why)
    carrier = EthosUStream(net, compiled.program, compiled.split, compiled.npu)
    return prove(net, windows, [carrier]).carriers[0]


def _prove_stream(sampled: SampledStream, export: CExport, console: Console) -> list[CarrierResult]:
    """Run the C of a stream on this machine and every core."""
    stream, samples = sampled
    carriers, pushes = stream_carriers(export), cut(stream, samples)
    truth = [expected(stream, part) for part in samples]
    with console.track("prove the stream", len(carriers)) as task:
        results = []
        for carrier in carriers:
            results.append(prove_stream(truth, pushes, carrier))
            task.advance(f"{carrier.name}: {results[-1].status}")
    return results


def measure_model(
    net: IntNetwork, windows: Float32, validation: Float32, artifacts: Artifacts, console: Console
) -> Measured:
    """What the C takes on ``windows`` (N, C, L), and how near the QDQ file is on ``validation``."""
    agreement = _qdq_agreement(net, artifacts, validation)
    console.info(f"QDQ file: {agreement:.1%} of its answers to validation windows are the same")
    if artifacts.c is None:
        return Measured(qdq_agreement=agreement)
    inputs = quantize_input(net, windows[:COUNTED_WINDOWS])
    counted = measure(net, artifacts.c, inputs, console)
    return counted.model_copy(update={"qdq_agreement": agreement})


def _qdq_agreement(net: IntNetwork, artifacts: Artifacts, x: Float32) -> float:
    """Share of the QDQ file's outputs that are those of the integer model; of classes, if so."""
    file = str(artifacts.files[QDQ])
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {SAMPLES: x})
    q = run_reference(net, quantize_input(net, x))[net.network.output].reshape(len(x), -1)
    if net.answer is None:
        return float((outputs.argmax(1) == q.argmax(1)).mean())
    near = np.abs(outputs - dequantize(net.output_scale, q)) < net.output_scale.scale / 2
    return float(near.mean())


def measure_sampled(
    sampled: SampledStream, near: Agreement, export: CExport, console: Console
) -> Stream:
    """What a stream is, how ``near`` its features are to the float ones, and what it takes."""
    (stream, samples), chain = sampled, sampled[0].frontend.chain
    console.info(
        f"from int16 samples: {near.inputs_equal:.1%} of the int8 inputs are those of the float "
        f"features, {near.mean_difference:.2f} steps apart on average; the same answer for "
        f"{near.labels_equal:.1%} of {near.windows} windows"
    )
    costs = on_each(
        tuple(EMULATED_CORES),
        "measure the stream",
        lambda core: measure_stream(export, core, samples[0], chain.hop),
        console,
    )
    return Stream(
        operations=[operation.kernel for operation in chain.operations],
        lsb=chain.lsb.tolist(),
        frame_rows=chain.frame_length,
        hop=chain.hop,
        joined=chain.joined,
        voting=Voting(windows=stream.voting.windows, agreeing=stream.voting.agreeing),
        agreement=near,
        cost=costs,
    )


def say_carrier(result: CarrierResult, console: Console) -> None:
    """A line on how ``result`` fared; of a core whose tools are missing `left_out` speaks."""
    line = f"{result.name}: {result.status}, {result.values:,} values, {result.mismatches} differ"
    if result.status == "proven":
        console.info(f"{line} ({result.detail})")
    elif not _lacks_tools(result):
        console.warning(f"{line} ({result.detail})")


def say_briefly(results: Sequence[CarrierResult], console: Console) -> None:
    """One line for all that are proven, and one for each that is not."""
    proven = [result for result in results if result.status == "proven"]
    for result in results:
        if result.status != "proven":
            say_carrier(result, console)
    if proven:
        values = sum(result.values for result in proven)
        names = "; ".join(dict.fromkeys(result.name for result in proven))
        console.info(f"the same bits, {values:,} values in all: {names}")


def require_proven(name: str, report: Parity) -> None:
    """Raise unless all of ``report`` on the model ``name`` is proven where its tools are installed.

    ``ParityError`` for other bits, ``ToolError`` for a carrier that could not run.
    """
    report.require()
    if unproven := [c for c in report.carriers if c.status != "proven" and not _lacks_tools(c)]:
        raise ToolError(
            f"{name}: not proven on {', '.join(c.name for c in unproven)}",
            hint=f"the first says: {unproven[0].detail}",
        )


def _lacks_tools(result: CarrierResult) -> bool:
    """Whether no more than tools which pip does not bring are missing for a proof."""
    return result.name == qemu.CORE and bool(qemu.missing_tools())
