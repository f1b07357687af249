"""Classification metrics from one confusion matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def confusion_matrix(labels: IntArray, predictions: IntArray, classes: int) -> IntArray:
    """Counts (classes, classes): rows are true classes, columns predictions."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def macro_f1(matrix: IntArray) -> float:
    """Mean over the classes of 2TP / (2TP + FP + FN); a class that never occurs counts 0."""
    true_positive = np.diag(matrix)
    total = matrix.sum(axis=0) + matrix.sum(axis=1)
    return float(np.mean(2 * true_positive / np.maximum(total, 1)))
