"""The generated C as machine code of an emulated core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tinyml_nas.errors import ToolError
from tinyml_nas.export.c import CExport, time_major
from tinyml_nas.graph.integer import Float32, Int8, IntNetwork
from tinyml_nas.proof.carriers.protocol import NotAvailable
from tinyml_nas.proof.cores.machine import Machine
from tinyml_nas.proof.cores.toolchain import build_bare_metal
from tinyml_nas.proof.cores.trace import split_trace
from tinyml_nas.scratch import scratch_folder


@dataclass(frozen=True)
class EmulatedC:
    """One emulated core; ``core`` is a key of ``targets.EMULATED_CORES``.

    What is proven is the very code that is counted: nothing is compiled in to trace it.  ``build``
    makes it as ``build_bare_metal`` does.
    """

    net: IntNetwork
    export: CExport
    core: str
    build: Callable[[str, Sequence[Path], Path, Sequence[str]], Path] = build_bare_metal

    @property
    def name(self) -> str:
        """The core."""
        return self.core

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """Every layer, read from the arena when the next one is entered."""
        trace = bytearray()
        with self._machine() as machine:

            def record(outputs: Iterable[tuple[int, int]]) -> None:
                for offset, size in outputs:
                    trace.extend(machine.read(machine.arena + offset, size))

            done: list[tuple[int, int]] = []
            *outputs, last = self.export.layer_outputs
            for output, following in zip(outputs, self.export.layer_functions[1:], strict=True):
                done.append(output)
                # a layer that leaves everything where it is may have no code at all
                if following in machine.symbols:
                    machine.on_call(following, lambda *_, done=done: record(done))
                    done = []
            done.append(last)
            for window in time_major(inputs):
                machine.infer(window)
                record(done)
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
        with scratch_folder() as folder:
            program = folder / "model.elf"
            try:
                program.write_bytes(self._elf)
                machine = Machine(program, self.core, self.export, extra_bytes=extra_bytes)
            except ToolError as error:
                raise NotAvailable(error.message, hint=error.hint) from error
            yield machine

    @cached_property
    def _elf(self) -> bytes:
        """The linked image, built once for both methods."""
        keep = [f"{self.export.prefix}_{name}" for name in ("run", "input", "scores", "quantize")]
        with scratch_folder() as folder:
            program = folder / "model.elf"
            return self.build(self.core, self.export.sources, program, keep).read_bytes()
