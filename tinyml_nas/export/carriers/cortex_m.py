"""The generated C as Thumb machine code on an emulated Cortex-M."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyml_nas.errors import ToolError
from tinyml_nas.export.c import CExport, time_major
from tinyml_nas.export.carriers.protocol import NotAvailable
from tinyml_nas.export.machine import Machine
from tinyml_nas.export.toolchain import build_thumb
from tinyml_nas.export.trace import PROTOTYPE, TRACE_FUNCTION, split_trace, write_trace_header
from tinyml_nas.quantize.integer import Float32, Int8, IntNetwork

TRACE_STUB = f"""\
{PROTOTYPE}
{{
    (void)layer, (void)data, (void)rows, (void)row_bytes;
    __asm volatile("");
}}
"""


@dataclass(frozen=True)
class CortexM:
    """One emulated core; ``core`` is a key of ``toolchain.THUMB_CORES``."""

    net: IntNetwork
    export: CExport
    core: str

    @property
    def name(self) -> str:
        """The core."""
        return self.core

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """Every layer of the traced build."""
        with self._machine() as machine:
            trace = bytearray()
            machine.on_call(
                TRACE_FUNCTION,
                lambda _, data, rows, row_bytes: trace.extend(machine.read(data, rows * row_bytes)),
            )
            for window in time_major(inputs):
                machine.infer(window)
        return split_trace(self.net, bytes(trace), len(inputs))

    def quantize(self, x: Float32) -> Int8:
        """What ``<prefix>_quantize`` makes of ``x``, in the core's software floating point."""
        channels, length = self.net.network.input_shape
        size = channels * length
        result = bytearray()
        with self._machine(extra_bytes=5 * size) as machine:
            samples, quantized = machine.extra, machine.extra + 4 * size
            for window in time_major(x):
                machine.write(samples, window.astype("<f4").tobytes())
                machine.call(f"{self.export.prefix}_quantize", samples, quantized)
                result += machine.read(quantized, size)
        rows = np.frombuffer(bytes(result), np.int8).reshape(len(x), length, channels)
        return rows.transpose(0, 2, 1)

    @contextmanager
    def _machine(self, extra_bytes: int = 0) -> Iterator[Machine]:
        with tempfile.TemporaryDirectory(prefix="tinyml_") as name:
            try:
                program = self._build(Path(name))
                machine = Machine(program, self.core, self.export, extra_bytes=extra_bytes)
            except ToolError as error:
                raise NotAvailable(error.message, hint=error.hint) from error
            yield machine

    def _build(self, folder: Path) -> Path:
        stub = folder / "parity_trace.c"
        stub.write_text(TRACE_STUB, encoding="ascii")
        header = write_trace_header(self.export, folder)
        keep = [f"{self.export.prefix}_{name}" for name in ("run", "input", "scores", "quantize")]
        sources = [*self.export.sources, stub]
        return build_thumb(
            self.core, sources, folder / "traced.elf", keep, flags=("-include", str(header))
        )
