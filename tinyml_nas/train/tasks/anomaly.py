"""Anomaly detection by an autoencoder that learns normal windows and cannot rebuild anomalies.

Choices need a score although nothing abnormal may be looked at.  A good reconstruction is none: a
network that copies everything rebuilds anomalies as well.  So the score is how well the error tells
normal windows from the same windows with anomalies injected, as an area under the ROC curve.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tinyml_nas.features import Examples, Normalization
from tinyml_nas.results.scores import NORMAL, roc_auc
from tinyml_nas.results.task import AnomalyTest, Detection, Errors, Roc
from tinyml_nas.train.tasks.injection import inject
from tinyml_nas.train.tasks.roc import Flags, Values, roc_curve
from tinyml_nas.train.tasks.task import Known

INJECTED = 1
DEFAULT_SIGMAS = 3.0
SIGMAS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
"""Thresholds that the record compares."""
CURVE = 201
"""Quantiles of the errors that the record keeps: what their shares are drawn from."""


@dataclass(frozen=True)
class Anomaly:
    """Outputs (N, C * L) are normalized windows minus their reconstruction."""

    normalization: Normalization

    metric = "AUC"
    exact = True

    def wanted(self, y: Tensor) -> Tensor:
        return y

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        return (outputs[wanted == NORMAL] ** 2).mean()

    def judged(self, part: Examples) -> Examples:
        """The windows of ``part``, and each once more with an anomaly injected."""
        scale = self.normalization
        odd = inject(part.x, scale.mean, scale.std)
        return part.joined(replace(part, x=odd, y=np.full_like(part.y, INJECTED)))

    def measurable(self, y: Tensor) -> bool:
        return bool((y == NORMAL).any() and (y != NORMAL).any())

    def score(self, outputs: Tensor, wanted: Tensor, y: Tensor) -> float:
        return roc_auc(errors(outputs), (y != NORMAL).numpy())

    def truth(self, y: Tensor) -> NDArray[Any]:
        return y.numpy().astype(np.int16)

    def answers(self, outputs: Tensor, y: Tensor) -> NDArray[Any]:
        return errors(outputs).astype(np.float32)

    def limit(self, known: Known) -> np.float32:
        return np.float32(threshold(errors(known())))

    def evaluate(
        self, outputs: Tensor, wanted: Tensor, part: Examples, known: Known
    ) -> AnomalyTest:
        found, normal = errors(outputs), part.y == NORMAL
        seen = errors(known())
        return AnomalyTest(
            examples=len(part),
            auc=roc_auc(found, ~normal) if len(set(normal)) > 1 else None,
            errors=Errors(normal=_quantiles(found[normal]), anomaly=_quantiles(found[~normal])),
            roc=Roc(auc=None, curve=roc_curve(found, ~normal)),
            thresholds=[_detection(found, ~normal, threshold(seen, k), k) for k in SIGMAS],
            **dict(_detection(found, ~normal, threshold(seen), DEFAULT_SIGMAS)),
        )


def threshold(normal_errors: Values, sigmas: float = DEFAULT_SIGMAS) -> float:
    """The error of an anomaly: above mean plus ``sigmas`` deviations of normal windows."""
    return float(normal_errors.mean() + sigmas * normal_errors.std())


def _detection(found: Values, odd: Flags, limit: float, sigmas: float) -> Detection:
    """Counts and rates of windows with errors above ``limit``: anomalies (``odd``), and others."""
    flagged = found > limit
    hits, alarms = int((flagged & odd).sum()), int((flagged & ~odd).sum())
    missed, passed = int((~flagged & odd).sum()), int((~flagged & ~odd).sum())
    return Detection(
        threshold=limit,
        sigmas=sigmas,
        confusion=[[passed, alarms], [missed, hits]],
        precision=_share(hits, hits + alarms),
        recall=_share(hits, hits + missed),
        f1=_share(2 * hits, 2 * hits + alarms + missed),
        false_alarms=_share(alarms, alarms + passed),
    )


def _quantiles(values: Values) -> list[float]:
    """Of the errors, evenly spaced; none of none."""
    if not len(values):
        return []
    quantiles: list[float] = np.quantile(values, np.linspace(0, 1, CURVE)).tolist()
    return quantiles


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def errors(outputs: Tensor) -> Values:
    """Mean squared error of each window (N,)."""
    return np.asarray((outputs.flatten(1).numpy().astype(np.float64) ** 2).mean(axis=1))
