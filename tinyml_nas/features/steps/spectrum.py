"""Steps around the Fourier transform; its integer form is in ``features/integer/fft.py``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyml_nas.features.integer.fft import Magnitude, fft_twin, magnitude_bound
from tinyml_nas.features.integer.fixed import FixedOp, Int64, OfLength, Signal
from tinyml_nas.features.signal import Array, Misfit, Settings
from tinyml_nas.features.steps.frame_step import FrameStep


def _fft(x: Array, settings: Settings) -> Array:
    return np.asarray(np.fft.fft(x, axis=-1))


def _half_length(length: int, settings: Settings) -> int:
    """Bins 0 to N/2, and min_bin - 1 more, so that a band that starts later stays whole."""
    return min(length, length // 2 + settings.min_bin)


def _positive_half(x: Array, settings: Settings) -> Array:
    return x[..., : _half_length(x.shape[-1], settings)]


def _without_first(length: int, settings: Settings) -> int:
    if length < 2:
        raise Misfit("DC_REMOVE would leave nothing of a frame with one bin.", keys=("frame_size",))
    return length - 1


def _positive_half_twin(signal: Signal, settings: Settings) -> tuple[None, Signal]:
    return None, replace(signal, length=_half_length(signal.length, settings))


@dataclass(frozen=True)
class Absolute(OfLength):
    """Magnitude of real values."""

    length: int
    kernel: str = "absolute"

    def apply(self, x: Int64) -> Int64:
        """The frames without signs."""
        return np.abs(x)


def _absolute_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    if signal.bins is None:
        return Absolute(signal.length), signal
    operation = Magnitude(signal.bins, signal.first, signal.length)
    return operation, replace(signal, bins=None, first=0, bound=magnitude_bound(signal.bound))


@dataclass(frozen=True)
class DropFirst(OfLength):
    """The frame without its first value."""

    length: int
    kernel: str = "drop_first"

    def apply(self, x: Int64) -> Int64:
        """The frames from their second value on."""
        return x[..., 1:]


def _drop_first_twin(signal: Signal, settings: Settings) -> tuple[FixedOp | None, Signal]:
    shorter = replace(signal, length=_without_first(signal.length, settings))
    if signal.bins is None:
        return DropFirst(shorter.length), shorter
    return None, replace(shorter, first=signal.first + 1)


def _normalize_twin(signal: Signal, settings: Settings) -> tuple[None, Signal]:
    return None, signal.scaled(1 / settings.frame_size)


FFT_FE = FrameStep(
    "FFT_FE",
    "Discrete Fourier transform of each frame.",
    ("samples",),
    "spectrum",
    _fft,
    fft_twin,
    in_integers="radix 2, factors in Q30: 1e-6 of the largest bin; only frames of 4, 8, 16 ...",
    framed=True,
)
FFT_POS_HALF = FrameStep(
    "FFT_POS_HALF",
    "Keep the bins from 0 to half of them + min_bin - 1.",
    ("spectrum",),
    "half spectrum",
    _positive_half,
    _positive_half_twin,
    _half_length,
    reads=("min_bin",),
)
ABS = FrameStep(
    "ABS",
    "Magnitude of each value.",
    ("samples", "coefficients", "spectrum", "half spectrum", "magnitude"),
    "magnitude",
    lambda x, settings: np.abs(x),
    _absolute_twin,
    in_integers="of complex values on parts of 15 bits: 2^-13 of itself and 1 unit",
)
DC_REMOVE = FrameStep(
    "DC_REMOVE",
    "Drop bin 0 of a spectrum.",
    ("half spectrum", "q15 spectrum", "magnitude"),
    None,
    lambda x, settings: x[..., 1:],
    _drop_first_twin,
    _without_first,
)
NORMALIZE = FrameStep(
    "NORMALIZE",
    "Divide by the number of samples of a frame.",
    ("samples", "coefficients", "spectrum", "half spectrum", "magnitude", "bins"),
    None,
    lambda x, settings: x / settings.frame_size,
    _normalize_twin,
    reads=("frame_size",),
    in_integers="exact: a matter of the unit",
)
