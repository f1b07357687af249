"""The whole way from the samples of a converter to the int8 input of a network, in integers.

    int16 samples -> int32 frame of a channel -> the chain's operations -> int8 features

The last step folds the units of the chain, the normalization and the network's input quantization
into one multiplication per channel with one rounding, half up:

    q = clamp((x * multiplier[c] + bias[c]) >> shift[c])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import (
    FixedOp,
    Float64,
    Int64,
    NoTwin,
    Signal,
    work_of,
)
from tinyml_nas.features.signal import Settings, Step
from tinyml_nas.features.steps.concat import CONCAT, join, last_frames
from tinyml_nas.features.steps.frame_step import FrameStep

GUARD_BITS = 8
"""Fractional bits that a sample gets at most: beyond them errors are far below the sample's own."""
MULTIPLIER_BITS = 24
"""Of the last multiplication: 2^-24 of a value is less than 2^-16 of an int8 step."""
MAX_SHIFT = 62
WHOLE = 0.01
"""A sample this near to a whole number of counts is one: float32 holds no more of it."""
INT16 = np.iinfo(np.int16)

Int16 = NDArray[np.int16]
Int8 = NDArray[np.int8]


@dataclass(frozen=True)
class FixedChain:
    """A chain in integers, up to the meaning of what it leaves: nothing of it depends on a network.

    ``lsb`` is what one count of a sample stands for, per channel.  A frame begins ``hop`` samples
    after the last one; ``joined`` of them make a model input, which ends at each ``skip``-th frame.
    Their features lie channel by channel in one row where they are ``stacked``.
    """

    steps: tuple[Step, ...]
    settings: Settings
    frame_length: int
    lsb: Float64
    guard_bits: int
    operations: tuple[FixedOp, ...]
    left: Signal
    hop: int
    joined: int = 1
    skip: int = 1
    stacked: bool = False

    def samples(self, x: NDArray[np.floating[Any]]) -> Int16:
        """Real samples x (N, C, L) as a converter gives them, saturated."""
        counts = np.rint(x.astype(np.float64) / self.lsb[:, None])
        clipped: Int16 = np.clip(counts, INT16.min, INT16.max).astype(np.int16)
        return clipped


@dataclass(frozen=True)
class Frontend:
    """A chain and the quantizer behind it: one value for each channel that the chain leaves."""

    chain: FixedChain
    multiplier: NDArray[np.int32]
    bias: Int64
    shift: NDArray[np.int32]

    @property
    def channels(self) -> int:
        """Channels of the samples."""
        return len(self.chain.lsb)

    @property
    def parts(self) -> int:
        """Channels that the chain makes of one."""
        return self.chain.left.parts

    @property
    def work_length(self) -> int:
        """Integers of the longest frame on the way: a spectrum has two more than its samples."""
        return max(self.chain.frame_length + 2, *map(work_of, self.chain.operations), 0)

    @property
    def features(self) -> int:
        """Features of each channel that a frame leaves."""
        return self.chain.left.length

    def run(self, samples: Int16) -> Int8:
        """int8 features (N, C * parts, F) of frames (N, C, L): the definition of the C."""
        return self.quantize(self.stages(samples)[-1])

    def stages(self, samples: Int16) -> list[Int64]:
        """Frames (N, C, L) as they enter, and after each operation."""
        stages = [samples.astype(np.int64) << self.chain.guard_bits]
        for operation in self.chain.operations:
            stages.append(operation.apply(stages[-1]))
        return stages

    def quantize(self, x: Int64) -> Int8:
        """int8 features of what the last operation left."""
        x = x.reshape(len(x), self.channels * self.parts, self.features)
        shift = self.shift.astype(np.int64)[:, None]
        q = (x * self.multiplier[:, None] + self.bias[:, None]) >> shift
        clipped: Int8 = np.clip(q, -128, 127).astype(np.int8)
        return clipped

    def inputs(self, features: Int8) -> tuple[Int8, NDArray[np.int64]]:
        """Model inputs of the features (T, C, F) of the frames of one stream, in their order.

        The second array has the number of the last frame of each input.
        """
        chain = self.chain
        last = last_frames(np.zeros(len(features), np.int64), chain.joined, chain.skip)
        return self.joined(features, last), last

    def joined(self, features: Int8, last: NDArray[np.int64]) -> Int8:
        """Model inputs that end with the frames ``last`` of features (T, C, F)."""
        return join(features, last, self.chain.joined, self.chain.stacked)


