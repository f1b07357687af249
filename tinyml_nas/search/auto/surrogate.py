"""A model of the judge: what the trials of some candidates say about all others.

A Gaussian process over genomes and costs (Rasmussen & Williams, "Gaussian Processes for Machine
Learning", 2006, algorithm 2.1) whose mean before any trial is the prior of :mod:`.prior`.  Its mean
also tells luck from merit among candidates that were tried, for a score that no relative shares is
drawn towards theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyml_nas.search.auto.prior import Prior
from tinyml_nas.search.spaces import Space
from tinyml_nas.search.trial import Candidate

Matrix = npt.NDArray[np.float64]

KINSHIP, CLOSENESS = 0.3, 1.5
"""Variance that relatives share, and how fast it fades with the mean squared distance per feature.

In units of the variance of all scores, as the next three.  Chosen by the rank correlation with
candidates left out, on the sets of ``benchmarks/learn_prior.py`` and windows of watches.
"""
TREND = 0.1
"""Variance of the linear part of a merit that the prior does not explain."""
DISTRUST = 0.25
"""Variance of the factor on the prior, whose mean is 1: trials can reverse the prior."""
NOISE = 0.7
"""Variance of the noise in the merit of one trial."""
CURIOSITY = 0.5
"""Standard deviations of doubt that count as much as one of merit when candidates are picked."""


class Surrogate:
    """Expects of candidates of ``space`` what the prior does, until it has learned from trials.

    ``reference`` are random candidates of the same budget.
    """

    def __init__(self, space: Space, reference: Sequence[Candidate]) -> None:
        self._space, self._prior = space, Prior(reference)
        self._center = self._features(reference).mean(0)
        self._x, self._y = self._inputs(reference)[:0], np.empty(0)

    def learn(self, known: Sequence[Candidate], merits: Sequence[float]) -> None:
        """Take the ``merits`` (higher is better) of ``known`` candidates for all that was tried."""
        self._x = self._inputs(known)
        expected = self._x[:, -1]
        self._y = _standing(np.asarray(merits, np.float64)) - (expected - expected.mean())

    def ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """``candidates``, those of the highest expected merit first."""
        mean, _ = self._predicted(self._inputs(candidates))
        return [candidates[index] for index in np.argsort(-mean, kind="stable")]

    def pick(self, candidates: Sequence[Candidate], count: int) -> list[Candidate]:
        """The ``count`` most promising ones, each chosen as if those before it were known.

        What is believed of them stands in for their trials (Ginsbourger et al., "Kriging is
        well-suited to parallelize optimization", 2010), so a batch is not one idea many times.
        """
        x, y, pool = self._x, self._y, self._inputs(candidates)
        picked: list[int] = []
        for _ in range(min(count, len(candidates))):
            mean, deviation = self._predicted(pool)
            hope = mean + CURIOSITY * deviation
            hope[picked] = -np.inf
            picked.append(int(np.argmax(hope)))
            self._x = np.vstack([self._x, pool[picked[-1]]])
            self._y = np.append(self._y, (mean - pool[:, -1])[picked[-1]])
        self._x, self._y = x, y
        return [candidates[index] for index in picked]

    def _predicted(self, x: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the merit at each row of ``x``."""
        covariance = _kernel(self._x, self._x) + NOISE * np.eye(len(self._x))
        across = _kernel(x, self._x)
        solved = np.linalg.solve(covariance, np.column_stack([self._y, across.T]))
        own = KINSHIP + TREND * (x[:, :-1] ** 2).mean(1) + DISTRUST * x[:, -1] ** 2
        variance = own - (across * solved[:, 1:].T).sum(1)
        return x[:, -1] + across @ solved[:, 0], np.sqrt(np.maximum(variance, 0.0))

    def _inputs(self, candidates: Sequence[Candidate]) -> Matrix:
        """(N, features + 1): features about those of the reference, and what the prior expects."""
        centered = self._features(candidates) - self._center
        return np.column_stack([centered, self._prior(candidates)])

    def _features(self, candidates: Sequence[Candidate]) -> Matrix:
        """(N, features): decisions with an order as 0..2, others one-hot; costs as logarithms."""
        return np.array([self._row(candidate) for candidate in candidates], np.float64)

    def _row(self, candidate: Candidate) -> list[float]:
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


def _kernel(a: Matrix, b: Matrix) -> Matrix:
    """Kinship of near genomes, a linear trend, and what the prior may be wrong by."""
    (a, prior_a), (b, prior_b) = (np.split(x, [-1], axis=1) for x in (a, b))
    distance = ((a[:, None] - b[None]) ** 2).mean(2)
    trend = TREND * a @ b.T / a.shape[1] + DISTRUST * prior_a @ prior_b.T
    kernel: Matrix = KINSHIP * np.exp(-CLOSENESS * distance) + trend
    return kernel


def _standing(values: Matrix) -> Matrix:
    """In standard deviations above the mean; equals are all zeros."""
    centered: Matrix = values - values.mean()
    return centered / (values.std() or 1.0)
