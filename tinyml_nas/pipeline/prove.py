"""Prove a finished run again: the files as they lie there now, edited or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tinyml_nas.console import Console
from tinyml_nas.errors import ToolError
from tinyml_nas.export import qemu
from tinyml_nas.export.c import describe
from tinyml_nas.export.carriers import Carrier, OnnxRuntime
from tinyml_nas.export.parity import c_carriers
from tinyml_nas.export.stage import prove_carriers, prove_streams, say_carrier
from tinyml_nas.pipeline.folder import RESULTS, named_run
from tinyml_nas.pipeline.model import STREAM_FILE
from tinyml_nas.quantize.storage import load_integer
from tinyml_nas.quantize.stream import load_stream
from tinyml_nas.report import load_results

INT8 = "int8 ONNX"
SOURCE = "C source"
STREAM = "C stream"


def prove_run(run: Path, console: Console) -> None:
    """Compare the integer ONNX file and the C of ``run`` with its integer model, layer by layer.

    Raises ``ParityError`` for a file that computes something else; ``ToolError`` for a folder that
    is no finished run, and where a carrier could not run: what was asked for is a proof.  The one
    core that needs more than pip brings may stay unproven, as a warning says.
    """
    run = named_run(run)
    if not (run / RESULTS).is_file():
        raise ToolError(
            f"{run} is no finished run: it has no {RESULTS}",
            hint="name the folder of a run, such as runs/watch_exercise/latest",
        )
    for model in load_results(run / RESULTS).models:
        if INT8 not in model.files:
            console.warning(f"{model.name}: float only, there is nothing to prove")
            continue
        console.stage(f"prove: {model.name} ({model.role})")
        net, windows = load_integer(run / "quantize" / model.role / "integer.npz")
        file = run / model.files[INT8]
        carriers: list[Carrier] = [OnnxRuntime(net, file, optimized=o) for o in (True, False)]
        if SOURCE in model.files:
            source = run / model.files[SOURCE]
            streams = STREAM in model.files
            export = describe(net, source.stem, source.parent, stream=streams)
            carriers += c_carriers(net, export)
        report = prove_carriers(net, windows, carriers, console)
        if STREAM in model.files:
            file = run / "quantize" / model.role / STREAM_FILE
            stream, samples = load_stream(file, net)
            results = prove_streams(stream, samples, export, console)
            report = replace(report, carriers=(*report.carriers, *results))
        for carrier in report.carriers:
            say_carrier(carrier, console)
        report.require()
        required = [c for c in report.carriers if c.name != qemu.CORE or not qemu.missing_tools()]
        if unproven := [c for c in required if c.status != "proven"]:
            raise ToolError(
                f"{model.name}: not proven on {', '.join(c.name for c in unproven)}",
                hint=f"the first says: {unproven[0].detail}",
            )
