"""Vela, Arm's compiler for Ethos-U: a TOSA file becomes a program.

Its core is called in this process, on bytes: a few milliseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module, metadata
from typing import Any

from tinyml_nas.cost.npu.ethos_u.program import Program, Region
from tinyml_nas.cost.npu.ethos_u.system import system_text
from tinyml_nas.cost.npu.ethos_u.tosa import made_by
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
arena_size_limit={limit}
cpu_tensor_alignment=16
tensor_allocator=HillClimb
[graph]
"""
UNLIMITED = 1 << 32


@cache
def missing() -> str | None:
    """Why Vela cannot be used here, with the command that installs it; ``None`` where it can."""
    install = f"`{sys.executable} -m pip install {PACKAGE}=={VERSION}`"
    try:
        found = metadata.version(PACKAGE)
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
    limit = npu.cache_bytes if npu.memory_mode == "dedicated_sram" else UNLIMITED
    options = OPTIONS.format(limit=limit)
    arch = "".join(part.capitalize() for part in npu.kind.split("-"))
    try:
        raw = regor.compile(arch, model, "TOSA", system_text(npu), options=options)
    except (RuntimeError, ValueError) as error:
        raise ToolError(f"Vela refuses the network for {npu.accelerator}: {error}.") from error
    return _program(raw, model, npu)


def _program(raw: Any, model: bytes, npu: EthosU) -> Program:
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
        layers=_layers(raw.opt_database.tables, made_by(model)),
    )


def _region(tensor: Any) -> Region:
    return Region(tensor.region, tensor.address, tensor.size)


def _layers(tables: Any, made: list[str]) -> tuple[NpuOperation, ...]:
    """Operations, each named as the layer of the TOSA operator that it stems from.

    The name of its result would be that of a later layer where it writes into a concatenation.
    """
    columns = ("source_id", "operator", "op_cycles", "mac_count")
    places = {source: int(place) for source, place in _columns(tables["source"], ("id", "ext_key"))}
    return tuple(
        NpuOperation(
            name=made[places[source]].rsplit("#", 1)[0],
            operation=operator,
            cycles=int(cycles),
            macs=int(macs),
        )
        for source, operator, cycles, macs in _columns(tables["perf"], columns)
    )


def _columns(table: Any, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    places = [table.header.index(name) for name in names]
    return (tuple(row[place] for place in places) for row in table.data)
