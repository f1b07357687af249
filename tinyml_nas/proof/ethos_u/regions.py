"""Memory behind the base pointers: what was never written cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tinyml_nas.cost.npu.ethos_u.program import Program
from tinyml_nas.errors import ParityError
from tinyml_nas.graph.integer import Int8

Bytes = npt.NDArray[np.uint8]
Addresses = npt.NDArray[np.int64]


class Memory(Protocol):
    """What an NPU reads and writes: addresses (K,) of a region, values (N, K) of N windows."""

    def read(self, region: int, addresses: Addresses) -> Bytes:
        """The bytes at ``addresses``."""

    def write(self, region: int, addresses: Addresses, values: Bytes) -> None:
        """Store ``values`` at ``addresses``."""


@dataclass
class Region:
    """Bytes of N windows, or of one for constants, and which of them have a value."""

    values: Bytes  # (N, bytes)
    written: npt.NDArray[np.bool_]  # (bytes,)
    constant: bool = False


class ProgramMemory:
    """The regions of a program with ``inputs`` (N, bytes) in place, all else never written.

    Raises ``ParityError`` for a read of what has no value, for a write to constants, and for
    addresses outside of a region.
    """

    def __init__(self, program: Program, inputs: Bytes) -> None:
        count = len(inputs)
        self._regions: dict[int, Region] = {}
        for part in (program.scratch, program.fast_scratch):
            if part.size_bytes or part is program.scratch:
                size = part.size_bytes
                values, written = np.zeros((count, size), np.uint8), np.zeros(size, np.bool_)
                self._regions[part.index] = Region(values, written)
        weights = np.frombuffer(program.weights, np.uint8)
        known = np.ones(len(weights), np.bool_)
        self._regions.setdefault(program.weights_region, Region(weights[None], known, True))
        entry = program.input
        self.write(entry.index, entry.offset + np.arange(inputs.shape[1]), inputs)

    def read(self, region: int, addresses: Addresses) -> Bytes:
        """Values (N, K), or (1, K) of constants."""
        found = self._found(region, addresses, "reads")
        unknown = addresses[~found.written[addresses]]
        if len(unknown):
            raise ParityError(
                f"reads {len(unknown):,} bytes of region {region} that nothing has written, "
                f"the first at {int(unknown[0]):#x}"
            )
        values: Bytes = found.values[:, addresses]
        return values

    def write(self, region: int, addresses: Addresses, values: Bytes) -> None:
        """Store ``values`` (N, K)."""
        found = self._found(region, addresses, "writes")
        if found.constant:
            raise ParityError(f"writes to region {region}, which holds the weights")
        found.values[:, addresses] = values
        found.written[addresses] = True

    def _found(self, region: int, addresses: Addresses, does: str) -> Region:
        found = self._regions.get(region)
        if found is None:
            raise ParityError(f"{does} region {region}, which the program does not have")
        last = len(found.written)
        if len(addresses) and not 0 <= int(addresses.min()) <= int(addresses.max()) < last:
            raise ParityError(
                f"{does} at {int(addresses.min()):#x} to {int(addresses.max()):#x} of region "
                f"{region}, which has {last:,} bytes"
            )
        return found


def as_rows(windows: Int8) -> npt.NDArray[Any]:
    """Windows (N, C, L) as the NPU has them: rows (N, L * C), channels fastest."""
    return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(len(windows), -1).view(np.uint8)
