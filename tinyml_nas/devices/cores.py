"""Processor cores: what an instruction costs on them, and what the generated C executes.

Instructions are counted exactly on emulated cores; a core that runs the same machine code shares
the count.  Cycles per instruction are an estimate: loads, taken branches and multiplies weighted by
class on generated C for M0 and M4 (1.36-1.46 and 1.24-1.58 cycles per instruction) and M55
(0.85-1.2; 1.3 with Helium, at 1.5 for a vector instruction and none for the end of a loop), with
neighbors interpolated.  Flash wait states, caches and dual issue are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Backend = Literal["one_row", "two_rows", "two_steps", "dsp", "mve"]
"""How the generated convolutions run: in C one row of the output at a time (eight registers are not
enough for more) or two, or two rows and two steps of their windows (an address has no index), or
two rows in assembly with the DSP extension's dual multiplications or Helium's sixteen-fold ones."""


@dataclass(frozen=True)
class CycleModel:
    """Cycles of one core; ``measured_on`` is the emulated core that runs the same machine code.

    It is ``None`` for a core whose code was never counted: nothing can be promised there.
    ``byte_bits`` are those of the smallest piece of memory that has an address.
    """

    cycles_per_instruction: float
    measured_on: str | None = None
    backend: Backend = "two_rows"
    byte_bits: int = 8

    @property
    def octets_per_value(self) -> int:
        """Octets that an int8 value takes."""
        return self.byte_bits // 8

    def from_instructions(self, instructions: int) -> int:
        """Estimated cycles of code that executes so many instructions."""
        return round(instructions * self.cycles_per_instruction)


CORES: Mapping[str, CycleModel] = {
    "cortex-m0": CycleModel(1.4, "cortex-m0", "one_row"),
    "cortex-m0plus": CycleModel(1.3, "cortex-m0", "one_row"),
    "cortex-m3": CycleModel(1.5, "cortex-m3"),
    "cortex-m4": CycleModel(1.4, "cortex-m4", "dsp"),
    "cortex-m7": CycleModel(0.8, "cortex-m7", "dsp"),
    "cortex-m33": CycleModel(1.3, "cortex-m33", "dsp"),
    "cortex-m55": CycleModel(1.3, "cortex-m55", "mve"),
    "cortex-r5f": CycleModel(0.9),
    "c28x": CycleModel(1.3, byte_bits=16),
    "c29": CycleModel(0.6),
    "riscv32imc": CycleModel(1.3, "riscv32imc", "two_steps"),
    "xtensa-lx7": CycleModel(1.3),
}

MEASURED_CORES = tuple(core for core, cycles in CORES.items() if cycles.measured_on == core)
"""The cores whose instructions are counted, by emulation."""
