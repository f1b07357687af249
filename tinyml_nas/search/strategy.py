"""What a strategy is: it proposes batches of trials and is told their outcomes.

A strategy is a generator.  It yields trials and receives their outcomes, in the same order:

    def propose(search: Search) -> Proposals:
        candidates = search.problem.sample(search.draw("start"), 8)
        outcomes = yield [Trial(c, epochs=4, fold=0, seed=search.problem.seed) for c in candidates]

It must be deterministic: all randomness comes from ``search.draw``, no decision looks at a clock.
Then a stopped search is resumed by starting it again: trials that the archive knows are answered
from it, and the strategy arrives where it was.  For the same reason it does not matter which worker
ran a trial.

The engine ends a strategy whose work or trials are used up, in the middle of a batch if need be; a
strategy that plans with ``work_left`` and ``trials_left`` returns before.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Protocol

from tinyml_nas.console import Console
from tinyml_nas.results.search import Cells
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.spaces import Genome
from tinyml_nas.search.trial import Outcome, Trial

Proposals = Generator[Sequence[Trial], Sequence[Outcome], None]


class Search(Protocol):
    """What a strategy sees of the engine."""

    @property
    def problem(self) -> Problem:
        """Space, budget, data and settings."""

    @property
    def console(self) -> Console:
        """Where a strategy that trains by itself shows its progress."""

    @property
    def folder(self) -> Path:
        """Where a strategy keeps checkpoints of its own."""

    @property
    def notes(self) -> dict[str, dict[str, object]]:
        """Parts of a strategy's own in ``search/search.json``, by name."""

    @property
    def cells(self) -> dict[str, Cells]:
        """By key of a candidate how a supernet led to it."""

    @property
    def warm_start(self) -> Sequence[Genome]:
        """Known genomes to begin with, from ``nas_warm_start``; often empty."""

    def draw(self, *purpose: str | int) -> random.Random:
        """Randomness for one purpose, from the seed of the run."""

    def work_left(self) -> float:
        """CPU-seconds left, by the work model of the evaluator: deterministic, not a clock.

        Infinite where ``nas_trials`` limits the search instead.
        """

    def trials_left(self) -> float:
        """Trainings left of ``nas_trials``; infinite where time limits the search."""

    def work(self, trial: Trial) -> float:
        """CPU-seconds that a trial is expected to take, by the same model."""

    def spend(self, cpu_seconds: float) -> None:
        """Account for work that a strategy did itself (a supernet, proxies), as a model says."""