def choose_lsb(x: NDArray[np.float32], unit: float) -> Float64:
    """What one count of a sample stands for, per channel of training samples x (N, C, L).

    ``unit`` where all of them are whole multiples of it that int16 holds: what the converter gave.
    Otherwise the power of two that leaves them half of the range to spare.
    """
    counts = x.astype(np.float64) / unit
    whole = np.abs(counts - np.rint(counts)).max(initial=0) < WHOLE
    if whole and counts.min(initial=0) >= INT16.min and counts.max(initial=0) <= INT16.max:
        return np.full(x.shape[1], unit)
    largest = np.abs(x).max(axis=(0, 2), initial=0).astype(np.float64)
    return np.exp2(np.ceil(np.log2(np.where(largest > 0, largest, 1.0) / (INT16.max // 2))))


def lower_chain(
    steps: Sequence[Step],
    settings: Settings,
    lsb: Float64,
    length: int,
    hop: int,
    guard_bits: int = GUARD_BITS,
) -> FixedChain:
    """``steps`` in integers, for frames of ``length`` samples at every ``hop``-th.

    Samples get as many of ``guard_bits`` as nothing overflows with.  Raises ``NoTwin`` for a chain
    that has no form in 32-bit integers.
    """
    try:
        operations, left = _lower(steps, settings, lsb, length, guard_bits)
    except NoTwin:
        if guard_bits == 0:
            raise
        return lower_chain(steps, settings, lsb, length, hop, guard_bits - 1)
    chain = FixedChain(tuple(steps), settings, length, lsb, guard_bits, operations, left, hop)
    if CONCAT not in steps:
        return chain
    joined, stacked = settings.frame_concat, settings.stacking == "1D"
    return replace(chain, joined=joined, skip=settings.frame_skip, stacked=stacked)


def _lower(
    steps: Sequence[Step], settings: Settings, lsb: Float64, length: int, guard: int
) -> tuple[tuple[FixedOp, ...], Signal]:
    signal = Signal(length, lsb / (1 << guard), np.zeros_like(lsb), -INT16.min << guard)
    operations: list[FixedOp] = []
    for step in steps:
        if isinstance(step, FrameStep):
            added, signal = step.twin(signal, settings)
            if added is not None:
                operations += added if isinstance(added, tuple) else (added,)
    return tuple(operations), signal


def make_frontend(
    chain: FixedChain,
    mean: NDArray[np.float32],
    scale: NDArray[np.float32],
    zero_point: int,
) -> Frontend:
    """``chain`` with the quantizer q = (real - mean) / scale + zero_point of a network's input.

    ``mean`` and ``scale`` have one value, or one for each channel.  Raises ``NoTwin`` where 64 bits
    do not hold the products.
    """
    left = chain.left
    means, scales = (np.broadcast_to(v, left.scale.shape).astype(np.float64) for v in (mean, scale))
    rows = [
        _affine(*row, zero_point, left.bound)
        for row in zip(left.scale / scales, (left.offset - means) / scales, strict=True)
    ]
    multiplier, bias, shift = zip(*rows, strict=True)
    return Frontend(
        chain, np.array(multiplier, np.int32), np.array(bias, np.int64), np.array(shift, np.int32)
    )


def _affine(factor: float, constant: float, zero_point: int, bound: int) -> tuple[int, int, int]:
    """Multiplier, bias and shift of factor * x + constant + zero_point, for |x| <= bound."""
    shift = min(MULTIPLIER_BITS - math.frexp(factor)[1], MAX_SHIFT)
    if shift < 1:
        raise NoTwin("one count of a sample is more than the whole range of the network's input")
    multiplier = round(math.ldexp(factor, shift))
    bias = round(math.ldexp(constant + zero_point, shift)) + (1 << (shift - 1))
    if (abs(bias) + bound * multiplier).bit_length() > 63:
        raise NoTwin("the mean of a feature is too large beside its spread")
    return multiplier, bias, shift
