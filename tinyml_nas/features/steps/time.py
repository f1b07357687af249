"""Steps on samples over time: the window function and the removal of the mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.integer.fixed import (
    FixedOp,
    Int64,
    OfLength,
    Signal,
    rounded_shift,
    table,
)
from tinyml_nas.features.signal import Array, Settings
from tinyml_nas.features.steps.frame_step import FrameStep

WINDOW_BITS = 16
"""Fractional bits of the window, whose values are below 1."""


def _window(x: Array, settings: Settings) -> Array:
    """Symmetric Hann window, zero at both ends."""
    return np.asarray(x * np.hanning(x.shape[-1]))


@dataclass(frozen=True)
class HannWindow(OfLength):
    """x[t] * weights[t] / 2^16, rounded half up; the second half mirrors the ``weights``."""

    weights: NDArray[np.int32]
    length: int
    kernel: str = "hann_window"

    def apply(self, x: Int64) -> Int64:
        """The frames under the window."""
        half = self.weights.astype(np.int64)
        return rounded_shift(
            x * np.concatenate([half, half[self.length // 2 - 1 :: -1]]), WINDOW_BITS
        )


def _window_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    half = np.hanning(signal.length)[: (signal.length + 1) // 2]
    return HannWindow(table(half, 1 << WINDOW_BITS, (1 << WINDOW_BITS) - 1), signal.length), signal


def _remove_mean(x: Array, settings: Settings) -> Array:
    """The frame without its mean, or as it is where dc_remove is off."""
    return np.asarray(x - x.mean(axis=-1, keepdims=True)) if settings.dc_remove else x


@dataclass(frozen=True)
class RemoveMean(OfLength):
    """x minus the mean of its frame: the sum times ``reciprocal`` / 2^``shift``, half up."""

    length: int
    reciprocal: int
    shift: int
    kernel: str = "remove_mean"

    def apply(self, x: Int64) -> Int64:
        """The frames without their means."""
        total = x.sum(axis=-1, keepdims=True)
        return np.asarray(x - rounded_shift(total * self.reciprocal, self.shift))


def remove_mean_twin(signal: Signal, settings: Settings) -> tuple[FixedOp | None, Signal]:
    """Takes the rounded mean off each frame, unless dc_remove is off."""
    return take_mean(signal) if settings.dc_remove else (None, signal)


def take_mean(signal: Signal) -> tuple[RemoveMean, Signal]:
    """The operation that takes the rounded mean off each frame."""
    shift = 62 - signal.bound.bit_length()  # bound * 2^shift, the largest product, is below 2^62
    operation = RemoveMean(signal.length, round((1 << shift) / signal.length), shift)
    return operation, replace(signal, bound=2 * signal.bound + 1)


WINDOWING = FrameStep(
    "WINDOWING",
    "Multiply each frame by a Hann window.",
    ("samples",),
    None,
    _window,
    _window_twin,
    in_integers="weights in Q16, one rounding: 2^-16 of a value and half a unit",
    framed=True,
)
RAW_FE = FrameStep(
    "RAW_FE",
    "Keep the samples; with dc_remove take the mean off each frame.",
    ("samples",),
    None,
    _remove_mean,
    remove_mean_twin,
    reads=("dc_remove",),
    in_integers="the mean is rounded: half a unit",
    framed=True,
)
