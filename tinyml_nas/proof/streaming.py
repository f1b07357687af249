"""Proves that the C of a stream gives the features, scores and labels of its definition.

Samples go through ``<prefix>_push`` on this machine and on every emulated core; what comes back is
compared byte by byte, frame by frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.features.integer.frontend import Int16
from tinyml_nas.proof.cores.machine import Machine
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.cores.toolchain import (
    Compiler,
    build_bare_metal,
    build_host,
    host_compiler,
    run_tool,
)
from tinyml_nas.proof.emulate import linked_size
from tinyml_nas.quantize.stream import IntStream, run_stream
from tinyml_nas.results.export import Carrier as CarrierResult
from tinyml_nas.results.export import StreamCost
from tinyml_nas.scratch import scratch_folder

FUNCTIONS = ("push", "stream_init", "stream_scores", "stream_bytes", "run")
PENDING = -3
SEED = 2024
TRACE = "stream_trace"
PROTOTYPE = f"void {TRACE}(const void *data, int32_t bytes)"
SHORT_PUSH = 7
"""Rows: another way to cut the same samples, which must not change a byte."""

Pushes = tuple[Int16, int]
"""Samples [T, C], and how many rows of them are pushed at a time."""
Piece = tuple[str, bytes]
"""Something that a stream gives, and its name."""

HARNESS = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif
#include "@p@_stream.h"

@prototype@
{
    fwrite(data, 1, (size_t)bytes, stdout);
}

/* Samples in; out every step of each frame, and after each window its label and scores. */
int main(int argc, char **argv)
{
    /* from the heap and of the exact size, so that a sanitizer sees one byte too many */
    @p@_stream_t *stream = malloc(sizeof *stream);
    int16_t *samples = malloc(@P@_HOP * @P@_SAMPLE_CHANNELS * sizeof *samples);
    const size_t rows = argc > 1 ? (size_t)atoi(argv[1]) : 1;
    size_t read;
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    if (stream == NULL || samples == NULL || @p@_stream_init(stream) != @P@_OK) {
        return 1;
    }
    while ((read = fread(samples, @P@_SAMPLE_CHANNELS * sizeof *samples, rows, stdin)) > 0) {
        const int32_t label = @p@_push(stream, samples, read);
        if (label != @P@_PENDING) {
            fwrite(&label, sizeof label, 1, stdout);
            fwrite(@p@_stream_scores(stream), 1, @outputs@, stdout);
        }
    }
    free(samples);
    free(stream);
    return 0;
}
"""
STUB = f"""\
{PROTOTYPE}
{{
    (void)data, (void)bytes;
    __asm volatile("");
}}
"""


class StreamCarrier(Protocol):
    """One way to run the C of a stream."""

    @property
    def name(self) -> str:
        """Name in reports."""

    def run(self, pushes: Sequence[Pushes]) -> list[bytes]:
        """What each stream of samples gives, from an empty stream on.

        Raises ``ToolError`` when the carrier cannot run here.
        """


@dataclass(frozen=True)
class HostStream:
    """The stream as a program of this machine."""

    export: CExport
    compiler: Compiler | None = None
    flags: Sequence[str] = ("-O2",)
    name: str = "host C"

    def run(self, pushes: Sequence[Pushes]) -> list[bytes]:
        """Steps, features, labels and scores in the order in which they come about."""
        prefix = self.export.prefix
        with scratch_folder() as folder:
            harness = folder / "harness.c"
            text = HARNESS.replace("@p@", prefix).replace("@P@", prefix.upper())
            text = text.replace("@outputs@", str(self.export.outputs))
            harness.write_text(text.replace("@prototype@", PROTOTYPE), encoding="ascii")
            include = ("-include", str(_trace_header(prefix, folder)))
            flags = [*self.flags, *include, "-I", str(self.export.folder)]
            sources = [harness, *self.export.stream_sources]
            compiler = self.compiler or host_compiler()
            program = build_host(compiler, sources, folder / "stream", flags)
            try:
                return [
                    run_tool([program, str(rows)], stdin=samples.astype("=i2").tobytes())
                    for samples, rows in pushes
                ]
            except ToolError as error:
                raise ParityError(f"{self.name}: {error.message}") from error


