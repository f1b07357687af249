"""The tasks: each one file with its loss, its score and its metrics."""

from __future__ import annotations

from tinyml_nas.features import FeatureSet
from tinyml_nas.features.extract import fit_normalization
from tinyml_nas.train.tasks.anomaly import Anomaly
from tinyml_nas.train.tasks.classification import Classification, class_weights
from tinyml_nas.train.tasks.regression import Forecasting, Regression
from tinyml_nas.train.tasks.task import Known, Task

__all__ = ["Known", "Task", "task_of"]


def task_of(features: FeatureSet, *, balanced: bool = False, label_smoothing: float = 0.0) -> Task:
    """What ``features`` are to be learned for.

    ``balanced`` classes weigh the same in the loss, however many windows they have.
    """
    match features.task:
        case "classification":
            weights = class_weights(features) if balanced else None
            return Classification(len(features.class_names), weights, label_smoothing)
        case "anomaly":
            return Anomaly(fit_normalization(features.train.x))
        case "regression" | "forecasting" as name:
            assert features.targets is not None
            kind = Regression if name == "regression" else Forecasting
            return kind(features.targets)
