"""Steps on magnitudes: sums over bands, and their logarithm."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import (
    WORD_BITS,
    FixedOp,
    Int64,
    NoTwin,
    OfLength,
    Signal,
    rounded_shift,
    table,
)
from tinyml_nas.features.signal import Array, Misfit, Settings
from tinyml_nas.features.steps.frame_step import FrameStep


def bin_size(settings: Settings) -> int:
    """FFT bins summed into one feature."""
    if settings.feature_size is None:
        raise Misfit(
            "BINNING needs to know how many features a frame gives.",
            hint="Set data_processing_feature_extraction.feature_size_per_frame.",
            keys=("feature_size_per_frame",),
        )
    width = settings.frame_size / 2 / settings.bandwidth
    size = int(width / settings.feature_size)
    if size < 1:
        raise Misfit(
            f"A frame of {settings.frame_size} samples cannot give {settings.feature_size} bins "
            f"with analysis_bandwidth {settings.bandwidth:g}.",
            hint="Lower feature_size_per_frame or raise frame_size.",
            keys=("feature_size_per_frame", "analysis_bandwidth", "frame_size"),
        )
    if width % settings.feature_size:
        raise Misfit(
            f"{settings.feature_size} features do not divide the {width:g} bins of the spectrum.",
            hint="Make frame_size / 2 / analysis_bandwidth a multiple of feature_size_per_frame.",
            keys=("feature_size_per_frame", "analysis_bandwidth", "frame_size"),
        )
    return size


def band(settings: Settings) -> tuple[int, int, int]:
    """The first value of the frame that belongs to a band, values per band, and bands.

    min_bin counts the bins of the Fourier transform, also where DC_REMOVE has dropped some.
    """
    first = max(0, settings.min_bin - settings.first_bin)
    return first, bin_size(settings), settings.feature_size or 0


def binned_length(length: int, settings: Settings) -> int:
    """Bands of a frame of ``length`` bins; a ConfigError if they do not fit into it."""
    first, size, features = band(settings)
    first_of_last = first + size * (features - 1)
    if first_of_last >= length:
        raise Misfit(
            f"BINNING from bin {settings.min_bin} on in {features} steps of {size} starts its last "
            f"one at bin {first_of_last + settings.first_bin}, but there are "
            f"{length + settings.first_bin} bins.",
            hint="Lower feature_size_per_frame or min_bin, or raise analysis_bandwidth.",
            keys=("feature_size_per_frame", "min_bin", "analysis_bandwidth", "frame_size"),
        )
    return features


@dataclass(frozen=True)
class Bands:
    """``count`` bands of ``size`` values each from ``first`` on; the last ends with the frame."""

    first: int
    size: int
    count: int
    length: int

    @property
    def stop(self) -> int:
        """The first value that belongs to no band."""
        return min(self.first + self.size * self.count, self.length)

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""
        return self.count

    def sums(self, x: NDArray[Any]) -> NDArray[Any]:
        """The sum of each band [..., count] of frames x [..., length]."""
        edges = np.arange(self.first, self.stop, self.size)
        return np.add.reduceat(x[..., : self.stop], edges, axis=-1)


def _bin(x: Array, settings: Settings) -> Array:
    bands = Bands(*band(settings), x.shape[-1])
    return np.asarray(bands.sums(x) / (bands.size if settings.normalize_bin else 1))


@dataclass(frozen=True)
class BinSums(Bands):
    """Sums of bands, divided by 2^``shift`` and rounded half up."""

    shift: int
    kernel: str = "bin_sums"

    def apply(self, x: Int64) -> Int64:
        """The sums [N, C, count]."""
        return rounded_shift(self.sums(x), self.shift)


def _bin_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    first, size, count = band(settings)
    shift = max(0, (signal.bound * size + 1).bit_length() - WORD_BITS)
    operation = BinSums(first, size, count, signal.length, shift)
    summed = replace(signal, length=count, bound=(signal.bound * size >> shift) + 1)
    return operation, summed.scaled((1 << shift) / (size if settings.normalize_bin else 1))


def _log(x: Array, settings: Settings) -> Array:
    scale = settings.log_mul / np.log(settings.log_base)
    return np.asarray(scale * np.log(settings.log_threshold + x))


LOG_SEGMENTS = 64
LOG_BITS = 15
"""Fractional bits of a logarithm."""


@dataclass(frozen=True)
class Log2(OfLength):
    """2^15 times the binary logarithm of x + ``threshold[c]``, of 1 where that is smaller.

    The fraction is interpolated between the 65 values of ``fraction``, log2(1 + i / 64) in Q15: off
    by 5e-5 at most, which are 3e-4 dB, beside the half unit of the result.
    """

    threshold: NDArray[np.int32]
    fraction: NDArray[np.int32]
    length: int
    kernel: str = "log2_q15"

    @property
    def per_channel(self) -> bool:
        """Whether the thresholds matter."""
        return bool(self.threshold.any())

    def apply(self, x: Int64) -> Int64:
        """Logarithms of frames x (N, C, L)."""
        value = np.maximum(x + self.threshold[:, None], 1)
        exponent = np.frexp(value.astype(np.float64))[1].astype(np.int64) - 1
        mantissa = (value << (31 - exponent)) & 0x7FFFFFFF  # without the leading one, 31 bits
        segment, rest = mantissa >> 25, (mantissa >> 10) & 0x7FFF
        low = self.fraction[segment].astype(np.int64)
        step = self.fraction[segment + 1] - low
        return np.asarray((exponent << LOG_BITS) + low + ((step * rest + (1 << 14)) >> 15))


def _log_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    if signal.offset.any():
        raise NoTwin("LOG_DB needs values without an offset")
    threshold = np.rint(settings.log_threshold / signal.scale)
    replace(signal, bound=signal.bound + int(threshold.max()))  # raises where the sum overflows
    fraction = np.log2(1 + np.arange(LOG_SEGMENTS + 1) / LOG_SEGMENTS)
    one = 1 << LOG_BITS
    operation = Log2(threshold.astype(np.int32), table(fraction, one, one), signal.length)
    natural = settings.log_mul / math.log(settings.log_base)
    return operation, replace(
        signal,
        scale=np.full_like(signal.scale, natural * math.log(2) / one),
        offset=natural * np.log(signal.scale),
        bound=32 * one,
    )


BINNING = FrameStep(
    "BINNING",
    "Sum the magnitudes over feature_size_per_frame bands of equal width.",
    ("magnitude",),
    "bins",
    _bin,
    _bin_twin,
    binned_length,
    reads=("feature_size_per_frame", "min_bin", "analysis_bandwidth", "normalize_bin"),
    in_integers="exact, or half a unit where a sum needs more than 31 bits",
)
LOG_DB = FrameStep(
    "LOG_DB",
    "log_mul times the logarithm of log_threshold plus each value.",
    ("magnitude", "bins"),
    "decibel",
    _log,
    _log_twin,
    reads=("log_mul", "log_base", "log_threshold"),
    in_integers="a table of 65 values: 1e-3 dB; log_threshold is rounded to whole units",
)
