"""Rounding to whole numbers, which steps in Q15 and ROUND_OFF begin with."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import (
    WORD_BITS,
    FixedOp,
    Int64,
    NoTwin,
    OfLength,
    Signal,
)
from tinyml_nas.features.signal import Array, Settings
from tinyml_nas.features.steps.frame_step import FrameStep

MULTIPLIER_BITS = 30
"""A factor is right to 2^-30 of itself, and exact where it is a power of two."""
MAX_SHIFT = 62
INT16 = np.iinfo(np.int16)


def whole(x: Array) -> Array:
    """The nearest whole number, halves up."""
    return np.asarray(np.floor(x + 0.5))


def whole16(x: Array) -> Array:
    """The nearest whole number that int16 holds, halves up."""
    return np.asarray(np.clip(whole(x), INT16.min, INT16.max))


@dataclass(frozen=True)
class ToWhole(OfLength):
    """(x * multiplier[c] + bias[c]) >> shift[c], the bias with the half that rounds.

    Clamped to int16 where ``saturate``.
    """

    multiplier: NDArray[np.int32]
    bias: Int64
    shift: NDArray[np.int32]
    saturate: bool
    length: int
    kernel: str = "to_whole"

    @property
    def per_channel(self) -> bool:
        """Whether the channels differ."""
        rows = (self.multiplier, self.bias, self.shift)
        return any((row != row[0]).any() for row in rows)

    def apply(self, x: Int64) -> Int64:
        """The whole numbers of frames x (N, C, L)."""
        shift = self.shift.astype(np.int64)[:, None]
        y = (x * self.multiplier.astype(np.int64)[:, None] + self.bias[:, None]) >> shift
        return np.clip(y, INT16.min, INT16.max) if self.saturate else y


def to_whole(signal: Signal, unit: float = 1.0, *, saturate: bool) -> tuple[FixedOp | None, Signal]:
    """Integers that count the ``unit``; no operation where the signal's own already do."""
    factor, constant = signal.scale / unit, signal.offset / unit
    largest = float(np.max(np.abs(factor) * signal.bound + np.abs(constant))) + 1
    bound = min(-INT16.min, math.ceil(largest)) if saturate else math.ceil(largest)
    if bound.bit_length() > WORD_BITS:
        raise NoTwin(f"whole numbers up to {bound:,} do not fit into {WORD_BITS + 1} bits")
    ones, zeros = np.ones_like(factor), np.zeros_like(factor)
    exact = bool((factor == 1).all() and not constant.any())
    if exact and not (saturate and signal.bound > -INT16.min):
        return None, replace(signal, scale=ones, offset=zeros)
    rows = [_rounding(f, c, signal.bound) for f, c in zip(factor, constant, strict=True)]
    multiplier, bias, shift = zip(*rows, strict=True)
    operation = ToWhole(
        np.array(multiplier, np.int32),
        np.array(bias, np.int64),
        np.array(shift, np.int32),
        saturate and largest > -INT16.min,
        signal.length,
    )
    return operation, replace(signal, scale=ones, offset=zeros, bound=bound)


def _rounding(factor: float, constant: float, bound: int) -> tuple[int, int, int]:
    """Multiplier, bias and shift of floor(factor * x + constant + 1/2) for |x| <= bound."""
    mantissa, exponent = math.frexp(factor)
    bits = 1 if mantissa == 0.5 else MULTIPLIER_BITS
    shift = min(max(bits - exponent, 0), MAX_SHIFT)
    multiplier = round(math.ldexp(factor, shift))
    bias = math.floor(math.ldexp(constant, shift)) + (1 << shift >> 1)
    if multiplier.bit_length() > WORD_BITS or (bound * multiplier + abs(bias)).bit_length() > 63:
        raise NoTwin("the samples are too large to be rounded to whole numbers in 64 bits")
    return multiplier, bias, shift


def _round_off_twin(signal: Signal, settings: Settings) -> tuple[FixedOp | None, Signal]:
    return to_whole(signal, saturate=False)


ROUND_OFF = FrameStep(
    "ROUND_OFF",
    "Round each value to the nearest whole number, halves up.",
    ("samples", "coefficients", "magnitude", "bins", "decibel"),
    None,
    lambda x, settings: whole(x),
    _round_off_twin,
    in_integers="the same integers; 2^-30 of a value where a count is no power of two",
)
