"""The generated C as the firmware of an emulated board with a Cortex-M55."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tinyml_nas.errors import ToolError
from tinyml_nas.export.c import CExport, time_major
from tinyml_nas.graph.integer import Float32, Int8, IntNetwork
from tinyml_nas.proof.carriers.protocol import NotAvailable
from tinyml_nas.proof.cores.qemu import CORE, Board, build_firmware
from tinyml_nas.proof.cores.trace import split_trace, write_trace_header
from tinyml_nas.scratch import scratch_folder


@dataclass(frozen=True)
class BoardC:
    """The Cortex-M55 with Helium, which wants compiler and emulator from the system's packages.

    ``build`` makes its firmware as ``build_firmware`` does.
    """

    net: IntNetwork
    export: CExport
    name: str = CORE
    build: Callable[[CExport, Path, Path], Path] = build_firmware

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """Every layer of the traced firmware."""
        with self._board() as board:
            data = board.run("windows", time_major(inputs).tobytes())
        return split_trace(self.net, data, len(inputs))

    def quantize(self, x: Float32) -> Int8:
        """What ``<prefix>_quantize`` makes of ``x``."""
        with self._board() as board:
            data = board.run("samples", time_major(x).astype("<f4").tobytes())
        channels, length = self.net.network.input_shape
        rows = np.frombuffer(data, np.int8).reshape(len(x), length, channels)
        return rows.transpose(0, 2, 1)

    @contextmanager
    def _board(self) -> Iterator[Board]:
        with scratch_folder() as folder:
            program = folder / "firmware.elf"
            program.write_bytes(self._firmware)
            yield Board(program, folder)

    @cached_property
    def _firmware(self) -> bytes:
        """The traced firmware, built once for both methods."""
        with scratch_folder() as folder:
            header = write_trace_header(self.export, folder)
            try:
                return self.build(self.export, folder, header).read_bytes()
            except ToolError as error:
                raise NotAvailable(error.message, hint=error.hint) from error
