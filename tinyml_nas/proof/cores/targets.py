"""The cores that a desktop can emulate: entries of a table, each of one of two instruction sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


def thumb_length(first: int) -> int:
    """Bytes of a Thumb instruction by its first halfword; 32-bit ones start 0b11101 to 0b11111."""
    return 4 if first >> 11 in (0x1D, 0x1E, 0x1F) else 2


def riscv_length(first: int) -> int:
    """Bytes of a RISC-V instruction by its first halfword; compressed ones do not end in 0b11."""
    return 4 if first & 0b11 == 0b11 else 2


@dataclass(frozen=True)
class InstructionSet:
    """What compiler and emulator call an instruction set, how its functions are called."""

    target: str
    """zig's triple."""
    architecture: str
    """unicorn's name, which starts those of its registers."""
    mode: tuple[str, ...]
    arguments: tuple[str, ...]
    """Registers of the first four arguments; the first one returns the result."""
    return_address: str
    code_bit: int
    """Set in the addresses of functions."""
    length: Callable[[int], int]
    """Bytes of an instruction by its first halfword."""
    compilers: tuple[str, ...]
    """Keys of ``toolchain.CROSS_COMPILERS``: those whose code is counted."""

    def count(self, code: bytes) -> int:
        """Number of instructions in ``code``."""
        count = position = 0
        while position < len(code):
            position += self.length(int.from_bytes(code[position : position + 2], "little"))
            count += 1
        return count


THUMB = InstructionSet(
    target="thumb-freestanding-eabi",
    architecture="ARM",
    mode=("THUMB", "MCLASS"),
    arguments=("R0", "R1", "R2", "R3"),
    return_address="LR",
    code_bit=1,
    length=thumb_length,
    compilers=("zig", "gcc"),
)
RISCV = InstructionSet(
    target="riscv32-freestanding-none",
    architecture="RISCV",
    mode=("RISCV32",),
    arguments=("A0", "A1", "A2", "A3"),
    return_address="RA",
    code_bit=0,
    length=riscv_length,
    compilers=("zig",),
)


@dataclass(frozen=True)
class EmulatedCore:
    """A core by the names that zig and unicorn have for it; unicorn knows one plain RISC-V."""

    isa: InstructionSet
    compiled_as: str
    emulated_as: str


EMULATED_CORES: Mapping[str, EmulatedCore] = {
    "cortex-m0": EmulatedCore(THUMB, "cortex_m0", "ARM_CORTEX_M0"),
    "cortex-m3": EmulatedCore(THUMB, "cortex_m3", "ARM_CORTEX_M3"),
    "cortex-m4": EmulatedCore(THUMB, "cortex_m4", "ARM_CORTEX_M4"),
    "cortex-m7": EmulatedCore(THUMB, "cortex_m7", "ARM_CORTEX_M7"),
    "cortex-m33": EmulatedCore(THUMB, "cortex_m33+dsp", "ARM_CORTEX_M33"),
    "riscv32imc": EmulatedCore(RISCV, "generic_rv32+m+c", "RISCV32_ANY"),
}
"""Cores that we build for and emulate."""
