"""FE_DECIMATE: fewer samples per second, without aliases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import (
    FixedOp,
    Int64,
    Signal,
    rounded_shift,
)
from tinyml_nas.features.signal import Array, Misfit, Settings
from tinyml_nas.features.steps.frame_step import FrameStep

REACH = 4
"""The filter reaches over so many of the samples that are left, on either side."""
PASSED = 0.8
"""Share of the band below the new Nyquist frequency at whose end the filter has lost half."""
TAP_BITS = 15


def taps(factor: int) -> NDArray[np.float64]:
    """A low-pass filter of 2 * 4 * factor + 1 taps: the ideal one under a Hamming window.

    A. V. Oppenheim, R. W. Schafer, "Discrete-Time Signal Processing", 7.2; the sum is 1.
    """
    reach = REACH * factor
    ideal = np.sinc(PASSED / factor * np.arange(-reach, reach + 1))
    weighted = ideal * np.hamming(2 * reach + 1)
    return np.asarray(weighted / weighted.sum())


def _around(length: int, factor: int) -> NDArray[np.int64]:
    """Samples under the filter at each one that is kept; at the ends the outermost sample again."""
    kept = np.arange(length // factor)[:, None] * factor
    reach = REACH * factor
    return np.asarray(np.clip(kept + np.arange(-reach, reach + 1), 0, length - 1))


def _left(length: int, settings: Settings) -> int:
    left = length // settings.resampling_factor
    if not left:
        raise Misfit(
            f"FE_DECIMATE by {settings.resampling_factor} leaves nothing of {length} samples.",
            hint="Lower resampling_factor or raise frame_size.",
            keys=("resampling_factor", "frame_size"),
        )
    return left


def _decimate(x: Array, settings: Settings) -> Array:
    factor = settings.resampling_factor
    if factor == 1:
        return x
    return np.asarray(x[..., _around(x.shape[-1], factor)] @ taps(factor))


@dataclass(frozen=True)
class Decimate:
    """Every ``factor``-th value of a frame under a filter in Q15, rounded half up.

    ``weights`` are its taps up to the middle one; the others mirror them.
    """

    factor: int
    weights: NDArray[np.int32]
    length: int
    kernel: str = "decimate"

    @property
    def outputs(self) -> int:
        """Values of a frame after it."""
        return self.length // self.factor

    @property
    def work(self) -> int:
        """What is left waits behind the frame that is still read."""
        return self.length + self.outputs

    def apply(self, x: Int64) -> Int64:
        """What is left of frames x (N, C, L)."""
        half = self.weights.astype(np.int64)
        filtered = x[..., _around(self.length, self.factor)] @ np.concatenate([half, half[-2::-1]])
        return rounded_shift(filtered, TAP_BITS)


def _twin(signal: Signal, settings: Settings) -> tuple[FixedOp | None, Signal]:
    factor = settings.resampling_factor
    if factor == 1:
        return None, signal
    half = np.rint(taps(factor)[: REACH * factor + 1] * (1 << TAP_BITS)).astype(np.int64)
    half[-1] = (1 << TAP_BITS) - 2 * half[:-1].sum()  # so that a constant stays what it is
    operation = Decimate(factor, half.astype(np.int32), signal.length)
    gain = 2 * np.abs(half[:-1]).sum() + abs(half[-1])
    bound = int(signal.bound * int(gain) >> TAP_BITS) + 1
    return operation, replace(signal, length=operation.outputs, bound=bound)


FE_DECIMATE = FrameStep(
    "FE_DECIMATE",
    "Keep every resampling_factor-th sample, after a low-pass filter against aliases.",
    ("samples",),
    None,
    _decimate,
    _twin,
    _left,
    reads=("resampling_factor",),
    in_integers="taps in Q15, one rounding: 2^-16 of a sample for each tap, and half a unit",
)
