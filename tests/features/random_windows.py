"""Random windows of the shape that a configuration tells, as the data stage would hand them on."""

from __future__ import annotations

import numpy as np

from tinyml_nas.config import Config
from tinyml_nas.data import DataSplits, WindowSet
from tinyml_nas.features.signal import Shape

HOP = 1


def random_splits(config: Config, window: Shape, seed: int = 0) -> DataSplits:
    """Both classes, or one target, on every side: enough windows in a row to be joined once."""
    features, task = config.data_processing_feature_extraction, config.common.task
    count = features.num_frame_concat + features.frame_skip
    values = task in ("regression", "forecasting")
    steps = 1 + features.forecast_horizon if task == "forecasting" else 1
    rng = np.random.default_rng(seed)

    def side() -> WindowSet:
        n = 2 * count
        x = rng.normal(scale=50, size=(n, window.channels, window.length)).astype(np.float32)
        label = np.repeat([0, 1], count)
        y = rng.normal(size=(n, steps)).astype(np.float32) if values else label
        return WindowSet(x, y, label, np.tile(np.arange(count) * HOP, 2), label)

    names = tuple(f"channel_{index}" for index in range(window.channels))
    classes = () if values else tuple(features.gain_variations or ("a", "b"))
    targets = names[:1] if values else ()
    return DataSplits(side(), side(), side(), classes, names, HOP, task, targets)
