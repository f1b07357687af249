"""The steps in Q15: 16-bit integers all along, in training as on the target, with CMSIS-DSP's bits.

Their values are those integers, no fractions of 32768, so a converter's counts go straight in.
The float form of such a step runs its integer form; the two can only differ where samples that are
no whole numbers are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.console import Console
from tinyml_nas.features.integer.fixed import (
    FixedOp,
    Int64,
    NoTwin,
    OfLength,
    Operations,
    Signal,
)
from tinyml_nas.features.integer.q15_fft import (
    LENGTHS,
    Q15,
    Q15FFT,
    ROOT_START,
    Q15Magnitude,
)
from tinyml_nas.features.signal import Array, Misfit, Settings
from tinyml_nas.features.steps.bands import Bands, band, bin_size, binned_length
from tinyml_nas.features.steps.frame_step import FrameStep
from tinyml_nas.features.steps.time import remove_mean_twin
from tinyml_nas.features.steps.whole import INT16, to_whole, whole, whole16

COUNTING = ("FE_Q15", "FFT_Q15", "PIR_FE_Q15")
"""Steps that round samples to whole counts."""
FEW_COUNTS = 4
"""Samples of less than this have nothing left to tell as whole numbers."""


def warn_of_fractions(
    names: Sequence[str], x: NDArray[np.float32], unit: float, console: Console
) -> None:
    """Say so where steps that take counts get samples that would nearly all become 0."""
    counting = [name for name in names if name in COUNTING]
    largest = float(np.abs(x).max(initial=0))
    if counting and "TO_Q15" not in names and 0 < largest < FEW_COUNTS:
        divided = "" if unit == 1 else f", after scale {1 / unit:g}"
        console.warning(
            f"{counting[0]} takes whole counts of a converter, but no sample is above {largest:g}"
            f"{divided}: put TO_Q15 before it."
        )


def _to_q15_twin(signal: Signal, settings: Settings) -> tuple[Operations, Signal]:
    return to_whole(signal, 1 / Q15, saturate=True)


def _fe_q15(x: Array, settings: Settings) -> Array:
    x = whole16(x)
    return x - whole(x.mean(axis=-1, keepdims=True)) if settings.dc_remove else x


def _fe_q15_twin(signal: Signal, settings: Settings) -> tuple[Operations, Signal]:
    rounding, signal = to_whole(signal, saturate=True)
    mean, signal = remove_mean_twin(signal, settings)
    return tuple(op for op in (rounding, mean) if op is not None), signal


def _fft_length(length: int, settings: Settings) -> int:
    if length not in LENGTHS:
        raise Misfit(
            f"FFT_Q15 transforms frames of 32, 64, 128 ... {LENGTHS[-1]} samples, not {length}.",
            hint="Set frame_size to a power of two, or use FFT_FE.",
            keys=("frame_size",),
        )
    return length // 2 + 1


def _fft(x: Array, settings: Settings) -> Array:
    return _complex(Q15FFT.of(x.shape[-1]).apply(whole16(x).astype(np.int64)))


def _fft_twin(signal: Signal, settings: Settings) -> tuple[Operations, Signal]:
    rounding, signal = to_whole(signal, saturate=True)
    n = signal.length
    spectrum = replace(signal, length=n // 2 + 1, bound=Q15, bins=n)
    fft = Q15FFT.of(n)
    return (fft,) if rounding is None else (rounding, fft), spectrum


def _complex(x: Int64) -> Array:
    return np.asarray(x[..., 0::2] + 1j * x[..., 1::2])


def _interleaved(x: Array) -> Int64:
    return np.stack([x.real, x.imag], axis=-1).reshape(*x.shape[:-1], -1).astype(np.int64)


@dataclass(frozen=True)
class Q15Shift(OfLength):
    """x * 2^``shift``, right shifts without rounding, saturated to int16: ``arm_shift_q15``."""

    shift: int
    length: int
    kernel: str = "q15_shift"

    def apply(self, x: Int64) -> Int64:
        """The shifted frames."""
        y = x << self.shift if self.shift > 0 else x >> -self.shift
        return np.asarray(np.clip(y, INT16.min, INT16.max))


def _scale(x: Array, settings: Settings) -> Array:
    return _complex(Q15Shift(settings.q15_scale_factor, 2 * x.shape[-1]).apply(_interleaved(x)))


def _scale_twin(signal: Signal, settings: Settings) -> tuple[Operations, Signal]:
    shift = settings.q15_scale_factor
    words = (signal.bins or 0) + 2
    return Q15Shift(shift, words) if shift else None, signal


def _magnitude(x: Array, settings: Settings) -> Array:
    return Q15Magnitude(0, x.shape[-1], ROOT_START).apply(_interleaved(x)).astype(np.float64)


def _magnitude_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    operation = Q15Magnitude(signal.first, signal.length, ROOT_START)
    return operation, replace(signal, bins=None, first=0, bound=Q15)


@dataclass(frozen=True)
class Q15Bins(Bands):
    """Sums of bands, divided by ``divisor`` without the rest and saturated to int16."""

    divisor: int
    kernel: str = "q15_bins"

    def apply(self, x: Int64) -> Int64:
        """The sums [N, C, count]."""
        return np.asarray(np.minimum(self.sums(x) // self.divisor, INT16.max))


def _bins_of(length: int, settings: Settings) -> Q15Bins:
    divisor = bin_size(settings) if settings.normalize_bin else 1
    return Q15Bins(*band(settings), length, divisor)


def _bin(x: Array, settings: Settings) -> Array:
    operation = _bins_of(x.shape[-1], settings)
    return operation.apply(np.floor(x).astype(np.int64)).astype(np.float64)


def _bin_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    if (signal.scale != 1).any() or signal.offset.any():
        raise NoTwin("BIN_Q15 sums whole numbers: put Q15_MAG or ROUND_OFF before it")
    if (signal.bound * bin_size(settings)).bit_length() > 31:
        raise NoTwin("a sum of BIN_Q15 does not fit into 32 bits")
    operation = _bins_of(signal.length, settings)
    return operation, replace(signal, length=operation.count, bound=Q15)


TO_Q15 = FrameStep(
    "TO_Q15",
    "Samples from -1 to 1 as integers in Q15: times 32768, rounded half up, saturated.",
    ("samples",),
    None,
    lambda x, settings: whole16(x * Q15),
    _to_q15_twin,
    in_integers="the same rounding; 2^-30 of a value where a count is no power of two",
)
FE_Q15 = FrameStep(
    "FE_Q15",
    "Samples as 16-bit integers; with dc_remove each frame without its rounded mean.",
    ("samples",),
    None,
    _fe_q15,
    _fe_q15_twin,
    reads=("dc_remove",),
    in_integers="the same integers",
)
FFT_Q15 = FrameStep(
    "FFT_Q15",
    "Fourier transform of a frame in Q15, divided by its length: arm_rfft_q15 of CMSIS-DSP.",
    ("samples",),
    "q15 spectrum",
    _fft,
    _fft_twin,
    _fft_length,
    in_integers="the same integers; the transform itself is off by up to 15 units (measured)",
    framed=True,
)
Q15_SCALE = FrameStep(
    "Q15_SCALE",
    "Shift left by q15_scale_factor bits, or right where it is negative; saturate.",
    ("q15 spectrum",),
    None,
    _scale,
    _scale_twin,
    reads=("q15_scale_factor",),
    in_integers="the same integers",
)
Q15_MAG = FrameStep(
    "Q15_MAG",
    "Half of the magnitude of each bin, in Q15: arm_cmplx_mag_q15 of CMSIS-DSP.",
    ("q15 spectrum",),
    "magnitude",
    _magnitude,
    _magnitude_twin,
    in_integers="the same integers",
)
BIN_Q15 = FrameStep(
    "BIN_Q15",
    "Whole sums over feature_size_per_frame bands; with normalize_bin divided without rest.",
    ("magnitude",),
    "bins",
    _bin,
    _bin_twin,
    binned_length,
    reads=("feature_size_per_frame", "min_bin", "analysis_bandwidth", "normalize_bin"),
    in_integers="the same integers",
)
