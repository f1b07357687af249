"""Vela, Arm's compiler for Ethos-U: a TOSA file becomes a program.

Its core is called in this process, on bytes: a few milliseconds.  Its command line is the way where
that call is missing.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module, metadata
from typing import Any

from tinyml_nas.cost.npu.ethos_u.program import Program, Region
from tinyml_nas.cost.npu.ethos_u.system import system_text
from tinyml_nas.devices import EthosU
from tinyml_nas.errors import ToolError
from tinyml_nas.results.export import NpuOperation

PACKAGE, VERSION = "ethos-u-vela", "5.2.0"
COMPILER = f"Vela {VERSION}"
OPTIONS = """
[compiler]
enable_db=true
output_format=Raw
cop_format=COP1
[scheduler]
optimize=Performance
arena_size_limit=4294967296
cpu_tensor_alignment=16
tensor_allocator=HillClimb
[graph]
"""


@cache
def missing() -> str | None:
    """Why Vela cannot be used here, with the command that installs it; ``None`` where it can."""
    install = f"`{sys.executable} -m pip install {PACKAGE}=={VERSION} flatbuffers`"
    try:
        found = metadata.version(PACKAGE)
        metadata.version("flatbuffers")
    except metadata.PackageNotFoundError as error:
        return f"{error.name} is not installed: {install}"
    if found != VERSION:
        return f"{PACKAGE} is {found}, and {VERSION} is what is tested: {install}"
    return None


def compile_tosa(model: bytes, npu: EthosU) -> Program:
    """The program of ``npu`` for a TOSA file.

    Raises ``ToolError`` where Vela is missing or refuses the file.
    """
    if reason := missing():
        raise ToolError(f"Vela cannot compile: {reason}.")
    regor: Any = import_module("ethosu.regor")
    arch = "".join(part.capitalize() for part in npu.kind.split("-"))
    try:
        raw = regor.compile(arch, model, "TOSA", system_text(npu), options=OPTIONS)
    except (RuntimeError, ValueError) as error:
        raise ToolError(f"Vela refuses the network for {npu.accelerator}: {error}.") from error
    return _program(raw, npu)


def _program(raw: Any, npu: EthosU) -> Program:
    (entry,), (leave,) = raw.inputs, raw.outputs
    return Program(
        accelerator=npu.accelerator,
        commands=bytes(raw.command_stream),
        weights=bytes(raw.read_only.data),
        weights_region=raw.read_only.region,
        scratch=_region(raw.scratch),
        fast_scratch=_region(raw.scratch_fast),
        input=_region(entry),
        output=_region(leave),
        cycles=raw.perf_report.totalCycles,
        layers=_layers(raw.opt_database.tables["perf"]),
    )


def _region(tensor: Any) -> Region:
    return Region(tensor.region, tensor.address, tensor.size)


def _layers(table: Any) -> tuple[NpuOperation, ...]:
    columns = [table.header.index(name) for name in ("name", "operator", "op_cycles", "mac_count")]
    rows = ([row[column] for column in columns] for row in table.data)
    return tuple(
        NpuOperation(
            name=name.split("#")[0], operation=operator, cycles=int(cycles), macs=int(macs)
        )
        for name, operator, cycles, macs in rows
    )
