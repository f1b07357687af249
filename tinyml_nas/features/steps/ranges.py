"""Steps that bring each frame to a common range by its own values: the spread, or the extremes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyml_nas.features.integer.fixed import (
    FixedOp,
    Int64,
    NoTwin,
    OfLength,
    Operations,
    Signal,
)
from tinyml_nas.features.signal import Array, Settings
from tinyml_nas.features.steps.frame_step import FrameStep
from tinyml_nas.features.steps.time import take_mean

UNIT_BITS = 30
"""Fractional bits of what is left."""


def _standardized(x: Array, settings: Settings) -> Array:
    centered = x - x.mean(axis=-1, keepdims=True)
    deviation = centered.std(axis=-1, keepdims=True)
    zeros = np.zeros_like(centered)
    return np.asarray(np.divide(centered, deviation, out=zeros, where=deviation > 0))


def _between(x: Array, settings: Settings) -> Array:
    low = x.min(axis=-1, keepdims=True)
    span = x.max(axis=-1, keepdims=True) - low
    return np.asarray(np.divide(x - low, span, out=np.zeros_like(x), where=span > 0))


def _reciprocal(x: Int64) -> tuple[Int64, Int64]:
    """floor(2^61 / (x 2^e)) and e, for which x 2^e has 31 bits; x > 0."""
    missing = 31 - np.frexp(x.astype(np.float64))[1].astype(np.int64)
    return (1 << 61) // (x << missing), missing


@dataclass(frozen=True)
class UnitNorm(OfLength):
    """Each frame divided by the root of the sum of its squares, in Q30; 0 where all is 0.

    The sum is shifted left by an even number of bits until it has 61 or 62, and its root rounded
    down to 31 bits.  So a value is right to 2^-29 of itself, and 2^-31.
    """

    length: int
    kernel: str = "unit_norm"

    def apply(self, x: Int64) -> Int64:
        """The scaled frames x (N, C, L)."""
        energy = (x * x).sum(axis=-1, keepdims=True)
        safe = np.maximum(energy, 1)
        bits = sum((safe >> step > 0).astype(np.int64) for step in range(62))
        shift = (62 - bits) // 2
        root = _root(safe << (2 * shift))
        y = _rounded(x * ((1 << 61) // root), 61 - UNIT_BITS - shift)
        return np.where(energy > 0, y, 0)


def _root(x: Int64) -> Int64:
    """sqrt(x), rounded down; float64 is off by one at most."""
    root = np.sqrt(x.astype(np.float64)).astype(np.int64)
    root -= root * root > x
    return root + ((root + 1) * (root + 1) <= x)


def _rounded(x: Int64, shift: Int64) -> Int64:
    """x / 2^shift for a positive shift of each frame, rounded half up."""
    return np.asarray((x + (np.int64(1) << (shift - 1))) >> shift)


@dataclass(frozen=True)
class UnitRange(OfLength):
    """(x - lowest) / (highest - lowest) of each frame in Q30, half up; 0 where all is equal.

    The reciprocal of the range has 30 bits, so a value is right to 2^-29.
    """

    length: int
    kernel: str = "unit_range"

    def apply(self, x: Int64) -> Int64:
        """The scaled frames x (N, C, L)."""
        low = x.min(axis=-1, keepdims=True)
        span = x.max(axis=-1, keepdims=True) - low
        inverse, missing = _reciprocal(np.maximum(span, 1))
        return np.where(span > 0, _rounded((x - low) * inverse, 31 - missing), 0)


def _standardized_twin(signal: Signal, settings: Settings) -> tuple[Operations, Signal]:
    mean, centered = take_mean(signal)
    if (centered.bound**2 * signal.length).bit_length() > 61:
        raise NoTwin("the sum of the squares of a frame does not fit into 62 bits")
    left = replace(centered, bound=(1 << UNIT_BITS) + 2)
    unit = np.full_like(left.scale, np.sqrt(signal.length) / (1 << UNIT_BITS))
    return (mean, UnitNorm(signal.length)), replace(left, scale=unit, offset=np.zeros_like(unit))


def _between_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    if (2 * signal.bound).bit_length() > 31:
        raise NoTwin("the range of a frame does not fit into 31 bits")
    unit = np.full_like(signal.scale, 1 / (1 << UNIT_BITS))
    left = replace(signal, scale=unit, offset=np.zeros_like(unit), bound=(1 << UNIT_BITS) + 2)
    return UnitRange(signal.length), left


ECG_NORMALIZE = FrameStep(
    "ECG_NORMALIZE",
    "Each frame without its mean, divided by its standard deviation; 0 where it is constant.",
    ("samples",),
    None,
    _standardized,
    _standardized_twin,
    in_integers="root and reciprocal of 31 bits: 2^-29 of a value; the mean is rounded to a unit",
)
RANGE_NORMALIZE = FrameStep(
    "RANGE_NORMALIZE",
    "Each frame from 0, its lowest value, to 1, its highest; 0 where it is constant.",
    ("samples",),
    None,
    _between,
    _between_twin,
    in_integers="reciprocal of 31 bits: 2^-29",
)
