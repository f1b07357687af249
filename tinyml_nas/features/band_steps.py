"""Steps on magnitudes: sums over bands, and their logarithm."""

from __future__ import annotations

import numpy as np

from tinyml_nas.errors import ConfigError
from tinyml_nas.features.frame_step import FrameStep
from tinyml_nas.features.signal import Array, Settings


def bin_size(settings: Settings) -> int:
    """FFT bins summed into one feature."""
    if settings.feature_size is None:
        raise ConfigError(
            "BINNING needs to know how many features a frame gives.",
            hint="Set data_processing_feature_extraction.feature_size_per_frame.",
        )
    size = int(settings.frame_size / 2 / settings.feature_size / settings.bandwidth)
    if size < 1:
        raise ConfigError(
            f"A frame of {settings.frame_size} samples cannot give {settings.feature_size} bins "
            f"with analysis_bandwidth {settings.bandwidth:g}.",
            hint="Lower feature_size_per_frame or raise frame_size.",
        )
    return size


def _binned_length(length: int, settings: Settings) -> int:
    size = bin_size(settings)
    features = settings.feature_size or 0
    first_of_last = settings.min_bin + size * (features - 1)
    if first_of_last >= length:
        raise ConfigError(
            f"BINNING from bin {settings.min_bin} on in {features} steps of {size} starts its last "
            f"one at bin {first_of_last}, but there are {length} bins.",
            hint="Lower feature_size_per_frame or min_bin, or raise analysis_bandwidth.",
        )
    return features


def _bin(x: Array, settings: Settings) -> Array:
    """Sums over bands of equal width from min_bin on; the last one ends where the spectrum does.

    After DC_REMOVE, bin 0 is the first that is left: the same counting as in TI's tools.
    """
    size = bin_size(settings)
    stop = settings.min_bin + size * (settings.feature_size or 0)
    edges = np.arange(settings.min_bin, min(stop, x.shape[-1]), size)
    sums = np.add.reduceat(x[..., :stop], edges, axis=-1)
    return np.asarray(sums / size if settings.normalize_bin else sums)


def _log(x: Array, settings: Settings) -> Array:
    scale = settings.log_mul / np.log(settings.log_base)
    return np.asarray(scale * np.log(settings.log_threshold + x))


BINNING = FrameStep(
    "BINNING",
    "Sum the magnitudes over feature_size_per_frame bands of equal width.",
    ("magnitude",),
    "bins",
    _bin,
    _binned_length,
)
LOG_DB = FrameStep(
    "LOG_DB",
    "log_mul times the logarithm of log_threshold plus each value.",
    ("magnitude", "bins"),
    "decibel",
    _log,
)