@dataclass(frozen=True)
class CoreStream:
    """The stream as machine code of an emulated core.

    ``build`` makes it as ``build_bare_metal`` does, of sources, with flags.
    """

    export: CExport
    core: str
    build: Callable[[str, Sequence[Path], Path, Sequence[str], Sequence[str]], Path] = (
        build_bare_metal
    )

    @property
    def name(self) -> str:
        """The core."""
        return self.core

    def run(self, pushes: Sequence[Pushes]) -> list[bytes]:
        """Steps, features, labels and scores in the order in which they come about."""
        with scratch_folder() as folder:
            program = self._build(folder)
            return [self._play(program, samples, rows) for samples, rows in pushes]

    def _play(self, program: Path, samples: Int16, rows: int) -> bytes:
        player = _Player(program, self.core, self.export, rows * samples.shape[1])
        out, machine = bytearray(), player.machine
        machine.on_call(TRACE, lambda data, size, *_: out.extend(machine.read(data, size)))
        for start in range(0, len(samples), rows):
            label = player.push(samples[start : start + rows])
            if label != PENDING:
                out += struct.pack("<i", label) + player.scores()
        return bytes(out)

    def _build(self, folder: Path) -> Path:
        stub = folder / "stub.c"
        stub.write_text(STUB, encoding="ascii")
        include = ("-include", str(_trace_header(self.export.prefix, folder)))
        keep = [f"{self.export.prefix}_{function}" for function in FUNCTIONS]
        sources = [*self.export.stream_sources, stub]
        return self.build(self.core, sources, folder / "stream.elf", keep, include)


class _Player:
    """A stream in the memory of an emulated core."""

    def __init__(
        self, program: Path, core: str, export: CExport, values: int, *, count: bool = False
    ) -> None:
        self._prefix, self._outputs = export.prefix, export.outputs
        self.ram_bytes = Machine(program, core, export).call(f"{self._prefix}_stream_bytes")
        extra = self.ram_bytes + 2 * values
        self.machine = Machine(program, core, export, extra_bytes=extra, count=count)
        self._stream = self.machine.extra
        noise = np.random.default_rng(SEED).bytes(self.ram_bytes)  # no clean memory
        self.machine.write(self._stream, noise)
        self.machine.call(f"{self._prefix}_stream_init", self._stream)

    def push(self, samples: Int16) -> int:
        """The label or status after ``samples`` [T, C]."""
        where = self._stream + self.ram_bytes
        self.machine.write(where, samples.astype("<i2").tobytes())
        value = self.machine.call(f"{self._prefix}_push", self._stream, where, len(samples))
        return value - (1 << 32) if value >> 31 else value

    def scores(self) -> bytes:
        """The scores of the last window."""
        address = self.machine.call(f"{self._prefix}_stream_scores", self._stream)
        return self.machine.read(address, self._outputs)


def stream_carriers(export: CExport) -> tuple[StreamCarrier, ...]:
    """The C of a stream on this machine and on every emulated core."""
    return (HostStream(export), *(CoreStream(export, core) for core in EMULATED_CORES))


def cut(stream: IntStream, samples: Sequence[Int16]) -> list[Pushes]:
    """Pushes as long as they may be, and short for the first: how samples come changes nothing."""
    hop = stream.frontend.chain.hop
    return [(part, hop if i else min(hop, SHORT_PUSH)) for i, part in enumerate(samples)]


