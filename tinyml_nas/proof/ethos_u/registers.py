"""The command stream of an Ethos-U55 or U65: commands and registers by their public names.

Numbers are those of Arm's technical reference manuals (102420 for the U55, 102023 for the U65).
A command of one word has its parameter in the upper half; one of two words has a value behind it,
with bits 32 to 39 of an address in that half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyml_nas.errors import ParityError

Words = npt.NDArray[np.uint32]
UNUSED = 0xBC00
"""Bits of a command's lower half that no command has."""


class Do(IntEnum):
    """Commands that do something."""

    STOP = 0x000
    IRQ = 0x001
    CONV = 0x002
    DEPTHWISE = 0x003
    POOL = 0x005
    ELEMENTWISE = 0x006
    DMA_START = 0x010
    DMA_WAIT = 0x011
    KERNEL_WAIT = 0x012
    PMU_MASK = 0x013


class Set(IntEnum):
    """Registers of 16 bits."""

    IFM_PAD_TOP = 0x100
    IFM_PAD_LEFT = 0x101
    IFM_PAD_RIGHT = 0x102
    IFM_PAD_BOTTOM = 0x103
    IFM_DEPTH_M1 = 0x104
    IFM_PRECISION = 0x105
    IFM_UPSCALE = 0x107
    IFM_ZERO_POINT = 0x109
    IFM_WIDTH0_M1 = 0x10A
    IFM_HEIGHT0_M1 = 0x10B
    IFM_HEIGHT1_M1 = 0x10C
    IFM_IB_END = 0x10D
    IFM_REGION = 0x10F
    OFM_WIDTH_M1 = 0x111
    OFM_HEIGHT_M1 = 0x112
    OFM_DEPTH_M1 = 0x113
    OFM_PRECISION = 0x114
    OFM_BLK_WIDTH_M1 = 0x115
    OFM_BLK_HEIGHT_M1 = 0x116
    OFM_BLK_DEPTH_M1 = 0x117
    OFM_ZERO_POINT = 0x118
    OFM_WIDTH0_M1 = 0x11A
    OFM_HEIGHT0_M1 = 0x11B
    OFM_HEIGHT1_M1 = 0x11C
    OFM_REGION = 0x11F
    KERNEL_WIDTH_M1 = 0x120
    KERNEL_HEIGHT_M1 = 0x121
    KERNEL_STRIDE = 0x122
    PARALLEL_MODE = 0x123
    ACC_FORMAT = 0x124
    ACTIVATION = 0x125
    ACTIVATION_MIN = 0x126
    ACTIVATION_MAX = 0x127
    WEIGHT_REGION = 0x128
    SCALE_REGION = 0x129
    AB_START = 0x12D
    BLOCKDEP = 0x12F
    DMA0_SRC_REGION = 0x130
    DMA0_DST_REGION = 0x131
    DMA0_SIZE0 = 0x132
    DMA0_SIZE1 = 0x133
    IFM2_BROADCAST = 0x180
    IFM2_SCALAR = 0x181
    IFM2_PRECISION = 0x185
    IFM2_ZERO_POINT = 0x189
    IFM2_WIDTH0_M1 = 0x18A
    IFM2_HEIGHT0_M1 = 0x18B
    IFM2_HEIGHT1_M1 = 0x18C
    IFM2_IB_START = 0x18D
    IFM2_REGION = 0x18F


class Wide(IntEnum):
    """Registers of 32 bits and more."""

    IFM_BASE0 = 0x00
    IFM_BASE1 = 0x01
    IFM_BASE2 = 0x02
    IFM_BASE3 = 0x03
    IFM_STRIDE_X = 0x04
    IFM_STRIDE_Y = 0x05
    IFM_STRIDE_C = 0x06
    OFM_BASE0 = 0x10
    OFM_BASE1 = 0x11
    OFM_BASE2 = 0x12
    OFM_BASE3 = 0x13
    OFM_STRIDE_X = 0x14
    OFM_STRIDE_Y = 0x15
    OFM_STRIDE_C = 0x16
    WEIGHT_BASE = 0x20
    WEIGHT_LENGTH = 0x21
    SCALE_BASE = 0x22
    SCALE_LENGTH = 0x23
    OFM_SCALE = 0x24
    OPA_SCALE = 0x25
    OPB_SCALE = 0x26
    DMA0_SRC = 0x30
    DMA0_DST = 0x31
    DMA0_LEN = 0x32
    DMA0_SKIP0 = 0x33
    DMA0_SKIP1 = 0x34
    IFM2_BASE0 = 0x80
    IFM2_BASE1 = 0x81
    IFM2_BASE2 = 0x82
    IFM2_BASE3 = 0x83
    IFM2_STRIDE_X = 0x84
    IFM2_STRIDE_Y = 0x85
    IFM2_STRIDE_C = 0x86
    WEIGHT1_BASE = 0x90
    WEIGHT1_LENGTH = 0x91
    SCALE1_BASE = 0x92
    SCALE1_LENGTH = 0x93


UNCHECKED = (
    *(Set.OFM_BLK_WIDTH_M1, Set.OFM_BLK_HEIGHT_M1, Set.IFM_IB_END, Set.IFM2_IB_START),
    *(Set.AB_START, Set.ACC_FORMAT, Set.BLOCKDEP),
)
"""What a stream may have wrong unseen: how the internal memory is divided, and how far blocks of
one operation may run into those of the next.  Both are matters of time, which is not modeled."""

Register = TypeVar("Register", Set, Wide)


class Settings(dict[Register, int]):
    """Values of registers; raises ``ParityError`` for one that is read and was never set."""

    def __missing__(self, register: Register) -> int:
        raise ParityError(f"needs {register.name}, which nothing has set")


COP1, OPTIMIZER_CONFIG, COMMAND_STREAM = 0x31504F43, 1, 2


@dataclass(frozen=True)
class Command:
    """One command: what it does or sets, and the value that comes with it."""

    what: Do | Set | Wide
    value: int
    parameter: int = 0


def stream_of(payload: bytes) -> Words:
    """The command words in the driver's ``payload``; raises ``ParityError`` where there are none.

    Actions before them, such as the accelerator's configuration, are skipped.
    """
    words = np.frombuffer(payload[: len(payload) // 4 * 4], "<u4")
    if not len(words) or words[0] != COP1:
        raise ParityError("The program does not begin with COP1: no driver takes it.")
    at = 1
    while at < len(words):
        action = int(words[at])
        if action & 0xFF == COMMAND_STREAM:
            count = action >> 16 | (action >> 8 & 0xFF) << 16
            if at + 1 + count > len(words):
                raise ParityError("The command stream is shorter than the program says.")
            return words[at + 1 : at + 1 + count]
        at += 3 if action & 0xFF == OPTIMIZER_CONFIG else 1
    raise ParityError("The program has no command stream.")


def commands(words: Words) -> Iterator[Command]:
    """One command after the other; raises ``ParityError`` for one that no Ethos-U has."""
    values = iter(words.tolist())
    for word in values:
        code, parameter = word & 0x3FF, word >> 16
        try:
            if word & UNUSED:
                raise ValueError
            if word & 0x4000:
                value = next(values)
                yield Command(Wide(code), value | (parameter & 0xFF) << 32, parameter)
            elif code >= min(Set):
                yield Command(Set(code), parameter)
            else:
                yield Command(Do(code), parameter)
        except ValueError:
            raise ParityError(
                f"The command stream has the word {word:#010x}: no command."
            ) from None
        except StopIteration:
            raise ParityError("The command stream ends within a command.") from None
