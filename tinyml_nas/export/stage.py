"""The export stage: three ONNX files, the C, the proof and the measured cost."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.export.onnx import float_model, integer_model, qdq_model
from tinyml_nas.export.onnx.builder import SAMPLES
from tinyml_nas.export.replay import write_replay
from tinyml_nas.features import FeatureSet
from tinyml_nas.features.integer.frontend import Int16
from tinyml_nas.proof.carriers import Carrier, OnnxRuntime, TorchModule
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.measure import measure, on_each
from tinyml_nas.proof.parity import CarrierResult, ParityReport, c_carriers, prove
from tinyml_nas.proof.streaming import (
    cut,
    expected,
    measure_stream,
    prove_stream,
    stream_carriers,
)
from tinyml_nas.quantize import Quantized, quantize_input, run_reference
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.quantize.integer import Float32, IntNetwork
from tinyml_nas.quantize.qat import folded_parameters
from tinyml_nas.quantize.scheme import dequantize
from tinyml_nas.quantize.stream import Agreement, IntStream
from tinyml_nas.train.builder import NetworkModule

COUNTED_WINDOWS = 4
"""Windows whose instructions are counted; the C has next to no data-dependent branches."""


@dataclass(frozen=True)
class ProvenStream:
    """A stream, the samples [T, C] that it is proven on, and how near it is to the float chain."""

    stream: IntStream
    samples: Sequence[Int16]
    agreement: Agreement


def export_model(
    trained: NetworkModule,
    quantized: Quantized | None,
    features: FeatureSet,
    windows: Float32,
    stream: ProvenStream | None,
    config: Config,
    run: str,
    folder: Path,
    console: Console,
) -> dict[str, Any]:
    """Write every artefact of a model into ``folder`` and prove that they agree on ``windows``.

    Where there is a ``stream``, its C stands around that of the network, and bears the name of the
    ``run``.  Returns the ``parity``, ``stream``, ``files`` with their ``sha256`` and measured costs
    of its results record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folded = fold_batch_norm(trained)
    model = float_model(folded.network, folded_parameters(folded), features.normalization)
    files = {"float ONNX": _save(model, folder / "model_float.onnx")}
    if quantized is None:
        return {"parity": ParityReport(0, ()).to_json(), **_files_record(files, (), folder)}
    net = quantized.integer
    files["int8 ONNX"] = _save(integer_model(net), folder / "model_int8.onnx")
    parameters = quantized.module.parameters_by_node()
    qdq = qdq_model(net, parameters, features.normalization)
    files["QDQ ONNX"] = _save(qdq, folder / "model_qdq.onnx")
    carriers: list[Carrier] = [
        TorchModule(net, quantized.module),
        OnnxRuntime(net, files["int8 ONNX"], optimized=True),
        OnnxRuntime(net, files["int8 ONNX"], optimized=False),
    ]
    agreement = _qdq_agreement(net, files["QDQ ONNX"], features.validation.x)
    console.info(f"QDQ file: {agreement:.1%} of its answers to validation windows are the same")
    record: dict[str, Any] = {"model_hash": model_hash(net), "qdq_agreement": agreement}
    package: Sequence[Path] = ()
    if config.compilation.enable:
        compilation = config.compilation
        around = None if stream is None else stream.stream
        export = emit_c(
            net, compilation.c_prefix, folder / "c", windows, compilation.optimize, around, run
        )
        package = tuple(export.package.values())
        files |= {f"C {kind.replace('_', ' ')}": path for kind, path in export.files.items()}
        files["C package"] = export.package["readme"]
        carriers += c_carriers(net, export)
        inputs = quantize_input(net, windows[:COUNTED_WINDOWS])
        record |= measure(net, export, inputs, console)
    report = prove_carriers(net, windows, carriers, console)
    if stream is not None:
        files |= write_replay(stream.stream, stream.samples, folder / "c" / "replay")
        results = prove_streams(stream.stream, stream.samples, export, console)
        report = replace(report, carriers=(*report.carriers, *results))
        record["stream"] = _stream_record(stream, export, console)
    _say_briefly(report.carriers, console)
    return record | {"parity": report.to_json(), **_files_record(files, package, folder)}


