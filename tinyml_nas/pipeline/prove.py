"""Prove a finished run again: the files as they lie there now, edited or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tinyml_nas.console import Console
from tinyml_nas.errors import ToolError
from tinyml_nas.export.c.known_faults import REMEDY
from tinyml_nas.export.stage import prove_carriers, prove_streams, say_carrier
from tinyml_nas.pipeline.finish import STREAM_FILE
from tinyml_nas.pipeline.shipped import (
    SOURCE,
    STREAM,
    confused_models,
    differences,
    faults,
    shipped_c,
)
from tinyml_nas.proof.carriers import Carrier, OnnxRuntime
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.parity import ParityReport, c_carriers
from tinyml_nas.quantize.integer import Float32, IntNetwork
from tinyml_nas.quantize.storage import load_integer
from tinyml_nas.quantize.stream import load_stream
from tinyml_nas.report import load_provable
from tinyml_nas.results.export import Exported
from tinyml_nas.results.folder import RESULTS, named_run

INT8 = "int8 ONNX"


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
    for model in models:
        console.stage(f"prove: {model.name} ({model.role})")
        _prove_model(run, model, console)


def _prove_model(run: Path, model: Exported, console: Console) -> None:
    wrong = list(differences(run, model))
    if model.model_hash is not None and not model.sha256:
        wrong.append(f"{RESULTS} lacks the SHA-256 of its files")
    for clause in wrong:
        console.warning(f"{model.name}: {clause}")
    report = ParityReport(0, ())
    if INT8 in model.files:
        stored = run / "quantize" / model.role / "integer.npz"
        net, windows = load_integer(stored)
        wrong += confused_models(run, model, stored, net)
        report = _prove_carriers(run, model, net, windows, console)
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
    report.require()
    _require_proven(model, report)
    if wrong:
        raise ToolError(
            f"{model.name}: {', '.join(wrong)}",
            hint="put back the files as the run wrote them, or run the pipeline again; whatever "
            "could run gave the proven bits",
        )


def _prove_carriers(
    run: Path, model: Exported, net: IntNetwork, windows: Float32, console: Console
) -> ParityReport:
    """What the files of ``model`` compute; one that is missing is no carrier."""
    file = run / model.files[INT8]
    carriers: list[Carrier] = []
    if file.is_file():
        carriers += [OnnxRuntime(net, file, optimized=o) for o in (True, False)]
    if SOURCE not in model.files:
        return prove_carriers(net, windows, carriers, console)
    export = shipped_c(run, model, net)
    report = prove_carriers(net, windows, [*carriers, *c_carriers(net, export)], console)
    if STREAM in model.files:
        stream, samples = load_stream(run / "quantize" / model.role / STREAM_FILE, net)
        results = prove_streams(stream, samples, export, console)
        report = replace(report, carriers=(*report.carriers, *results))
    return report


def _require_proven(model: Exported, report: ParityReport) -> None:
    required = [c for c in report.carriers if c.name != qemu.CORE or not qemu.missing_tools()]
    if unproven := [c for c in required if c.status != "proven"]:
        raise ToolError(
            f"{model.name}: not proven on {', '.join(c.name for c in unproven)}",
            hint=f"the first says: {unproven[0].detail}",
        )
