"""An Ethos-U in software: the program that Vela made, executed bit for bit."""

from __future__ import annotations

import contextlib

import numpy as np

from tinyml_nas.cost.npu.ethos_u.program import Program
from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.graph import Shape
from tinyml_nas.graph.integer import Int8
from tinyml_nas.proof.ethos_u.execute import Int64, execute
from tinyml_nas.proof.ethos_u.regions import ProgramMemory, as_rows
from tinyml_nas.proof.ethos_u.registers import UNCHECKED, stream_of

__all__ = ["UNCHECKED", "execute", "first_difference", "run_program", "stream_of"]


def run_program(program: Program, inputs: Int8, leaves: Shape) -> Int8:
    """What ``program`` makes of int8 windows (N, C, L): a tensor (N, C', L') of shape ``leaves``.

    Raises ``ParityError`` for a program that does something wrong, ``ToolError`` for one that
    needs what is not modeled: the U85, or a U65 with two cores.
    """
    memory, out = _executed(program, inputs, []), program.output
    raw = memory.read(out.index, out.offset + np.arange(out.size_bytes))
    rows = np.ascontiguousarray(raw).view(np.int8).reshape(-1, leaves.length, leaves.channels)
    return np.ascontiguousarray(rows.transpose(0, 2, 1))


def first_difference(program: Program, right: Program, inputs: Int8) -> int | None:
    """Number of the first operation, transfers aside, in which ``program`` differs from ``right``.

    It gives another output or does something wrong; ``None`` where no operation does.  Raises
    ``ToolError`` as :func:`run_program` does.
    """
    found, expected = list[Int64](), list[Int64]()
    _executed(right, inputs, expected)
    with contextlib.suppress(ParityError):
        _executed(program, inputs, found)
    pairs = zip(found, expected, strict=False)
    unlike = (i for i, (a, b) in enumerate(pairs) if not np.array_equal(a, b))
    return next(unlike, None if len(found) == len(expected) else len(found))


def _executed(program: Program, inputs: Int8, outputs: list[Int64]) -> ProgramMemory:
    if program.accelerator.startswith("ethos-u85"):
        raise ToolError("compiled, not executed: its command set is not simulated")
    memory = ProgramMemory(program, as_rows(inputs))
    execute(stream_of(program.commands), memory, program.accelerator, outputs)
    return memory
