"""What ``results.json`` says of an accelerator's program."""

from __future__ import annotations

from tinyml_nas.cost.npu.ethos_u import Compiled
from tinyml_nas.cost.npu.ethos_u.vela import COMPILER
from tinyml_nas.results.export import NpuProgram


def program_record(compiled: Compiled | None) -> NpuProgram | None:
    """The record of what was ``compiled``; None where nothing was."""
    if compiled is None or compiled.program is None:
        return None
    program = compiled.program
    return NpuProgram(
        accelerator=program.accelerator,
        compiler=COMPILER,
        clock_hz=compiled.npu.clock_hz,
        cycles=program.cycles,
        command_bytes=len(program.commands),
        weight_bytes=len(program.weights),
        ram_bytes=program.ram_bytes,
        operations=list(program.layers),
        core_layers=list(compiled.split.rest),
    )
