"""Prove a finished run again: the files as they lie there now, edited or not."""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.console import Console
from tinyml_nas.errors import ToolError
from tinyml_nas.export.c.known_faults import REMEDY
from tinyml_nas.export.stage import INT8, SOURCE, STREAM, Artifacts
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.pipeline.finish import STREAM_FILE
from tinyml_nas.pipeline.shipped import confused_models, differences, faults, shipped_c
from tinyml_nas.proof.cores.missing import left_out
from tinyml_nas.proof.stage import prove_model, require_proven, say_carrier
from tinyml_nas.quantize.storage import load_integer
from tinyml_nas.quantize.stream import SampledStream, load_stream
from tinyml_nas.report import load_provable
from tinyml_nas.results.export import Exported, Parity
from tinyml_nas.results.folder import RESULTS, named_run


def prove_run(run: Path, console: Console) -> None:
    """Compare the integer ONNX file and the C of ``run`` with its integer model, layer by layer.

    Every exported file is held against the SHA-256 that the run wrote down.  Runs of older releases
    have none; what of them could not be checked is said, and so are faults of their C that are
    known by now.

    Raises ``ParityError`` for a file that computes something else; ``ToolError`` for one that is
    missing or changed, for a folder that is no finished run, and where a carrier could not run:
    what was asked for is a proof.  The one core that needs more than pip brings may stay unproven,
    as a warning says.
    """
    run = named_run(run)
    if not (run / RESULTS).is_file():
        raise ToolError(
            f"{run} is no finished run: it has no {RESULTS}",
            hint="name the folder of a run, such as runs/watch_exercise/latest",
        )
    models = load_provable(run / RESULTS).models
    if not models:
        raise ToolError(
            f"{run / RESULTS} names no model, so nothing is proven.",
            hint="name a run that trained one, or put back the file as the run wrote it",
        )
    if any(SOURCE in model.files for model in models) and (warning := left_out(counted=False)):
        console.warning(warning)
    for model in models:
        console.stage(f"prove: {model.name} ({model.role})")
        _prove_model(run, model, console)


def _prove_model(run: Path, model: Exported, console: Console) -> None:
    wrong = list(differences(run, model))
    if model.model_hash is not None and not model.sha256:
        wrong.append(f"{RESULTS} lacks the SHA-256 of its files")
    for clause in wrong:
        console.warning(f"{model.name}: {clause}")
    report = Parity(vectors=0, carriers=[])
    if INT8 in model.files:
        stored = run / "quantize" / model.role / "integer.npz"
        net, windows = load_integer(stored)
        wrong += confused_models(run, model, stored, net)
        artifacts, stream = _as_it_lies(run, model, net)
        report = prove_model(net, windows, artifacts, stream, console)
    else:
        console.warning(f"{model.name}: float only, there is nothing to prove")
    for carrier in report.carriers:
        say_carrier(carrier, console)
    if model.model_hash is None and not model.sha256:
        console.warning(
            f"{model.name}: this run is of an older release, which wrote down no SHA-256 of its "
            "files: those that no carrier runs were not checked"
        )
    for fault in faults(run, model):
        console.warning(f"{model.name}: the C is of an older release: {fault}; {REMEDY}")
    require_proven(model.name, report)
    if wrong:
        raise ToolError(
            f"{model.name}: {', '.join(wrong)}",
            hint="put back the files as the run wrote them, or run the pipeline again; whatever "
            "could run gave the proven bits",
        )


def _as_it_lies(
    run: Path, model: Exported, net: IntNetwork
) -> tuple[Artifacts, SampledStream | None]:
    """The files of ``model`` that a proof takes, and the stream that its C is to be."""
    files = {label: run / name for label, name in model.files.items()}
    if SOURCE not in files:
        return Artifacts(files), None
    artifacts = Artifacts(files, shipped_c(run, model, net))
    if STREAM not in files:
        return artifacts, None
    return artifacts, load_stream(run / "quantize" / model.role / STREAM_FILE, net)
