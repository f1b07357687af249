"""An Ethos-U beside an emulated core: its registers, and the simulator behind them.

The register block is what a driver of it touches, by the numbers of the technical reference manual:
reset, security, configuration, queue, base pointers, command, status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tinyml_nas.proof.cores.machine import Machine
from tinyml_nas.proof.ethos_u import execute
from tinyml_nas.proof.ethos_u.regions import Addresses, Bytes

ADDRESS = 0x48102000
"""Where a Corstone-300 has it."""
ID, STATUS, CMD, RESET, QBASE, QREAD, QSIZE, PROT, CONFIG = (
    *(0x00, 0x04, 0x08, 0x0C, 0x10, 0x18, 0x20, 0x24, 0x28),
)
BASEP = 0x80
IRQ_RAISED, ENDED = 2, 32
BUS_ERROR = 4
ARCHITECTURE = 0x10066001
"""1.0.6, as the compiler expects it of U55 and U65."""
CONFIGURATIONS = {
    "ethos-u55-32": 0x1005,
    "ethos-u55-64": 0x1006,
    "ethos-u55-128": 0x1807,
    "ethos-u55-256": 0x3008,
    "ethos-u65-256": 0x10003008,
}
"""Product, KiB of internal memory, multipliers as a power of two."""


@dataclass
class BaseMemory:
    """The core's memory as the NPU sees it: a region is what a base pointer points to."""

    machine: Machine
    bases: list[int]

    def read(self, region: int, address: int, size: int) -> bytes:
        """``size`` bytes at ``address`` of ``region``."""
        return self.machine.read(self.bases[region] + address, size)

    def write(self, region: int, address: int, data: bytes) -> None:
        """Store ``data`` at ``address`` of ``region``."""
        self.machine.write(self.bases[region] + address, data)


class ByteMemory(Protocol):
    """Memory behind base pointers that is read and written in runs of bytes."""

    def read(self, region: int, address: int, size: int) -> bytes:
        """``size`` bytes at ``address`` of ``region``."""

    def write(self, region: int, address: int, data: bytes) -> None:
        """Store ``data`` at ``address`` of ``region``."""


@dataclass
class Scattered:
    """``memory`` as the simulator asks for it: any addresses (K,) at once, of one window."""

    memory: ByteMemory

    def read(self, region: int, addresses: Addresses) -> Bytes:
        """Values (1, K)."""
        start = int(addresses.min())
        span = self.memory.read(region, start, int(addresses.max()) + 1 - start)
        return np.frombuffer(span, np.uint8)[None, addresses - start]

    def write(self, region: int, addresses: Addresses, values: Bytes) -> None:
        """Store ``values`` (1, K), in runs of neighbors."""
        order = np.argsort(addresses, kind="stable")
        where, what = addresses[order], values[0, order]
        cuts = np.flatnonzero(np.diff(where) != 1) + 1
        for run, data in zip(np.split(where, cuts), np.split(what, cuts), strict=True):
            self.memory.write(region, int(run[0]), data.tobytes())


class EmulatedNpu:
    """An accelerator as a page of registers of ``machine``.

    With ``fails`` it reports a bus error instead.
    """

    def __init__(self, machine: Machine, accelerator: str, *, fails: bool = False) -> None:
        self._machine, self._accelerator, self._fails = machine, accelerator, fails
        self._registers = {ID: ARCHITECTURE, CONFIG: CONFIGURATIONS[accelerator]}
        self.runs = 0
        self.bases: list[int] = []
        machine.map_registers(ADDRESS, self._read, self._write)

    def _read(self, offset: int) -> int:
        return self._registers.get(offset, 0)

    def _write(self, offset: int, value: int) -> None:
        if offset == RESET:
            self._registers |= {PROT: value, STATUS: 0}
        elif offset == CMD and value & 2:
            self._registers[STATUS] &= ~IRQ_RAISED
        elif offset == CMD and value & 1:
            self._run()
        elif offset not in (ID, STATUS, PROT, CONFIG):
            self._registers[offset] = value

    def _run(self) -> None:
        self.runs += 1
        registers = self._registers
        self.bases = [registers.get(BASEP + 8 * i, 0) for i in range(8)]
        stream = self._machine.read(registers[QBASE], registers[QSIZE])
        if self._fails:
            registers[STATUS] = IRQ_RAISED | BUS_ERROR
            return
        memory = Scattered(BaseMemory(self._machine, self.bases))
        execute(np.frombuffer(stream, "<u4"), memory, self._accelerator)
        registers[QREAD] = registers[QSIZE]
        registers[STATUS] = IRQ_RAISED | ENDED
