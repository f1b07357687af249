"""How a strategy shares out what a search may spend: which trials, and how many epochs each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate, Trial

FEWEST, MOST = 4, 15
"""Candidates of a ranking that are trained; 15 is NasRec's number.

Epochs are saved where that makes room for the fewest.
"""


def whole_epochs(affordable: float, most: int) -> int:
    """A number of epochs: what is ``affordable``, but at least one and ``most`` at most."""
    return int(max(1, min(most, affordable)))


def on_every_fold(search: Search, candidates: Sequence[Candidate], epochs: int) -> list[Trial]:
    """The trials of ``candidates`` on all folds, candidate by candidate."""
    folds, seed = range(len(search.problem.evaluator.folds)), search.problem.seed
    return [Trial(candidate, epochs, fold, seed) for candidate in candidates for fold in folds]


def epochs_for(search: Search, candidates: Sequence[Candidate], work: float) -> int:
    """Epochs of ``candidates`` on every fold that ``work`` pays for, in CPU-seconds.

    At least one, at most those of the configured training.
    """
    each = sum(search.work(trial) for trial in on_every_fold(search, candidates, 1))
    return whole_epochs(work / each, search.problem.evaluator.recipe.epochs)


def affordable(search: Search, trials: Sequence[Trial], work: float, most: float) -> list[Trial]:
    """The beginning of ``trials`` that costs no more than ``work``, ``most`` trials at most."""
    totals = itertools.accumulate(search.work(trial) for trial in trials)
    return [
        trial
        for number, (trial, total) in enumerate(zip(trials, totals, strict=True), 1)
        if total <= work and number <= most
    ]


def train_best(search: Search, ordered: Sequence[Candidate]) -> Proposals:
    """Propose the first of ``ordered`` on every fold, as many as the work left allows.

    With the configured number of epochs, or with fewer where that lets four of them fit.
    """
    left = search.work_left()
    epochs = epochs_for(search, ordered[:FEWEST], left)
    trials: list[Trial] = []
    for candidate in ordered[:MOST]:
        more = on_every_fold(search, [candidate], epochs)
        left -= sum(search.work(trial) for trial in more)
        if trials and (left < 0 or len(trials) + len(more) > search.trials_left()):
            break
        trials += more
    yield trials
