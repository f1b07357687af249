"""How well classes can be told apart before anything is trained, on training examples alone.

Two views of an example (C, F): as the network sees it, normalized; and the logarithm of its
spectrum with the mean of each channel, which does not depend on where in its period a window began.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data import WindowSet
from tinyml_nas.features.extract import Examples, Normalization

Rows = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST = 1000
"""Examples that are looked at, evenly spaced: distances are between all of them."""
FOLDS = 5
NEIGHBORS = 5


@dataclass(frozen=True)
class Separability:
    """``points`` (N, 2) are the first two principal components, ``explained`` their shares of the
    variance.  ``centroid_accuracy`` is the mean over classes (chance is 1 / classes) of a
    nearest-centroid classifier, in cross-validation that keeps groups together; ``silhouette`` lies
    in -1 to 1 (Rousseeuw, 1987).  None where a class has too few groups.
    """

    points: Rows
    explained: tuple[float, float]
    centroid_accuracy: float | None
    silhouette: float | None


def chosen(examples: Examples | WindowSet) -> NDArray[np.int64]:
    """Indices of at most ``MOST`` examples, as evenly as can be."""
    count = len(examples)
    return np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(np.int64))


def as_seen(x: NDArray[np.float32], normalization: Normalization) -> Rows:
    """Examples x (N, C, F) as rows of what the network is given."""
    mean, std = normalization.mean[None, :, None], normalization.std[None, :, None]
    return ((x - mean) / std).reshape(len(x), -1).astype(np.float64)


def as_spectra(x: NDArray[np.float32]) -> Rows:
    """Windows x (N, C, L) as rows of log power in bands, and the mean of each channel."""
    wide = x.astype(np.float64)
    mean = wide.mean(axis=2)
    power = np.abs(np.fft.rfft((wide - mean[:, :, None]) * np.hanning(x.shape[2]))) ** 2
    bands = np.array_split(power[:, :, 1:], min(32, max(1, power.shape[2] - 1)), axis=2)
    energy = np.stack([band.sum(axis=2) for band in bands], axis=2)
    floor = 1e-9 * energy.max(initial=0) + np.finfo(np.float64).tiny
    rows = np.concatenate([np.log(energy + floor).reshape(len(x), -1), mean], axis=1)
    spread = rows.std(axis=0)
    return np.asarray((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1))


def separability(rows: Rows, y: Labels, group: Labels, classes: int) -> Separability:
    """The figures and the picture of rows (N, D)."""
    points, explained = _principal(rows)
    if len(np.unique(y)) < 2:  # an anomaly detection trains on one of its classes
        return Separability(points, explained, None, None)
    accuracy = _centroid_accuracy(rows, y, group, classes)
    return Separability(points, explained, accuracy, _silhouette(rows, y, classes))


def _principal(rows: Rows) -> tuple[Rows, tuple[float, float]]:
    """First two principal components, by the Gram matrix: there are fewer rows than columns."""
    centered = rows - rows.mean(axis=0)
    values, vectors = np.linalg.eigh(centered @ centered.T)
    order = np.argsort(values)[::-1][:2]
    largest = np.maximum(values[order], 0)
    total = float(np.maximum(values, 0).sum()) or 1.0
    points = vectors[:, order] * np.sqrt(largest)
    points *= np.where(points[np.abs(points).argmax(axis=0), range(len(order))] < 0, -1, 1)
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    shares = [*(largest / total), 0.0, 0.0]
    return points, (float(shares[0]), float(shares[1]))


def _folds(y: Labels, group: Labels) -> Labels | None:
    """The fold of each example: groups of a class in turn, None where a class has one group."""
    fold = np.zeros(len(y), dtype=np.int64)
    numbers: dict[int, int] = {}
    for label in np.unique(y):
        own = np.unique(group[y == label])
        if len(own) < 2:
            return None
        for number in own:
            numbers.setdefault(int(number), len(numbers) % FOLDS)
    for index, number in enumerate(group):
        fold[index] = numbers[int(number)]
    return fold


def _centroid_accuracy(rows: Rows, y: Labels, group: Labels, classes: int) -> float | None:
    fold = _folds(y, group)
    if fold is None:
        return None
    guess = np.full(len(y), -1)
    for number in np.unique(fold):
        inside, outside = fold == number, fold != number
        present = [label for label in range(classes) if (y[outside] == label).any()]
        centers = np.stack([rows[outside & (y == label)].mean(axis=0) for label in present])
        guess[inside] = np.array(present)[_squared(rows[inside], centers).argmin(axis=1)]
    shares = [float((guess[y == label] == label).mean()) for label in np.unique(y)]
    return float(np.mean(shares))


def _squared(a: Rows, b: Rows) -> Rows:
    """Squared distances (N, M) between rows."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(squares, 0))


def _silhouette(rows: Rows, y: Labels, classes: int) -> float | None:
    """Mean over examples of (b - a) / max(a, b), with mean distances a within and b to the next."""
    distance = np.sqrt(_squared(rows, rows))
    means = np.full((len(y), classes), np.inf)
    for label in range(classes):
        members = y == label
        if members.any():
            own = members.astype(np.int64)[None, :].repeat(len(y), 0).sum(axis=1) - members
            means[:, label] = distance[:, members].sum(axis=1) / np.maximum(own, 1)
    within = means[np.arange(len(y)), y]
    means[np.arange(len(y)), y] = np.inf
    between = means.min(axis=1)
    if not np.isfinite(between).all():
        return None
    return float(((between - within) / np.maximum(np.maximum(within, between), 1e-300)).mean())


def odd_examples(rows: Rows, y: Labels, group: Labels) -> NDArray[np.bool_]:
    """Examples whose nearest neighbors of other groups all have one other label.

    The label of a recording with many of these is worth a second look (Wilson, 1972).
    """
    distance = _squared(rows, rows)
    distance[group[:, None] == group[None, :]] = np.inf
    near = np.argsort(distance, axis=1)[:, :NEIGHBORS]
    known = np.isfinite(np.take_along_axis(distance, near, axis=1)).all(axis=1)
    labels = y[near]
    agree = (labels == labels[:, :1]).all(axis=1)
    return np.asarray(known & agree & (labels[:, 0] != y))
