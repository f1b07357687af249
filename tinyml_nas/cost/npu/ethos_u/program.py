"""A network as a program of an Ethos-U: what the core driver takes, and what its compiler says."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.results.export import NpuOperation


@dataclass(frozen=True)
class Region:
    """``size_bytes`` at ``offset`` of the memory behind one of the eight base pointers."""

    index: int
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class Program:
    """Commands and weights for one accelerator, such as ``ethos-u55-128``.

    ``commands`` is the driver's payload (``COP1``), ``weights`` the constants behind base pointer
    ``weights_region``.  ``scratch`` and ``fast_scratch`` are memory that it writes; the second is
    empty but for an accelerator with SRAM of its own.  ``input`` and ``output`` lie in scratch,
    channels fastest, as the C has them.  ``cycles`` are the compiler's estimate, of the NPU's
    clock.
    """

    accelerator: str
    commands: bytes
    weights: bytes
    weights_region: int
    scratch: Region
    fast_scratch: Region
    input: Region
    output: Region
    cycles: int
    layers: tuple[NpuOperation, ...] = ()

    @property
    def flash_bytes(self) -> int:
        """Commands and weights."""
        return len(self.commands) + len(self.weights)

    @property
    def ram_bytes(self) -> int:
        """All memory that it writes."""
        return self.scratch.size_bytes + self.fast_scratch.size_bytes
