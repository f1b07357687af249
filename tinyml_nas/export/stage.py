"""The export stage writes three ONNX files, the C and samples to replay; it runs none of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from tinyml_nas.config.sections.delivery import Compilation
from tinyml_nas.cost.npu.ethos_u import Compiled
from tinyml_nas.export.c import CExport, NpuPart, emit_c
from tinyml_nas.export.npu.vela_file import Stored, save_program
from tinyml_nas.export.onnx import float_model, integer_model, qdq_model
from tinyml_nas.export.replay import write_replay
from tinyml_nas.features import FeatureSet
from tinyml_nas.files import write_whole
from tinyml_nas.graph.integer import Float32
from tinyml_nas.quantize import Quantized
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.qat import folded_parameters
from tinyml_nas.quantize.stream import SampledStream
from tinyml_nas.train.builder import NetworkModule

INT8, QDQ = "int8 ONNX", "QDQ ONNX"
HEADER, SOURCE, STREAM = "C header", "C source", "C stream"
TOSA, PROGRAM = "TOSA", "Ethos-U program"


@dataclass(frozen=True)
class Artifacts:
    """The files of a model by what they are, such as ``INT8``; ``c`` describes the C among them."""

    files: Mapping[str, Path]
    c: CExport | None = None

    def names(self, run: Path) -> dict[str, str]:
        """The files by what they are, as paths below the folder ``run``."""
        return {label: path.relative_to(run).as_posix() for label, path in self.files.items()}

    def digests(self, run: Path) -> dict[str, str]:
        """SHA-256 of the files and of the rest of the C package, by path below ``run``."""
        package = () if self.c is None else self.c.package.values()
        names = {
            path.relative_to(run).as_posix(): path for path in (*self.files.values(), *package)
        }
        return {name: sha256_of(path) for name, path in sorted(names.items())}


def export_model(
    trained: NetworkModule,
    quantized: Quantized | None,
    features: FeatureSet,
    windows: Float32,
    stream: SampledStream | None,
    compilation: Compilation,
    run: str,
    folder: Path,
    npu: Compiled | None = None,
) -> Artifacts:
    """Write every artifact of a model into ``folder``; the C has ``windows`` (N, C, L) as vectors.

    The C of a ``stream`` calls that of the network; its samples (T, C) lie beside it for replay.
    The C names the ``run``.  What was ``compiled`` for an accelerator lies in a folder of its own,
    and in the C.
    """
    files = _write_onnx(trained, quantized, features, folder)
    if quantized is None or not compilation.enable:
        return Artifacts(files)
    part = None
    if npu is not None:
        files |= _write_npu(npu, folder / "npu", compilation.c_prefix)
        part = None if npu.program is None else NpuPart(npu.program, npu.split)
    export = emit_c(
        quantized.integer,
        compilation.c_prefix,
        folder / "c",
        windows,
        compilation.optimize,
        stream and stream[0],
        run,
        part,
    )
    files |= {f"C {kind.replace('_', ' ')}": path for kind, path in export.files.items()}
    files["C package"] = export.package["readme"]
    if stream is not None:
        files |= write_replay(*stream, folder / "c" / "replay")
    return Artifacts(files, export)


def _write_onnx(
    trained: NetworkModule, quantized: Quantized | None, features: FeatureSet, folder: Path
) -> dict[str, Path]:
    """The float model and, where it was quantized, the integer model in both forms."""
    folder.mkdir(parents=True, exist_ok=True)
    folded = fold_batch_norm(trained)
    model = float_model(folded.network, folded_parameters(folded), features.normalization)
    files = {"float ONNX": _save(model, folder / "model_float.onnx")}
    if quantized is None:
        return files
    net = quantized.integer
    files[INT8] = _save(integer_model(net), folder / "model_int8.onnx")
    parameters = quantized.module.parameters_by_node()
    qdq = qdq_model(net, parameters, features.normalization)
    files[QDQ] = _save(qdq, folder / "model_qdq.onnx")
    return files


def _write_npu(npu: Compiled, folder: Path, prefix: str) -> dict[str, Path]:
    """What the compiler read and, where it is installed, what it wrote."""
    files = {TOSA: write_whole(folder / f"{prefix}.tosa", npu.tosa)}
    if npu.program is not None:
        path = folder / f"{prefix}_vela.npz"
        stored = Stored(npu.program, npu.npu, npu.split.taken[-1])
        files[PROGRAM] = save_program(path, stored)
    return files


def _save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def sha256_of(path: Path) -> str:
    """SHA-256 of a whole file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def golden_windows(features: FeatureSet, count: int) -> Float32:
    """Test windows spread evenly over the split, so that every class and file has its share."""
    x = features.test.x
    spread: Float32 = x[np.unique(np.linspace(0, len(x) - 1, count).astype(int))]
    return spread
