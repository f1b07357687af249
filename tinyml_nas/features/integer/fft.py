"""The Fourier transform of real frames in integers, and the magnitude of its bins.

N real samples are taken as N/2 complex ones, transformed in place by radix 2 (Cooley & Tukey, 1965)
and split into the bins of the real signal (Press et al., "Numerical Recipes", 12.3).  Sums are not
halved on the way: a frame enters with as many spare bits as the transform needs, so the only
errors are those of rounding a product to an integer.  Twiddle factors have 30 fractional bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import (
    FixedOp,
    Int64,
    NoTwin,
    OfLength,
    Signal,
    rounded_shift,
    table,
)
from tinyml_nas.features.signal import Settings

Q30 = 1 << 30
ROOT_BITS = 15
"""Magnitudes are computed on parts of this many bits."""


@dataclass(frozen=True)
class RealFFT:
    """Twice the bins 0 to N/2 of N real values, real and imaginary parts in turn: [N, C, N + 2].

    ``cosine`` holds cos(2 pi k / N) for k = 0 to N/4; all other factors mirror it.
    """

    length: int
    cosine: NDArray[np.int32]
    kernel: str = "real_fft"

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""
        return self.length + 2

    def apply(self, x: Int64) -> Int64:
        """The doubled spectra of frames x (N, C, L)."""
        half = self.length // 2
        order = bit_reversed(half)
        re, im = x[..., 0::2][..., order], x[..., 1::2][..., order]
        size = 2
        while size <= half:
            re, im = self._combine(re, im, size)
            size *= 2
        return self._split(re, im)

    def twiddle(self, k: NDArray[np.int64]) -> tuple[Int64, Int64]:
        """(cos, sin) of 2 pi k / N for 0 <= k < N/2, in Q30."""
        quarter, cosine = self.length // 4, self.cosine.astype(np.int64)
        folded = cosine[np.minimum(k, 2 * quarter - k)]
        return np.where(k <= quarter, folded, -folded), cosine[np.abs(quarter - k)]

    def _combine(self, re: Int64, im: Int64, size: int) -> tuple[Int64, Int64]:
        """One stage: transforms of ``size`` points from pairs of half as many."""
        blocks = (*re.shape[:-1], -1, 2, size // 2)
        r, i = re.reshape(blocks), im.reshape(blocks)
        c, s = self.twiddle(np.arange(size // 2) * (self.length // size))
        tr = rounded_shift(c * r[..., 1, :] + s * i[..., 1, :], 30)
        ti = rounded_shift(c * i[..., 1, :] - s * r[..., 1, :], 30)
        re = np.stack([r[..., 0, :] + tr, r[..., 0, :] - tr], axis=-2).reshape(re.shape)
        im = np.stack([i[..., 0, :] + ti, i[..., 0, :] - ti], axis=-2).reshape(im.shape)
        return re, im

    def _split(self, re: Int64, im: Int64) -> Int64:
        """The spectrum of the real values from that of the complex ones."""
        half = self.length // 2
        k = np.arange(1, half // 2 + 1)
        ar, ai, br, bi = re[..., k], im[..., k], re[..., half - k], im[..., half - k]
        c, s = self.twiddle(k)
        tr = rounded_shift(c * (ai + bi) + s * (br - ar), 30)
        ti = rounded_shift(c * (br - ar) - s * (ai + bi), 30)
        out = np.zeros((*re.shape[:-1], half + 1, 2), np.int64)
        out[..., 0, 0] = 2 * (re[..., 0] + im[..., 0])
        out[..., half, 0] = 2 * (re[..., 0] - im[..., 0])
        out[..., half - k, 0], out[..., half - k, 1] = ar + br - tr, ti - (ai - bi)
        out[..., k, 0], out[..., k, 1] = ar + br + tr, ai - bi + ti
        return out.reshape(*re.shape[:-1], self.length + 2)


def bit_reversed(count: int) -> NDArray[np.int64]:
    """The numbers below ``count``, a power of two, with their bits in reverse order."""
    order = np.zeros(1, np.int64)
    while len(order) < count:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def fft_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    """The transform of frames of a power of two of samples; raises ``NoTwin`` for others."""
    n = signal.length
    if n < 4 or n & (n - 1):
        raise NoTwin(f"the integer FFT takes frames of 4, 8, 16 ... samples, not {n}")
    cosine = table(np.cos(2 * np.pi * np.arange(n // 4 + 1) / n), Q30, Q30)
    bound = 2 * n * signal.bound + error_bound(n, signal.bound)
    doubled = replace(signal, bound=bound, bins=n).scaled(0.5)
    return RealFFT(n, cosine), doubled


def error_bound(n: int, bound: int) -> int:
    """Largest error of a doubled bin of n values of magnitude <= ``bound``, in its own integers.

    A stage doubles the error of its inputs at most and adds that of a rounded product, 2^-1/2, and
    of a twiddle factor that is off by 2^-30.5, times the magnitude.  The splitting is a stage more.
    """
    error, magnitude = 0.0, math.sqrt(2) * bound
    for _ in range(n.bit_length() - 1):
        error = 2 * error + math.sqrt(0.5) + magnitude * 2.0**-30.5
        magnitude *= 2
    return math.ceil(error)


@dataclass(frozen=True)
class Magnitude(OfLength):
    """sqrt(re^2 + im^2) of the bins from ``first`` on, ``length`` of them.

    The parts are shifted right, half up, until they have 15 bits; the root of the sum of their
    squares is rounded down and shifted back.  So it is exact to 2^-13 of itself and 1.
    """

    bins: int
    first: int
    length: int
    kernel: str = "magnitude"

    def apply(self, x: Int64) -> Int64:
        """Magnitudes [N, C, length] of spectra [N, C, bins + 2]."""
        k = np.arange(self.first, self.first + self.length)
        stored = np.minimum(k, self.bins - k)  # the bins beyond N/2 mirror those below
        re, im = np.abs(x[..., 2 * stored]), np.abs(x[..., 2 * stored + 1])
        largest = np.maximum(re, im)
        shift = np.maximum(0, np.frexp(largest.astype(np.float64))[1].astype(np.int64) - ROOT_BITS)
        half = (np.int64(1) << shift) >> 1
        re, im = (re + half) >> shift, (im + half) >> shift
        root = np.sqrt((re * re + im * im).astype(np.float64)).astype(np.int64)  # exact below 2^52
        return np.asarray(root << shift)


def magnitude_bound(bound: int) -> int:
    """Largest magnitude of a bin whose parts are at most ``bound``, the sum of all samples.

    The sum bounds the magnitude as well.  Rounding the parts to 15 bits adds 2^-14 of it at most.
    """
    return bound + (bound >> (ROOT_BITS - 1)) + 1
