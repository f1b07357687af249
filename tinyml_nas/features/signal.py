"""What flows through a feature chain, and what a step of it is.

Before any data is touched, a chain is checked on a ``Shape`` alone: each step says what it needs
and what it leaves.  The integer form of a chain is in ``fixed.py`` and ``frontend.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.errors import ConfigError

Domain = Literal[
    "samples",
    "coefficients",
    "spectrum",
    "half spectrum",
    "q15 spectrum",
    "magnitude",
    "bins",
    "decibel",
    "cepstrum",
    "statistics",
    "frames",
]
"""Samples over time, wavelet coefficients, complex spectra, magnitudes (not negative), joined
frames. Statistics are few values of each frame, every one a channel of its own.
"""

Array = NDArray[Any]
"""Frames (N, C, L), float64 or complex128."""


@dataclass(frozen=True)
class Settings:
    """The numbers that the steps need, taken from the configuration."""

    frame_size: int
    feature_size: int | None
    frame_concat: int
    frame_skip: int
    min_bin: int
    normalize_bin: bool
    bandwidth: float
    dc_remove: bool
    log_mul: float
    log_base: float
    log_threshold: float
    stacking: str
    first_bin: int = 0  # the number of the first bin that is left when bands are summed
    q15_scale_factor: int = 4
    resampling_factor: int = 1
    n_mels: int = 40
    n_mfcc: int = 10
    sampling_rate: float = 1.0  # of the samples of a frame, in hertz
    stride: float = 1.0  # of the windows within a frame, as a share of it
    window_count: int = 1
    chunk_size: int = 1
    fft_size: int = 1


@dataclass(frozen=True)
class Shape:
    """The kind and the size of one frame at a point of the chain."""

    domain: Domain
    channels: int
    length: int


@dataclass(frozen=True)
class Frames:
    """Frames (N, C, L) in time order within each recording, their labels and recordings."""

    x: Array
    y: NDArray[np.int64]
    recording: NDArray[np.int64]


class Misfit(ConfigError):
    """A chain that cannot run: the step at fault, and the keys of the YAML that would change it.

    Without keys the step is in the wrong place.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, step: str = "", keys: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.step = step
        self.keys = keys

    def at(self, step: str) -> Misfit:
        """The same mistake, of the step called ``step``."""
        return Misfit(self.message, hint=self.hint, step=step, keys=self.keys)


class Step(Protocol):
    """One step of a chain: stateless, and the same for every frame."""

    @property
    def name(self) -> str:
        """The name in the YAML."""

    @property
    def description(self) -> str:
        """One sentence for ``info features``."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys of the YAML that change it."""

    @property
    def accepts(self) -> tuple[Domain, ...]:
        """What may come before it."""

    @property
    def leaves(self) -> Domain | None:
        """What comes after it; None where that is what came before."""

    @property
    def framed(self) -> bool:
        """Whether it needs frames of several samples."""

    @property
    def in_integers(self) -> str:
        """What its integer form does otherwise, and how far it is off."""

    def check(self, shape: Shape, settings: Settings) -> Shape:
        """The shape after this step; a ConfigError if the step cannot come here."""

    def apply(self, frames: Frames, settings: Settings) -> Frames:
        """The frames after this step."""

    def channel_names(
        self, names: tuple[str, ...], shape: Shape, settings: Settings
    ) -> tuple[str, ...]:
        """The names of the channels after this step, of those of frames of ``shape``."""


def settings_of(config: Config, frame_size: int) -> Settings:
    """The settings of the configuration for frames of ``frame_size`` samples."""
    processing = config.data_processing_feature_extraction
    base = processing.log_base or 10
    band = processing.analysis_bandwidth
    thinned = "Downsample" in processing.data_proc_transforms
    return Settings(
        frame_size=frame_size,
        feature_size=processing.feature_size_per_frame,
        frame_concat=processing.num_frame_concat,
        frame_skip=processing.frame_skip,
        min_bin=processing.min_bin,
        normalize_bin=processing.normalize_bin,
        bandwidth=band if band >= 1 else 1 / band,
        dc_remove=processing.dc_remove,
        log_mul=20.0 if processing.log_mul is None else processing.log_mul,
        log_base=float(np.e) if base == "e" else float(base),
        log_threshold=1e-100 if processing.log_threshold is None else processing.log_threshold,
        stacking=processing.stacking,
        first_bin=int("DC_REMOVE" in processing.feat_ext_transform),
        q15_scale_factor=processing.q15_scale_factor,
        resampling_factor=processing.resampling_factor,
        n_mels=processing.n_mels,
        n_mfcc=processing.n_mfcc,
        sampling_rate=processing.new_sr if thinned else processing.sampling_rate,
        stride=processing.stride_size,
        window_count=processing.window_count,
        chunk_size=processing.chunk_size,
        fft_size=processing.fft_size,
    )
