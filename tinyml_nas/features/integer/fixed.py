"""What a feature chain is in integers: the same steps, as a microcontroller runs them.

A frame of one channel is a row of int32 that every step works on in place; what its numbers mean is
known before any data is seen, as a :class:`Signal`.  So steps that only change a unit (dividing by
the frame size, doubling) cost nothing, and no step can overflow: its bound is checked when the
chain is lowered.  An operation is defined by its ``apply``; the C of its name gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.errors import ToolError
from tinyml_nas.features.signal import Settings

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

WORD_BITS = 31
"""Of a value, beside its sign."""


class NoTwin(ToolError):
    """A chain that has no form in integers; it still trains, but its C starts at the features."""


@dataclass(frozen=True)
class Signal:
    """What the integers x of a frame stand for: real = scale[c] * x + offset[c], |x| <= bound.

    A spectrum of N = ``bins`` samples is stored as its bins 0 to N/2, real and imaginary parts in
    turn.  ``first`` and ``length`` say which bins it means: those beyond N/2 mirror those below.

    Steps that turn a frame into several channels leave ``parts`` rows of ``length`` end to end, and
    ``scale`` and ``offset`` have a value for each part of each channel of the samples.
    """

    length: int
    scale: Float64
    offset: Float64
    bound: int
    bins: int | None = None
    first: int = 0
    parts: int = 1

    def __post_init__(self) -> None:
        if self.bound.bit_length() > WORD_BITS:
            raise NoTwin(f"values up to {self.bound:,} do not fit into {WORD_BITS + 1} bits")

    def scaled(self, factor: float) -> Signal:
        """The same integers in another unit."""
        return replace(self, scale=self.scale * factor, offset=self.offset * factor)


class FixedOp(Protocol):
    """One operation on frames x (N, C, L) in int64, whose values the C holds in int32.

    ``kernel`` names its template in ``export/c/templates/features``, which prints the operation
    with its own numbers in it, under the function's ``name``.  An operation may have two more
    properties: ``work``, if it needs more integers than it leaves, and ``per_channel``, if its C
    function takes the number of the channel.
    """

    @property
    def kernel(self) -> str:
        """Name of the template and of the C function."""

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""

    def apply(self, x: Int64) -> Int64:
        """The frames after it: the definition that the C must equal bit by bit."""


class OfLength:
    """An operation that leaves frames of ``length`` values."""

    length: int

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""
        return self.length


Operations = FixedOp | tuple[FixedOp, ...] | None
"""Of a step; None where only the meaning changes."""

Twin = Callable[[Signal, Settings], tuple[Operations, Signal]]
"""The operations of a step and what they leave."""


def work_of(operation: FixedOp) -> int:
    """Integers that an operation reads and writes from the start of a frame on."""
    return int(getattr(operation, "work", operation.outputs))


def rounded_shift(x: Int64, shift: int) -> Int64:
    """x / 2^shift, rounded half up."""
    return np.asarray((x + (1 << shift >> 1)) >> shift)


def table(values: NDArray[Any], one: int, largest: int) -> NDArray[np.int32]:
    """Real ``values`` as integers with ``one`` for 1.0, none above ``largest``."""
    rounded: NDArray[np.int32] = np.minimum(np.rint(values * one), largest).astype(np.int32)
    return rounded
