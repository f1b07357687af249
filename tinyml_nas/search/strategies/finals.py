"""What simple strategies share: first one fold for each candidate, then all for the finalists."""

from __future__ import annotations

import math
import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from tinyml_nas.search.allocation import affordable, whole_epochs
from tinyml_nas.search.strategy import Search
from tinyml_nas.search.trial import Candidate, Outcome, Trial

FEWEST_TRIALS = 24
"""Trials get fewer epochs where so many would not fit."""
FINALS_SHARE = 1 / 3
"""Share of the budget that is kept for the finals."""


@dataclass(frozen=True)
class Plan:
    """How a budget is spent: epochs of every trial, and what is kept for the finals.

    ``trials`` is about how many there will be before the finals.
    """

    epochs: int
    folds: int
    trials: float
    finals_work: float
    finals_trials: float


def make_plan(search: Search, typical: Sequence[Candidate]) -> Plan:
    """A plan for candidates that cost what ``typical`` ones do.

    As many epochs as the configured training has, or fewer, so that 24 trials fit; the finals get
    one third, rounded to whole finalists.
    """
    evaluator = search.problem.evaluator
    works = [search.work(Trial(candidate, 1, 0, search.problem.seed)) for candidate in typical]
    mean = statistics.fmean(works)
    epochs = whole_epochs(search.work_left() / mean / FEWEST_TRIALS, evaluator.recipe.epochs)
    rounds = len(evaluator.folds) - 1
    whole = _share(search.trials_left()) // rounds * rounds
    work = _share(search.work_left())
    trials = min((search.work_left() - work) / mean / epochs, search.trials_left() - whole)
    return Plan(epochs, rounds + 1, trials, work, whole)


def _share(left: float) -> float:
    """What of ``left`` goes to the finals; nothing of what does not run out."""
    return 0.0 if math.isinf(left) else FINALS_SHARE * left


@dataclass
class Judged:
    """Candidates and their first scores, each against the mean of the fold that it was held to."""

    search: Search
    plan: Plan
    scores: list[tuple[Candidate, int, float]] = field(default_factory=list)

    def trials(self, candidates: Sequence[Candidate]) -> list[Trial]:
        """The first trial of each, the folds in turn."""
        seed, start = self.search.problem.seed, len(self.scores)
        return [
            Trial(candidate, self.plan.epochs, (start + i) % self.plan.folds, seed)
            for i, candidate in enumerate(candidates)
        ]

    def first_round(self, candidates: Sequence[Candidate]) -> list[Trial]:
        """The first trials of as many as leave enough for the finals; of one if nothing else."""
        trials, plan = self.trials(candidates), self.plan
        work = self.search.work_left() - plan.finals_work
        most = self.search.trials_left() - plan.finals_trials
        return affordable(self.search, trials, work, most) or trials[: not self.scores]

    def tell(self, trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> None:
        """Note what ``trials`` scored."""
        for trial, outcome in zip(trials, outcomes, strict=True):
            self.scores.append((trial.candidate, trial.fold, outcome.score))

    def merit(self, number: int) -> float:
        """Score of the candidate judged as ``number``, less the mean of its fold so far."""
        _, fold, score = self.scores[number]
        return score - statistics.fmean(a for _, f, a in self.scores if f == fold)

    def finals(self) -> Generator[Sequence[Trial], Sequence[Outcome], None]:
        """The best candidates on all folds; proposals for the engine."""
        order = sorted(range(len(self.scores)), key=lambda number: -self.merit(number))
        best: dict[str, int] = {}
        for number in order:
            best.setdefault(self.scores[number][0].key, number)
        rest = [trial for number in best.values() for trial in self._other_folds(number)]
        rounds = self.plan.folds - 1
        fit = affordable(self.search, rest, self.search.work_left(), self.search.trials_left())
        yield fit[: len(fit) // rounds * rounds]

    def _other_folds(self, number: int) -> list[Trial]:
        candidate, first, _ = self.scores[number]
        return [
            Trial(candidate, self.plan.epochs, fold, self.search.problem.seed)
            for fold in range(self.plan.folds)
            if fold != first
        ]
