"""The scores of the tasks, from true values and what a model answered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NORMAL = 0
"""Label of a normal window; every other one is an anomaly."""

Values = NDArray[np.float64]


def task_score(task: str, truth: NDArray[Any], answers: NDArray[Any]) -> float:
    """The score of ``answers`` to N windows; at most 1, higher is better.

    Classification: classes (N,) against classes (N,).  Anomaly detection: errors (N,) against
    classes (N,).  Regression and forecasting: values (N, K) in the units of the targets.
    """
    match task:
        case "classification":
            return float((answers == truth).mean())
        case "anomaly":
            return roc_auc(answers.astype(np.float64), truth != NORMAL)
        case "regression" | "forecasting":
            return float(r_squared(answers.astype(np.float64), truth.astype(np.float64)).mean())
    raise ValueError(f"{task} is no task")


def r_squared(predicted: Values, actual: Values) -> Values:
    """1 - SSE / SST of each column (K,); 0 where a column never changes and is not met exactly."""
    error = ((predicted - actual) ** 2).sum(axis=0)
    spread = ((actual - actual.mean(axis=0)) ** 2).sum(axis=0)
    missed = (error > 0).astype(np.float64)
    return np.asarray(1 - np.divide(error, spread, out=missed, where=spread > 0))


def roc_auc(scores: Values, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive scores higher than a negative, ties counting half; 0.5 without both.

    The Mann-Whitney statistic (Hanley & McNeil, 1982).
    """
    pairs = int(positive.sum()) * int((~positive).sum())
    if not pairs:
        return 0.5
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # mean rank of equal scores
    above = ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(above / pairs)
