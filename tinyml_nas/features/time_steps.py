"""Steps on samples over time: the window function and the removal of the mean."""

from __future__ import annotations

import numpy as np

from tinyml_nas.features.frame_step import FrameStep
from tinyml_nas.features.signal import Array, Settings


def _window(x: Array, settings: Settings) -> Array:
    """Symmetric Hann window, zero at both ends."""
    return np.asarray(x * np.hanning(x.shape[-1]))


def _remove_mean(x: Array, settings: Settings) -> Array:
    """The frame without its mean, or as it is where dc_remove is off."""
    return np.asarray(x - x.mean(axis=-1, keepdims=True)) if settings.dc_remove else x


WINDOWING = FrameStep(
    "WINDOWING", "Multiply each frame by a Hann window.", ("samples",), None, _window
)
RAW_FE = FrameStep(
    "RAW_FE",
    "Keep the samples; with dc_remove take the mean off each frame.",
    ("samples",),
    None,
    _remove_mean,
)
