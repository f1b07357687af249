"""The Fourier transform and the magnitude in Q15, bit for bit as CMSIS-DSP computes them.

This is the arithmetic of ``arm_rfft_q15`` and ``arm_cmplx_mag_q15`` (ARM-software/CMSIS-DSP, the C
without DSP extension, which its Python package runs).  N real values are N/2 complex ones;
decimation in frequency by radix 4, after one stage of radix 2 where N/2 is no power of 4, every
stage halved against overflow, then split into the bins of the real signal.  Products are shifted
right and never rounded.  So a bin is the transform divided by N, off by up to 15 units as measured
(the constant one and its neighbors most), and a magnitude is half of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fft import bit_reversed
from tinyml_nas.features.integer.fixed import Int64, OfLength

Q15 = 1 << 15
LENGTHS = tuple(1 << bits for bits in range(5, 14))
"""Samples of the frames that are transformed, as CMSIS-DSP does."""
ROOT_START = np.rint(2.0**28 / np.sqrt(np.arange(8, 32) / 32)).astype(np.int32)
"""1 / sqrt(x) in Q28 for x = 8/32 to 31/32, where Newton's iteration starts."""


@dataclass(frozen=True)
class Q15FFT:
    """Bins 0 to N/2 of N values in Q15, divided by N, both parts in turn: [..., N + 2].

    ``sine`` holds floor(2^15 sin(2 pi k / (N/2))) for the stages, ``split`` holds
    2^14 sin(2 pi k / N) up to a quarter of a turn.
    """

    length: int
    sine: NDArray[np.int32]
    split: NDArray[np.int32]
    kernel: str = "q15_fft"

    @classmethod
    def of(cls, length: int) -> Q15FFT:
        """The transform of ``length`` values, one of ``LENGTHS``."""
        turn = 2 * np.pi * np.arange(length // 2) / (length // 2)
        # multiples of a quarter turn are exact
        fine = np.round(np.sin(turn) * Q15, 6)
        quarter = 2 * np.pi * np.arange(length // 4 + 1) / length
        return cls(
            length,
            np.minimum(np.floor(fine), Q15 - 1).astype(np.int32),
            np.rint(np.sin(quarter) * Q15 / 2).astype(np.int32),
        )

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""
        return self.length + 2

    def apply(self, x: Int64) -> Int64:
        """The spectra of frames x (N, C, L)."""
        z = np.stack([x[..., 0::2], x[..., 1::2]])  # real and imaginary parts [2, N, C, L/2]
        half = self.length // 2
        power_of_four = half.bit_length() % 2 == 1
        z = self._radix4(z, 1) if power_of_four else self._radix2(z)
        return self._split(z[..., bit_reversed(half)])

    def _radix2(self, z: Int64) -> Int64:
        """One stage of radix 2, its halves by radix 4, and what was halved too often doubled."""
        a, b = np.split(z >> 1, 2, axis=-1)
        c, s = self._twiddle(np.arange(a.shape[-1]))
        (re, im), total = a - b, (a + b) >> 1
        turned = np.stack(
            [((re * c) >> 16) + ((im * s) >> 16), ((im * c) >> 16) - ((re * s) >> 16)]
        )
        halves = [self._radix4(part, 2) for part in (total, turned)]
        return _wrapped(2 * np.concatenate(halves, axis=-1))

    def _radix4(self, z: Int64, step: int) -> Int64:
        """All stages of radix 4; ``step`` lies between two twiddle factors of the first."""
        size = total = z.shape[-1]
        while size >= 4:
            blocks = (*z.shape[:-1], total // size, 4, size // 4)
            turn = np.arange(size // 4) * (step * (total // size))
            butterfly = self._first if size == total else self._later
            z = np.stack(butterfly(z.reshape(blocks), turn), axis=-2).reshape(z.shape)
            size //= 4
        return z

    def _first(self, z: Int64, turn: Int64) -> tuple[Int64, ...]:
        """The first stage, on values [..., 4, L/4]: inputs are quartered, outputs are not."""
        a, b, c, d = np.moveaxis(z >> 2, -2, 0)
        even, odd, over, under = _sat(a + c), _sat(b + d), _sat(a - c), _turned(_sat(b - d))
        return (
            (even >> 1) + (odd >> 1),
            self._rotated(_sat(even - odd), 2 * turn),
            self._rotated(_sat(over + under), turn),
            self._rotated(_sat(over - under), 3 * turn),
        )

    def _later(self, z: Int64, turn: Int64) -> tuple[Int64, ...]:
        """Any other stage; the last one has nothing to rotate, so it halves only once."""
        a, b, c, d = np.moveaxis(z, -2, 0)
        even, odd, over, under = (_sat(x) >> 1 for x in (a + c, b + d, a - c, b - d))
        under = _turned(under)
        if len(turn) == 1:
            return even + odd, even - odd, over + under, over - under
        return (
            (even + odd) >> 1,
            self._rotated(even - odd, 2 * turn),
            self._rotated(over + under, turn),
            self._rotated(over - under, 3 * turn),
        )

    def _rotated(self, z: Int64, turn: Int64) -> Int64:
        (re, im), (c, s) = z, self._twiddle(turn)
        return np.stack([c * re + s * im, c * im - s * re]) >> 16

    def _twiddle(self, turn: Int64) -> tuple[Int64, Int64]:
        """cos and sin of 2 pi turn / (N/2)."""
        sine, size = self.sine.astype(np.int64), self.length // 2
        return sine[(turn + size // 4) % size], sine[turn]

    def _split(self, z: Int64) -> Int64:
        """The spectrum of the real values from that of the complex ones."""
        half, table = self.length // 2, self.split.astype(np.int64)
        k = np.arange(1, half)
        s = table[np.minimum(k, half - k)]
        c = np.where(k <= half // 2, 1, -1) * table[np.abs(half // 2 - k)]
        down, up = Q15 // 2 - s, np.minimum(Q15 // 2 + s, Q15 - 1)
        (ar, ai), (br, bi) = z[..., k], z[..., half - k]
        out = np.zeros((*z.shape[1:-1], half + 1, 2), np.int64)
        out[..., 1:half, 0] = (ar * down + ai * c + br * up + bi * c) >> 16
        out[..., 1:half, 1] = (ai * down - ar * c - bi * up + br * c) >> 16
        out[..., 0, 0] = (z[0, ..., 0] + z[1, ..., 0]) >> 1
        out[..., half, 0] = (z[0, ..., 0] - z[1, ..., 0]) >> 1
        return out.reshape(*z.shape[1:-1], self.length + 2)


@dataclass(frozen=True)
class Q15Magnitude(OfLength):
    """Half of sqrt(re^2 + im^2) of ``length`` bins from ``first`` on: Q2.14 for parts in Q1.15.

    The root is that of ``arm_sqrt_q31``: three steps of Newton's iteration for 1 / sqrt(x).
    """

    first: int
    length: int
    start: NDArray[np.int32]
    kernel: str = "q15_magnitude"

    def apply(self, x: Int64) -> Int64:
        """Magnitudes [N, C, length] of spectra [N, C, N + 2]."""
        stop = self.first + self.length
        re, im = x[..., 2 * self.first : 2 * stop : 2], x[..., 2 * self.first + 1 : 2 * stop : 2]
        square = (re * re + im * im) >> 1
        return np.where(square > 0, self._root(np.maximum(square, 1)) >> 16, 0)

    def _root(self, x: Int64) -> Int64:
        """sqrt(x) in Q31."""
        half_shift = (31 - np.frexp(x.astype(np.float64))[1].astype(np.int64)) // 2
        number = x << (2 * half_shift)
        inverse = self.start.astype(np.int64)[(number >> 26) - 8]
        for _ in range(3):
            error = (number * ((inverse * inverse) >> 28)) >> 31
            inverse = (inverse * (3 * (1 << 28) - error)) >> 29
        return np.asarray(((number * inverse) >> 28) >> half_shift)


def _turned(z: Int64) -> Int64:
    """-i z."""
    return np.stack([z[1], -z[0]])


def _sat(x: Int64) -> Int64:
    return np.clip(x, -Q15, Q15 - 1)


def _wrapped(x: Int64) -> Int64:
    """What is left of x in 16 bits."""
    return np.asarray(((x + Q15) & 0xFFFF) - Q15)
