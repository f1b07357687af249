"""Steps around the Fourier transform."""

from __future__ import annotations

import numpy as np

from tinyml_nas.errors import ConfigError
from tinyml_nas.features.frame_step import FrameStep
from tinyml_nas.features.signal import Array, Settings


def _fft(x: Array, settings: Settings) -> Array:
    return np.asarray(np.fft.fft(x, axis=-1))


def _half_length(length: int, settings: Settings) -> int:
    """Bins 0 to N/2, and min_bin - 1 more, so that a band that starts later stays whole."""
    return min(length, settings.frame_size // 2 + settings.min_bin)


def _positive_half(x: Array, settings: Settings) -> Array:
    return x[..., : _half_length(x.shape[-1], settings)]


def _without_first(length: int, settings: Settings) -> int:
    if length < 2:
        raise ConfigError("DC_REMOVE would leave nothing of a frame with one bin.")
    return length - 1


FFT_FE = FrameStep(
    "FFT_FE", "Discrete Fourier transform of each frame.", ("samples",), "spectrum", _fft
)
FFT_POS_HALF = FrameStep(
    "FFT_POS_HALF",
    "Keep the bins from 0 to frame_size / 2 + min_bin - 1.",
    ("spectrum",),
    "half spectrum",
    _positive_half,
    _half_length,
)
ABS = FrameStep(
    "ABS",
    "Magnitude of each value.",
    ("samples", "spectrum", "half spectrum", "magnitude"),
    "magnitude",
    lambda x, settings: np.abs(x),
)
DC_REMOVE = FrameStep(
    "DC_REMOVE",
    "Drop bin 0 of a spectrum.",
    ("half spectrum", "magnitude"),
    None,
    lambda x, settings: x[..., 1:],
    _without_first,
)
NORMALIZE = FrameStep(
    "NORMALIZE",
    "Divide by the number of samples of a frame.",
    ("samples", "spectrum", "half spectrum", "magnitude", "bins"),
    None,
    lambda x, settings: x / settings.frame_size,
)