def _save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def _files_record(
    files: Mapping[str, Path], package: Sequence[Path], folder: Path
) -> dict[str, dict[str, str]]:
    """Names below ``folder`` of ``files``, and the SHA-256 of these and the rest of the package."""
    names = {path: path.relative_to(folder).as_posix() for path in (*files.values(), *package)}
    return {
        "files": {label: names[path] for label, path in files.items()},
        "sha256": {name: sha256_of(path) for path, name in sorted(names.items())},
    }


def sha256_of(path: Path) -> str:
    """SHA-256 of a whole file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def golden_windows(features: FeatureSet, count: int) -> Float32:
    """Test windows spread evenly over the split, so that every class and file has its share."""
    x = features.test.x
    spread: Float32 = x[np.unique(np.linspace(0, len(x) - 1, count).astype(int))]
    return spread


def _qdq_agreement(net: IntNetwork, file: Path, x: Float32) -> float:
    """Share of the QDQ file's outputs that are those of the integer model; of classes, if so."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {SAMPLES: x})
    q = run_reference(net, quantize_input(net, x))[net.network.output].reshape(len(x), -1)
    if net.answer is None:
        return float((outputs.argmax(1) == q.argmax(1)).mean())
    near = np.abs(outputs - dequantize(net.output_scale, q)) < net.output_scale.scale / 2
    return float(near.mean())


def _stream_record(proven: ProvenStream, export: CExport, console: Console) -> dict[str, Any]:
    """What a stream is, how near its features are to the float ones, and what it takes."""
    chain, voting = proven.stream.frontend.chain, proven.stream.voting
    near = proven.agreement
    console.info(
        f"from int16 samples: {near.inputs_equal:.1%} of the int8 inputs are those of the float "
        f"features, {near.mean_difference:.2f} steps apart on average; the same answer for "
        f"{near.labels_equal:.1%} of {near.windows} windows"
    )
    costs = on_each(
        tuple(EMULATED_CORES),
        "measure the stream",
        lambda core: measure_stream(export, core, proven.samples[0], chain.hop),
        console,
    )
    return {
        "operations": [operation.kernel for operation in chain.operations],
        "lsb": chain.lsb.tolist(),
        "frame_rows": chain.frame_length,
        "hop": chain.hop,
        "joined": chain.joined,
        "voting": vars(voting),
        "agreement": vars(near),
        "cost": {core: vars(cost) for core, cost in costs.items()},
    }


def prove_streams(
    stream: IntStream, samples: Sequence[Int16], export: CExport, console: Console
) -> tuple[CarrierResult, ...]:
    """Run the C of a stream on this machine and every core."""
    carriers, pushes = stream_carriers(export), cut(stream, samples)
    truth = [expected(stream, part) for part in samples]
    with console.track("prove the stream", len(carriers)) as task:
        results = []
        for carrier in carriers:
            results.append(prove_stream(truth, pushes, carrier))
            task.advance(f"{carrier.name}: {results[-1].status}")
    return tuple(results)


def say_carrier(result: CarrierResult, console: Console) -> None:
    """A line on how ``result`` fared."""
    line = f"{result.name}: {result.status}, {result.values:,} values, {result.mismatches} differ"
    say = console.info if result.status == "proven" else console.warning
    say(f"{line} ({result.detail})")


def _say_briefly(results: Sequence[CarrierResult], console: Console) -> None:
    """One line for all that are proven, and one for each that is not."""
    proven = [result for result in results if result.status == "proven"]
    for result in results:
        if result.status != "proven":
            say_carrier(result, console)
    if proven:
        values = sum(result.values for result in proven)
        names = "; ".join(dict.fromkeys(result.name for result in proven))
        console.info(f"the same bits, {values:,} values in all: {names}")


def prove_carriers(
    net: IntNetwork, windows: Float32, carriers: Sequence[Carrier], console: Console
) -> ParityReport:
    """Run ``carriers`` one by one over ``windows`` (N, C, L)."""
    with console.track("prove parity", len(carriers)) as task:
        return prove(net, windows, carriers, lambda r: task.advance(f"{r.name}: {r.status}"))
