"""The generated C as a program of this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.export.c import CExport, time_major
from tinyml_nas.graph.integer import Float32, Int8, IntNetwork
from tinyml_nas.proof.carriers.protocol import NotAvailable
from tinyml_nas.proof.cores.toolchain import (
    Compiler,
    build_host,
    host_compiler,
    run_tool,
)
from tinyml_nas.proof.cores.trace import (
    PROTOTYPE,
    split_trace,
    write_trace_header,
)
from tinyml_nas.scratch import scratch_folder

PROGRAM = "host.exe" if sys.platform == "win32" else "host"

HARNESS = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif
#include "@p@.h"

@prototype@
{
    (void)layer;
    fwrite(data, 1, (size_t)rows * (size_t)row_bytes, stdout);
}

/* No argument: int8 windows in, all layers out. One argument: float windows in, int8 out. */
int main(int argc, char **argv)
{
    /* from the heap and of the exact size, so that a sanitizer sees one byte too many */
    int8_t *arena = malloc(@P@_ARENA_BYTES);
    float *samples = malloc(@P@_INPUT_BYTES * sizeof *samples);
    int status = arena == NULL || samples == NULL;
    (void)argv;
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    while (status == 0 && argc > 1 &&
           fread(samples, sizeof *samples, @P@_INPUT_BYTES, stdin) == @P@_INPUT_BYTES) {
        int8_t *quantized = @p@_input(arena);
        @p@_quantize(samples, quantized);
        fwrite(quantized, 1, @P@_INPUT_BYTES, stdout);
    }
    while (status == 0 && argc == 1 &&
           fread(@p@_input(arena), 1, @P@_INPUT_BYTES, stdin) == @P@_INPUT_BYTES) {
        status = @p@_run(arena, @P@_ARENA_BYTES);
    }
    free(samples);
    free(arena);
    return status == 0 ? 0 : 1;
}
"""


@dataclass(frozen=True)
class HostC:
    """Host C: compiled with the best compiler of this machine, or the one that is given."""

    net: IntNetwork
    export: CExport
    compiler: Compiler | None = None
    flags: Sequence[str] = ("-O2",)
    name: str = "host C"

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """Every layer of the traced program."""
        data = self._execute(time_major(inputs).tobytes())
        size = sum(self.net.network.shapes[layer.name].size for layer in self.net.layers)
        if len(data) != size * len(inputs):
            raise ParityError(f"{self.name} gave {len(data)} bytes, not {size * len(inputs)}")
        return split_trace(self.net, data, len(inputs))

    def quantize(self, x: Float32) -> Int8:
        """What ``<prefix>_quantize`` makes of ``x``."""
        data = self._execute(time_major(x).astype("=f4").tobytes(), "quantize")
        channels, length = self.net.network.input_shape
        rows = np.frombuffer(data, np.int8).reshape(len(x), length, channels)
        return rows.transpose(0, 2, 1)

    def _execute(self, stdin: bytes, *arguments: str) -> bytes:
        with scratch_folder() as folder:
            program = folder / PROGRAM
            program.write_bytes(self._program)
            program.chmod(0o700)
            try:
                return run_tool([program, *arguments], stdin=stdin)
            except ToolError as error:
                raise ParityError(f"{self.name}: {error.message}") from error

    @cached_property
    def _program(self) -> bytes:
        """The linked program, built once for both methods."""
        with scratch_folder() as folder:
            return self._build(folder).read_bytes()

    def _build(self, folder: Path) -> Path:
        prefix = self.export.prefix
        harness = folder / "harness.c"
        text = HARNESS.replace("@p@", prefix).replace("@P@", prefix.upper())
        harness.write_text(text.replace("@prototype@", PROTOTYPE), encoding="ascii")
        trace = write_trace_header(self.export, folder)
        flags = [*self.flags, "-include", str(trace), "-I", str(self.export.folder)]
        try:
            compiler = self.compiler or host_compiler()
            return build_host(compiler, [harness, *self.export.sources], folder / "host", flags)
        except ToolError as error:
            raise NotAvailable(error.message, hint=error.hint) from error
