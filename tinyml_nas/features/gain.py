"""Random gains on the frames that are trained on: ``gain_variations``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml_nas.config import Config
from tinyml_nas.data import WindowSet
from tinyml_nas.errors import ConfigError, listed, quoted


def with_gains(windows: WindowSet, class_names: tuple[str, ...], config: Config) -> WindowSet:
    """Each window of a class in ``gain_variations`` times a gain drawn evenly from its range.

    A sensor's sensitivity varies by a factor, so the channels of a window share theirs.  Raises
    ``ConfigError`` for the name of no class.
    """
    gains = config.data_processing_feature_extraction.gain_variations
    if not gains:
        return windows
    unknown = sorted(set(gains) - set(class_names))
    if unknown:
        raise ConfigError(
            f"gain_variations names {listed(map(quoted, unknown))}, which is no class.",
            hint=f"The classes are {listed(class_names) or 'none'}.",
        )
    draw = np.random.default_rng(config.common.seed).random(len(windows))
    ranges = np.array([gains.get(name, (1.0, 1.0)) for name in class_names])
    low, high = ranges[windows.y].T
    gain = (low + (high - low) * draw).astype(np.float32)
    return replace(windows, x=windows.x * gain[:, None, None])
