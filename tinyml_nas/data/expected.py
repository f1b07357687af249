"""What the configuration, and the names of folders, tell of the outputs before any file is read."""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.config import Config
from tinyml_nas.config.sources import existing, file_name, is_address
from tinyml_nas.data.check import told_channels
from tinyml_nas.data.readers.folders import listed_classes
from tinyml_nas.data.synthetic import GENERATORS


def told_outputs(config: Config) -> int | None:
    """Values that a network is to give for the task; ``None`` where only the data tell."""
    task, processing = config.common.task, config.data_processing_feature_extraction
    if task == "classification":
        classes = told_classes(config)
        return None if classes is None else len(classes)
    targets: int | None = len(processing.target_variables)
    if config.dataset.generator is not None:
        targets = targets or len(GENERATORS[config.dataset.generator].targets)
    if task == "regression":
        in_arrays = _file(config).lower().endswith(".npz")
        return None if in_arrays else targets or 1
    targets = targets or told_channels(config)
    return None if task == "anomaly" or targets is None else targets * processing.forecast_horizon


def told_classes(config: Config) -> tuple[str, ...] | None:
    """The classes of a classification, where a generator or the folders of the data name them.

    A single one is a mistake, which whoever reads the data reports.
    """
    data = config.dataset
    if data.generator is not None:
        return GENERATORS[data.generator].classes or None
    path = existing(data.input_data_path or "", config.path.parent)
    found = None if path is None else listed_classes(path, config)
    return found if found and len(found) > 1 else None


def _file(config: Config) -> str:
    text = config.dataset.input_data_path or ""
    return file_name(text) if is_address(text) else Path(text).name