def expected(stream: IntStream, samples: Int16) -> list[Piece]:
    """What a carrier must give for ``samples`` [T, C], piece by piece with the name of each."""
    truth, operations = run_stream(stream, samples), stream.frontend.chain.operations
    window_of = {int(frame): window for window, frame in enumerate(truth.last)}
    pieces = []
    for number, features in enumerate(truth.features):
        for channel in range(stream.frontend.channels):
            for operation, stage in zip(operations, truth.stages, strict=True):
                name = f"{operation.kernel}, frame {number}, channel {channel}"
                pieces.append((name, stage[number, channel].astype("<i4").tobytes()))
        rows = features if stream.frontend.chain.stacked else features.T
        pieces.append((f"features, frame {number}", rows.tobytes()))
        if (window := window_of.get(number)) is not None:
            scores = truth.scores[window].tobytes()
            pieces.append((f"label, window {window}", struct.pack("<i", truth.labels[window])))
            pieces.append((f"scores, window {window}", scores))
    return pieces


def prove_stream(
    truth: Sequence[Sequence[Piece]], pushes: Sequence[Pushes], carrier: StreamCarrier
) -> CarrierResult:
    """Compare ``carrier`` with the pieces that :func:`expected` names for the samples of each."""
    name = f"{carrier.name}, stream"
    try:
        got = carrier.run(pushes)
    except ToolError as error:
        return CarrierResult(
            name=name, status="not proven", values=0, mismatches=0, detail=error.message
        )
    except ParityError as error:
        return CarrierResult(
            name=name, status="failed", values=0, mismatches=1, detail=error.message
        )
    values = sum(len(piece) for pieces in truth for _, piece in pieces)
    for number, (given, pieces) in enumerate(zip(got, truth, strict=True)):
        if difference := first_difference(given, pieces):
            return CarrierResult(
                name=name,
                status="failed",
                values=values,
                mismatches=1,
                detail=f"stream {number}: {difference}",
            )
    streams = "1 stream" if len(pushes) == 1 else f"{len(pushes)} streams"
    detail = f"steps, features, outputs and answers of {streams} of samples"
    return CarrierResult(name=name, status="proven", values=values, mismatches=0, detail=detail)


def first_difference(given: bytes, pieces: Sequence[Piece]) -> str | None:
    """The first piece that is not as it must be, None where all are."""
    start = 0
    for name, piece in pieces:
        part = given[start : start + len(piece)]
        if part != piece:
            byte = next(i for i, one in enumerate(piece) if part[i : i + 1] != bytes([one]))
            return f"{name}, byte {byte} of {len(piece)}"
        start += len(piece)
    return None if start == len(given) else f"{len(given) - start} bytes too many"


def measure_stream(export: CExport, core: str, samples: Int16, hop: int) -> StreamCost:
    """Flash, RAM, stack and instructions of ``export`` on ``core`` over ``samples`` [T, C].

    Raises ``ToolError`` when the compiler or the emulator is missing.
    """
    prefix = export.prefix
    with scratch_folder() as folder:
        program = folder / "stream.elf"
        build_bare_metal(core, export.stream_sources, program, [f"{prefix}_{f}" for f in FUNCTIONS])
        player = _Player(program, core, export, hop * samples.shape[1], count=True)
        most = 0
        for start in range(0, len(samples), hop):
            player.machine.clear_counts()
            player.push(samples[start : start + hop])
            most = max(most, player.machine.instructions_by_layer()[""])
        return StreamCost(
            flash_bytes=linked_size(program).flash_bytes,
            ram_bytes=player.ram_bytes,
            stack_bytes=player.machine.stack_bytes(),
            frame_instructions=most,
        )


def _trace_header(prefix: str, folder: Path) -> Path:
    """A header to ``-include``: the steps of every frame go through ``stream_trace``."""
    path = folder / "stream_trace.h"
    path.write_text(
        f"#include <stdint.h>\n{PROTOTYPE};\n#define {prefix.upper()}_STREAM_TRACE {TRACE}\n",
        encoding="ascii",
    )
    return path
