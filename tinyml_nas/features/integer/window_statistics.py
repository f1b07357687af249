"""The statistics of windows in integers: the operation behind ``features/steps/windows.py``.

All of it is exact but for four things: the Fourier transform and its magnitudes, which are those
of the other steps; deviations, which a kurtosis takes in 14 bits; magnitudes, which an entropy
takes in 15; and its logarithms, interpolated in a table of 65 values (5e-5 of an octave).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import FixedOp, Int64, rounded_shift, table
from tinyml_nas.features.signal import Array

Column = Literal["pool", "kurtosis", "crossings", "slopes", "dominant", "entropy"]

POOLS = 16
"""Bands of which PIR_FE takes the mean magnitude."""
DEVIATION_BITS = 14
MAGNITUDE_BITS = 15
KURTOSIS_ONE = 1 << 16
LOG2_ONE = 1 << 15
SEGMENTS = 64
INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class Windows:
    """``count`` windows of ``size`` samples at every ``hop``-th of a frame of ``length``.

    The first begins ``before`` samples before the frame; outside of it there are zeros.
    """

    count: int
    size: int
    hop: int
    before: int
    length: int

    def cut(self, x: Array) -> Array:
        """The windows [..., count, size] of frames x [..., length]."""
        end = (self.count - 1) * self.hop + self.size - self.before
        behind = max(0, end - self.length)
        edges = [(0, 0)] * (x.ndim - 1) + [(self.before, behind)]
        first = np.arange(self.count)[:, None] * self.hop
        return np.asarray(np.pad(x, edges)[..., first + np.arange(self.size)])


@dataclass(frozen=True)
class WindowStatistics:
    """``columns`` of statistics of each window, column by column: [N, C, columns * windows].

    A transform sees the window times ``gain``, saturated to int16, where that is not 1.  A slope
    is a difference beyond ``threshold``; the change of a smaller one counts only where the
    threshold is 0.
    """

    windows: Windows
    columns: tuple[Column, ...]
    chunk: int
    fft: FixedOp | None
    magnitude: FixedOp | None
    gain: int
    threshold: int
    fraction: NDArray[np.int32]
    kernel: str = "window_statistics"

    @property
    def fft_size(self) -> int:
        """Points of the transform; 0 without one."""
        return self.fft.outputs - 2 if self.fft else 0

    @property
    def widths(self) -> list[tuple[Column, int]]:
        """How many columns of each kind there are, in their order."""
        many = {"pool": POOLS, "kurtosis": self.windows.size // self.chunk, "dominant": 2}
        return [(column, many.get(column, 1)) for column in self.columns]

    @property
    def flat(self) -> int:
        """The ratio that stands for no kurtosis."""
        return round(3 * (self.chunk - 1) / (self.chunk + 1) * KURTOSIS_ONE)

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""
        return self.windows.count * sum(width for _, width in self.widths)

    @property
    def scratch(self) -> int:
        """Integers in which a window is worked on."""
        return max(self.windows.size, self.fft_size + 2)

    @property
    def work(self) -> int:
        """The frame, the window that is worked on, and the values."""
        return self.windows.length + self.scratch + self.outputs

    def apply(self, x: Int64) -> Int64:
        """The statistics of frames x (N, C, L)."""
        cut = self.windows.cut(x)
        find = {
            "pool": self._pool,
            "kurtosis": self._kurtosis,
            "crossings": _crossings,
            "slopes": self._slopes,
            "dominant": lambda cut: two_largest(self._spectrum(cut)),
            "entropy": self._entropy,
        }
        found = [find[column](cut) for column in self.columns]
        return np.moveaxis(np.concatenate(found, axis=-1), -1, -2).reshape(*x.shape[:2], -1)

    def _spectrum(self, cut: Int64, *, repeated: bool = False) -> Int64:
        """Magnitudes of the bins of each window, with zeros behind it or ``repeated``."""
        assert self.fft is not None
        assert self.magnitude is not None
        index = np.arange(self.fft_size)
        x = cut[..., index % self.windows.size]
        if self.gain > 1:
            x = np.clip(x * self.gain, INT16.min, INT16.max)
        if not repeated:
            x = np.where(index < self.windows.size, x, 0)
        rows = x.reshape(x.shape[0], -1, self.fft_size)
        return self.magnitude.apply(self.fft.apply(rows)).reshape(*x.shape[:-1], -1)

    def _pool(self, cut: Int64) -> Int64:
        bins = self._spectrum(cut, repeated=True)[..., 1:]
        return np.asarray(bins.reshape(*cut.shape[:-1], POOLS, -1).sum(axis=-1))

    def _kurtosis(self, cut: Int64) -> Int64:
        """m4 / m2^2 of each chunk in Q16, rounded down twice."""
        n = self.chunk
        chunks = cut[..., : cut.shape[-1] // n * n].reshape(*cut.shape[:-1], -1, n)
        d = _in_bits(n * chunks - chunks.sum(axis=-1, keepdims=True), DEVIATION_BITS)
        second = (d**2).sum(axis=-1)
        safe = np.maximum(second, 1)
        ratio = ((n * ((d**4).sum(axis=-1) // safe)) << 16) // safe
        return np.where(second > 0, ratio, self.flat)

    def _slopes(self, cut: Int64) -> Int64:
        steps = np.diff(cut, axis=-1)
        if not self.threshold:
            return _crossings(steps)
        direction, changes = np.sign(steps[..., 0]), np.zeros(steps.shape[:-1], np.int64)
        for step in np.moveaxis(steps[..., 1:], -1, 0):
            turned = (np.abs(step) > self.threshold) & (np.sign(step) != direction)
            direction = np.where(turned, np.sign(step), direction)
            changes += turned
        return changes[..., None]

    def _entropy(self, cut: Int64) -> Int64:
        """Of the power spectrum in bits, in Q15."""
        m = _in_bits(self._spectrum(cut), MAGNITUDE_BITS)
        power = m * m
        total = power.sum(axis=-1, keepdims=True)
        safe = np.maximum(total, 1)
        weighted = (power * 2 * self.log2(np.maximum(m, 1))).sum(axis=-1, keepdims=True)
        return np.where(total > 0, self.log2(safe) - weighted // safe, 0)

    def log2(self, x: Int64) -> Int64:
        """2^15 times the binary logarithm of x > 0, of which the first 31 bits are looked at."""
        exponent = np.frexp(x.astype(np.float64))[1].astype(np.int64) - 1
        up, down = np.maximum(31 - exponent, 0), np.maximum(exponent - 31, 0)
        mantissa = ((x << up) >> down) & 0x7FFFFFFF
        low = self.fraction.astype(np.int64)[mantissa >> 25]
        step = self.fraction.astype(np.int64)[(mantissa >> 25) + 1] - low
        rest = (mantissa >> 10) & 0x7FFF
        return np.asarray((exponent << 15) + low + rounded_shift(step * rest, 15))


def log2_fraction(columns: tuple[Column, ...]) -> NDArray[np.int32]:
    """log2(1 + i / 64) in Q15 where an entropy needs it, else nothing."""
    count = SEGMENTS + 1 if "entropy" in columns else 0
    return table(np.log2(1 + np.arange(count) / SEGMENTS), LOG2_ONE, LOG2_ONE)


def two_largest(x: Array) -> Array:
    """The second largest and the largest bin [..., 2], without bin 0; of equals the first."""
    bins = x[..., 1:]
    first = bins.argmax(axis=-1)[..., None]
    others = np.where(np.arange(bins.shape[-1]) == first, -1, bins)
    return np.concatenate([others.argmax(axis=-1)[..., None], first], axis=-1) + 1


def _crossings(x: Int64) -> Int64:
    return np.asarray((np.diff(np.sign(x), axis=-1) != 0).sum(axis=-1, keepdims=True))


def _in_bits(x: Int64, bits: int) -> Int64:
    """Rows x shifted until their largest magnitude has ``bits`` bits; to the right half up."""
    largest = np.abs(x).max(axis=-1, keepdims=True)
    shift = np.frexp(largest.astype(np.float64))[1].astype(np.int64) - bits
    right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
    half = (np.int64(1) << right) >> 1
    return np.asarray(((x << left) + half) >> right)
