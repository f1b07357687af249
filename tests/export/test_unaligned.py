"""A Cortex-M4 that traps unaligned loads, as safety projects set it up: right bits, no fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from build_matrix import GCC, Build
from c_builds import Emit, compiler_or_skip
from random_networks import random_int_network, random_windows

from tinyml_nas.errors import ParityError
from tinyml_nas.export.c import CExport, time_major
from tinyml_nas.graph.integer import IntConv, IntNetwork
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.trace import split_trace, write_trace_header
from tinyml_nas.quantize.reference import run_reference

pytestmark = pytest.mark.c

BOARD = "mps2-an386"
LOOPS, TRAP = "CCR |= 1u << 19", "CCR |= 1u << 3"
SEEDS = (0, 2, 4, 10)


def trapping_board(export: CExport, folder: Path, *flags: str) -> qemu.Board:
    """A board with the C of ``export``, whose every unaligned load of a word is a fault."""
    text = (qemu.FOLDER / "board.c").read_text(encoding="ascii")
    assert LOOPS in text
    source = folder / "board.c"
    text = text.replace(LOOPS, TRAP).replace("@p@", export.prefix)
    source.write_text(text.replace("@P@", export.prefix.upper()), encoding="ascii")
    arena_bytes = -(-export.arena_bytes // 4) * 4  # it ends where the memory does
    build = Build("gcc", "M4", "soft", "-O2", "found")
    header = write_trace_header(export, folder)
    library = build.library(
        export.prefix, export.sources, folder / "library.o", (*flags, "-include", header)
    )
    program = build.link(
        folder / "firmware.elf", *flags, library, "-I", export.folder, source,
        "-T", qemu.FOLDER / "board.ld", f"-Wl,--defsym=arena_bytes={arena_bytes}",
    )  # fmt: skip
    return qemu.Board(program, folder, BOARD)


def unusual_rows(net: IntNetwork) -> bool:
    """Whether a convolution's windows start where no word does."""
    return any(
        isinstance(layer.op, IntConv)
        and net.network.shapes[layer.inputs[0]].channels * layer.op.stride % 4
        for layer in net.layers
    )


@pytest.fixture(autouse=True)
def tools() -> None:
    for tool in (GCC, qemu.EMULATOR):
        compiler_or_skip(tool)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_unaligned_loads_no_load_is_unaligned(
    emit: Emit, tmp_path: Path, seed: int
) -> None:
    net = random_int_network(seed)
    assert unusual_rows(net)
    inputs, board = (
        random_windows(net, 2),
        trapping_board(emit(net), tmp_path, "-mno-unaligned-access"),
    )
    tensors = split_trace(net, board.run("windows", time_major(inputs).tobytes()), len(inputs))
    for layer, truth in run_reference(net, inputs).items():
        assert layer not in tensors or np.array_equal(tensors[layer], truth), layer


def test_the_board_traps(emit: Emit, tmp_path: Path) -> None:
    net = random_int_network(SEEDS[0])
    board = trapping_board(emit(net), tmp_path)
    with pytest.raises(ParityError, match="exit code 97"):
        board.run("windows", time_major(random_windows(net, 1)).tobytes())
