"""Runs the generated C on a Cortex-M55 in QEMU: unicorn cannot run Helium.

The firmware is `board/`: it is handed files, runs the model and hands files back.  Its arena ends
where the memory does, so that one byte too many is a fault.
"""

from __future__ import annotations

import shutil
import struct
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.export.c import CExport, time_major
from tinyml_nas.graph.integer import Int8
from tinyml_nas.proof.cores.toolchain import (
    BUILD_TIMEOUT_S,
    GCC,
    GCC_PACKAGE,
    NO_LIBC,
    linker_script,
    run_tool,
)

CORE = "cortex-m55"
MACHINE = "mps3-an547"
COMPILER, EMULATOR = GCC, "qemu-system-arm"
PACKAGES = f"{GCC_PACKAGE} {EMULATOR}"
FOLDER = Path(__file__).with_name("board")
FLAGS = ("-std=c99", "-mcpu=cortex-m55", "-mfloat-abi=hard", "-ffunction-sections", *NO_LIBC)
LIBRARIES = ("-lgcc",)
LAP_HEADER = "void lap(void);\n#define {P}_TRACE(layer, data, rows, row_bytes) lap()\n"
ICOUNT_SHIFT = 6
TICKS_PER_INSTRUCTION = (1 << ICOUNT_SHIFT) * 1e-9 * 32e6
"""QEMU lets an instruction take 2^shift ns, and SysTick runs at 32 MHz: 2.048 ticks, so that none
is lost; a layer of eight million would wrap."""


def missing_tools() -> list[str]:
    """What a proof on this core wants and pip does not bring."""
    return [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]


class Board:
    """The board with the firmware ``program`` on it, which exchanges files with ``folder``."""

    def __init__(self, program: Path, folder: Path, machine: str = MACHINE) -> None:
        self._program, self._folder, self._machine = program, folder, machine

    def run(self, name: str, data: bytes, *options: str) -> bytes:
        """What the firmware makes of a file ``name``; raises ``ParityError`` when it faults."""
        file = self._folder / name
        file.write_bytes(data)
        command = [EMULATOR, "-M", self._machine, "-display", "none", "-monitor", "none"]
        command += ["-serial", "null", "-semihosting-config", "enable=on,target=native"]
        try:
            run_tool([*command, *options, "-kernel", self._program], folder=self._folder)
        except ToolError as error:
            raise ParityError(
                f"{self._machine}: the firmware did not end well: {error.message}"
            ) from error
        finally:
            file.unlink()
        return (self._folder / "output").read_bytes()


def build_firmware(export: CExport, folder: Path, header: Path, optimize: str = "-Os") -> Path:
    """The firmware with ``export`` inside, built in ``folder``; raises ``ToolError``.

    ``header`` stands before every source and says what ``<PREFIX>_TRACE`` does.
    """
    if missing := missing_tools():
        raise ToolError(f"{' and '.join(missing)} not found; on Debian: apt-get install {PACKAGES}")
    program, source = folder / "firmware.elf", folder / "board.c"
    text = (FOLDER / "board.c").read_text(encoding="ascii")
    source.write_text(
        text.replace("@p@", export.prefix).replace("@P@", export.prefix.upper()), encoding="ascii"
    )
    _build(
        optimize, "-include", header, "-I", export.folder,
        source, *export.sources, *LIBRARIES, "-T", FOLDER / "board.ld",
        f"-Wl,--defsym=arena_bytes={export.arena_bytes}", "-o", program,
    )  # fmt: skip
    return program


def count(
    export: CExport, folder: Path, inputs: Int8, optimize: str
) -> tuple[list[Counter[str]], int]:
    """Instructions by symbol for each window (N, C, L), exact to one per layer; bytes of stack.

    "" is what follows the last layer; the first one's contain what precedes it.
    """
    header = folder / "lap.h"
    header.write_text(LAP_HEADER.format(P=export.prefix.upper()), encoding="ascii")
    board = Board(build_firmware(export, folder, header, optimize), folder)
    options = ("-icount", f"shift={ICOUNT_SHIFT}")
    data = board.run("counted", time_major(inputs).tobytes(), *options)
    (stack,) = struct.unpack("<I", data[-4:])
    laps = np.frombuffer(data[:-4], "<u4").reshape(len(inputs), -1).astype(float)
    instructions = np.rint((laps[:, 1:] - laps[:, :1]) / TICKS_PER_INSTRUCTION).astype(int)
    names = (*export.layer_functions, "")
    return [Counter(dict(zip(names, row, strict=True))) for row in instructions.tolist()], stack


def link_model(export: CExport, program: Path, keep: Sequence[str], optimize: str) -> Path:
    """An ELF with the functions ``keep`` and what they call, and nothing of the firmware."""
    script = program.with_suffix(".ld")
    script.write_text(linker_script(keep), encoding="ascii")
    _build(
        optimize, "-fdata-sections", "-Wl,--gc-sections",
        "-T", script, *export.sources, *LIBRARIES, "-o", program,
    )  # fmt: skip
    return program


def _build(*words: str | Path) -> None:
    run_tool([COMPILER, *FLAGS, *words], timeout_s=BUILD_TIMEOUT_S)
