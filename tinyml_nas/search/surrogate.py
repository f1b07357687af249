"""A model of the judge: what the trials of some candidates say about all others.

A Gaussian process over genomes and costs (Rasmussen & Williams, "Gaussian Processes for Machine
Learning", 2006, algorithm 2.1).  Its mean also tells luck from merit among candidates that were
tried, for a score that no relative shares is drawn towards theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyml_nas.search.spaces import Space
from tinyml_nas.search.trial import Candidate

Matrix = npt.NDArray[np.float64]

CLOSENESS = 1.5
"""How fast kinship fades with the mean squared distance per feature."""
TREND = 3.0
"""Weight of the linear part against that of kinship."""
NOISE = 0.3
"""Variance of a score's luck, in units of the variance of all scores.

This and the other two were set on 72 random chains and folds of people never tested on; they lie in
a wide flat optimum of the rank correlation with candidates left out.
"""
CURIOSITY = 0.5
"""Standard deviations of doubt that count as much as one of merit when candidates are picked."""


class Surrogate:
    """Fitted to the ``merits`` (higher is better) of ``known`` candidates of ``space``."""

    def __init__(self, space: Space, known: Sequence[Candidate], merits: Sequence[float]) -> None:
        self._space = space
        scores = np.asarray(merits, np.float64)
        deviation = scores.std()
        self._y = (scores - scores.mean()) / (deviation if deviation > 0 else 1.0)
        self._x = self._encoded(known)

    def ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """``candidates``, those of the highest expected merit first."""
        mean, _ = self._predicted(self._encoded(candidates))
        return [candidates[index] for index in np.argsort(-mean, kind="stable")]

    def pick(self, candidates: Sequence[Candidate], count: int) -> list[Candidate]:
        """The ``count`` most promising ones, each chosen as if those before it were known.

        What is believed of them stands in for their trials (Ginsbourger et al., "Kriging is
        well-suited to parallelize optimization", 2010), so a batch is not one idea many times.
        """
        x, y, pool = self._x, self._y, self._encoded(candidates)
        picked: list[int] = []
        for _ in range(min(count, len(candidates))):
            mean, deviation = self._predicted(pool)
            hope = mean + CURIOSITY * deviation
            hope[picked] = -np.inf
            picked.append(int(np.argmax(hope)))
            self._x = np.vstack([self._x, pool[picked[-1]]])
            self._y = np.append(self._y, mean[picked[-1]])
        self._x, self._y = x, y
        return [candidates[index] for index in picked]

    def _predicted(self, x: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the merit at each row of ``x``."""
        center = self._x.mean(0)
        covariance = _kernel(self._x, self._x, center) + NOISE * np.eye(len(self._x))
        across = _kernel(x, self._x, center)
        solved = np.linalg.solve(covariance, np.column_stack([self._y, across.T]))
        own = 1 + TREND / x.shape[1] * ((x - center) ** 2).sum(1)
        variance = own - (across * solved[:, 1:].T).sum(1)
        return across @ solved[:, 0], np.sqrt(np.maximum(variance, 0.0))

    def _encoded(self, candidates: Sequence[Candidate]) -> Matrix:
        """(N, features): decisions with an order as 0..2, others one-hot; costs as logarithms."""
        return np.array([self._features(candidate) for candidate in candidates], np.float64)

    def _features(self, candidate: Candidate) -> list[float]:
        features: list[float] = []
        for decision in self._space.decisions:
            value, choices = candidate.genome[decision.name], decision.choices
            if isinstance(value, str):
                features += [float(value == choice) for choice in choices]
            else:
                features.append(2 * choices.index(value) / max(1, len(choices) - 1))
        cost = candidate.resources
        logs = np.log([cost.parameters, cost.macs, cost.ram_bytes])
        return [*features, *logs, len(candidate.network.nodes) / 4]


def _kernel(a: Matrix, b: Matrix, center: Matrix) -> Matrix:
    """Kinship of near genomes, and a linear trend."""
    features = a.shape[1]
    distance = ((a[:, None] - b[None]) ** 2).sum(2) / features
    trend: Matrix = (a - center) @ (b - center).T / features
    kernel: Matrix = np.exp(-CLOSENESS * distance) + TREND * trend
    return kernel
