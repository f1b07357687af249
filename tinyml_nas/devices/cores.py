"""Processor cores and what an instruction costs on them: an estimate, good for ranking.

Instruction counts come exact from emulation.  Cycles are a linear model over them: loads, taken
branches and multiplies weighted by class on generated C for M0 and M4 (1.36-1.46 and 1.24-1.58
cycles per instruction) and M55 (0.85-1.2), with neighbours interpolated.  Flash wait states, caches
and dual issue are left out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CycleModel:
    """Estimated cycles of one core, linear in instructions or, before code exists, in work."""

    cycles_per_instruction: float
    # portable C: load, load, multiply-accumulate and the loop around them
    cycles_per_mac: float
    # requantize, clamp and store one value
    cycles_per_output: float
    cycles_per_layer: float = 200.0

    def from_instructions(self, instructions: int) -> int:
        """Estimated cycles of code that executes so many instructions."""
        return round(instructions * self.cycles_per_instruction)

    def from_work(self, macs: int, outputs: int, layers: int) -> int:
        """Estimated cycles of a network that has not been compiled yet."""
        return round(
            macs * self.cycles_per_mac
            + outputs * self.cycles_per_output
            + layers * self.cycles_per_layer
        )


CORES: dict[str, CycleModel] = {
    "cortex-m0": CycleModel(1.4, 12.0, 60.0),
    "cortex-m0plus": CycleModel(1.3, 11.0, 55.0),
    "cortex-m3": CycleModel(1.5, 11.0, 30.0),
    "cortex-m4": CycleModel(1.4, 10.6, 25.0),
    "cortex-m7": CycleModel(0.8, 6.0, 15.0),
    "cortex-m33": CycleModel(1.3, 10.0, 25.0),
    "cortex-m55": CycleModel(1.0, 8.0, 20.0),
    "cortex-r5f": CycleModel(0.9, 7.0, 18.0),
    "c28x": CycleModel(1.3, 7.0, 25.0),
    "c29": CycleModel(0.6, 3.0, 12.0),
    "riscv32imc": CycleModel(1.3, 10.0, 30.0),
}
