"""What strategies share that order candidates before any is trained.

A proxy does not see the training recipe, so these strategies leave it as the user wrote it.
"""

from __future__ import annotations

import random
from collections.abc import Container, Sequence

from tinyml_nas.search.problem import Problem
from tinyml_nas.search.recipe_genes import AS_WRITTEN, AUGMENTATION
from tinyml_nas.search.spaces import Genome, Value, mutate
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate, Trial

FEWEST, MOST = 4, 15
"""Candidates that are trained in the end; 15 is NasRec's number."""
TRIES = 50


def train_best(search: Search, ordered: Sequence[Candidate]) -> Proposals:
    """Proposes the first of ``ordered`` on every fold, as many as the work left allows.

    With the configured number of epochs, or with fewer where that lets four of them fit.
    """
    problem, left = search.problem, search.work_left()
    folds = range(len(problem.evaluator.folds))
    epochs = _epochs(search, ordered[:FEWEST])
    trials: list[Trial] = []
    for candidate in ordered[:MOST]:
        more = [Trial(candidate, epochs, fold, problem.seed) for fold in folds]
        left -= sum(search.work(trial) for trial in more)
        if trials and (left < 0 or len(trials) + len(more) > search.trials_left()):
            break
        trials += more
    yield trials


def feasible_child(
    problem: Problem, parent: Genome, known: Container[str], draw: random.Random
) -> Candidate | None:
    """A mutation of ``parent`` that keeps the budget and is not ``known``, if one is soon found."""
    for _ in range(TRIES):
        child = problem.decode(as_written(mutate(problem.space, parent, draw)))
        if child is not None and child.key not in known and problem.fits(child.resources):
            return child
    return None


def warm_started(search: Search, count: int, draw: random.Random) -> list[Candidate]:
    """``count`` distinct feasible candidates: the known genomes first, the others drawn."""
    problem = search.problem
    drawn = [candidate.genome for candidate in problem.sample(draw, count)]
    candidates = problem.feasible(as_written(genome) for genome in (*search.warm_start, *drawn))
    return list({candidate.key: candidate for candidate in candidates}.values())[:count]


def as_written(genome: Genome) -> dict[str, Value]:
    """``genome`` with the user's own recipe."""
    recipe = {AUGMENTATION: AS_WRITTEN} if AUGMENTATION in genome else {}
    return {**genome, **recipe}


def _epochs(search: Search, few: Sequence[Candidate]) -> int:
    """Epochs with which ``few`` candidates fit into the work left."""
    evaluator, seed = search.problem.evaluator, search.problem.seed
    trials = [Trial(c, 1, fold, seed) for c in few for fold in range(len(evaluator.folds))]
    possible = search.work_left() / sum(search.work(trial) for trial in trials)
    return int(max(1, min(evaluator.recipe.epochs, possible)))
