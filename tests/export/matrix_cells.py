"""One build of the matrix: made without a warning, run where it can be, compared bit by bit."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from build_matrix import ARITHMETIC, CORES, MEMORY, Build, undefined_symbols, variables
from c_builds import WARNINGS
from matrix_cases import Case

from tinyml_nas.errors import ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.proof.carriers import BoardC, EmulatedC
from tinyml_nas.proof.carriers.protocol import Carrier, Quantizer
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.streaming import PROTOTYPE, CoreStream, first_difference

PLAY = """\
#include "@p@_stream.h"

static @p@_stream_t stream;
static int16_t rows[@P@_HOP * @P@_SAMPLE_CHANNELS];

void stream_trace(const void *data, int32_t bytes)
{
    write_all(data, (uint32_t)bytes);
}

static int play(int32_t file)
{
    int status = @p@_stream_init(&stream);

    while (status == @P@_OK && read_all(file, rows, sizeof rows)) {
        const int32_t label = @p@_push(&stream, rows, @P@_HOP);

        if (label != @P@_PENDING) {
            write_all(&label, sizeof label);
            write_all(@p@_stream_scores(&stream), @P@_OUTPUTS);
        }
    }
    return status;
}

static void fault(void)"""
"""What the firmware does with the samples of a stream, a hop at a time."""


@dataclass(frozen=True)
class Examined:
    """What the C of a build takes from elsewhere, and the first thing that is not as it must be."""

    undefined: frozenset[str]
    fault: str

    @property
    def undocumented(self) -> set[str]:
        """What is neither the compiler's arithmetic nor a function of memory."""
        known = (ARITHMETIC, MEMORY)
        return {name for name in self.undefined if not any(k.fullmatch(name) for k in known)}


def examine(build: Build, case: Case) -> Examined:
    """Makes ``case`` by ``build`` and runs it."""
    cell = _Cell(build, case)
    try:
        fault = cell.difference()
    except ToolError as error:
        fault = error.message
    return Examined(frozenset(cell.undefined), fault)


class _Cell:
    """Makes programs as the carriers want them, and keeps what their library takes."""

    def __init__(self, build: Build, case: Case) -> None:
        self._build, self._case = build, case
        self.undefined: set[str] = set()

    def difference(self) -> str:
        """The first bit that differs, or the compiler's complaint; empty where all is well."""
        case, core = self._case, CORES[self._build.core].unicorn
        if case.pushes:
            play = CoreStream(case.export, core, self._functions).run if core else self._play
            (given,) = play(case.pushes)
            return first_difference(given, case.pieces) or ""
        if core:
            return self._compare(EmulatedC(case.net, case.export, core, self._functions))
        return self._compare(BoardC(case.net, case.export, build=self._firmware))

    def _compare(self, carrier: Carrier) -> str:
        case, tensors = self._case, carrier.run(self._case.inputs)
        for layer, truth in case.truth.items():
            if layer in tensors and not np.array_equal(tensors[layer], truth):
                return f"layer {layer} has other bits"
        if set(case.net.by_name) - tensors.keys():
            return "not every layer was compared"
        assert isinstance(carrier, Quantizer)
        same = np.array_equal(carrier.quantize(case.samples), case.quantized)
        return "" if same else "the quantized samples have other bits"

    def _library(self, sources: Sequence[Path], folder: Path, *flags: str | Path) -> Path:
        prefix = self._case.export.prefix
        made = self._build.library(prefix, sources, folder / "library.o", (*WARNINGS, *flags))
        ours = {"parity_trace", "stream_trace"}
        self.undefined |= undefined_symbols(made) - ours
        if found := variables(made):
            raise ToolError(f"the C has variables outside its arena: {', '.join(found)}")
        return made

    def _functions(
        self,
        core: str,
        sources: Sequence[Path],
        program: Path,
        keep: Sequence[str],
        flags: Sequence[str] = (),
    ) -> Path:
        """A program with functions that unicorn calls."""
        ours = [source for source in sources if source.name != "stub.c"]
        library = self._library(ours, program.parent, *flags)
        others = [source for source in sources if source not in ours]
        return self._build.link_functions(library, program, keep, *flags, *others)

    def _firmware(self, export: CExport, folder: Path, header: Path, play: str = "") -> Path:
        """The firmware for QEMU."""
        source = folder / "board.c"
        text = (qemu.FOLDER / "board.c").read_text(encoding="ascii")
        if play:
            text = text.replace("static void fault(void)", play)
            text = text.replace("status = run(file)", "status = play(file)")
        text = text.replace("@p@", export.prefix).replace("@P@", export.prefix.upper())
        source.write_text(text, encoding="ascii")
        sources = export.stream_sources if play else export.sources
        library = self._library(sources, folder, "-include", header)
        return self._build.link(
            folder / "firmware.elf", library, "-I", export.folder, source,
            "-T", qemu.FOLDER / "board.ld", f"-Wl,--defsym=arena_bytes={export.arena_bytes}",
        )  # fmt: skip

    def _play(self, pushes: Sequence[tuple[np.ndarray, int]]) -> list[bytes]:
        """What the firmware gives for each stream of samples."""
        export = self._case.export
        with tempfile.TemporaryDirectory(prefix="tinyml_") as name:
            folder = Path(name)
            header = folder / "trace.h"
            macro = f"#define {export.prefix.upper()}_STREAM_TRACE stream_trace\n"
            header.write_text(f"#include <stdint.h>\n{PROTOTYPE};\n{macro}", encoding="ascii")
            board = qemu.Board(self._firmware(export, folder, header, PLAY), folder)
            return [board.run("windows", x.astype("<i2").tobytes()) for x, _ in pushes]
