"""``auto``: rungs of growing trust around a short evolution, made for two cores and two minutes.

Small networks differ by little more than the noise of judging them, so most of the work goes into
judging few of them well:

1. *Opening.*  A pool of random networks that keep the budget.  Those that use little of it rarely
   win, and that is known before any training: the half that ranks lower in parameters, MACs and
   NASWOT is dropped.  What stays is trained briefly on one fold.  The genes of the training recipe
   are dealt out evenly, so that the mean over all candidates shows which recipe suits the data.
2. *Population.*  The better half is trained on the other folds as well.
3. *Evolution.*  Children of the best, one gene changed or two parents crossed, are judged on the
   same folds and take their place in the population, as long as their share of the work lasts.
4. *Final.*  The best, and the best of those that cost clearly less, are trained afresh and in full
   on every fold; with what is left, again with other seeds.  Only these compete for the front.

Candidates are compared on equal folds and epochs only, by accuracy and cross-entropy together: on
few windows the loss says more about the next fold than the accuracy does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyml_nas.search.problem import Problem
from tinyml_nas.search.proxies.ranking import rank, scoring_seconds
from tinyml_nas.search.recipes import AUGMENTATION, LEARNING_RATE
from tinyml_nas.search.spaces import Value, crossover, mutate
from tinyml_nas.search.strategies.protocol import Proposals, Search, Strategy
from tinyml_nas.search.trial import Candidate, Outcome, Trial

POOL = 128
PRIOR = ("params", "macs", "naswot")
GENES = (AUGMENTATION, LEARNING_RATE)
OPENING_SHARE, EVOLUTION_SHARE, FINAL_SHARE = 0.2, 0.3, 0.5
OPENING_FRACTION = 1 / 3
"""Epochs of opening and evolution, as a share of the final's."""
MOST_OPENING, FEWEST_OPENING = 48, 8
PARENTS, CHILDREN = 6, 4
FINALISTS, SMALL_FINALISTS = 3, 1
CLEARLY_LESS = 0.6
MOST_SHARE_OF_WORK = 1 / 24
MOST_REPEATS = 5
SEED_STRIDE = 1000


@dataclass(frozen=True)
class Plan:
    """How the work is spent: candidates of the opening, epochs of both phases, children in all."""

    opening: int
    children: int
    short: int
    full: int


def propose(search: Search) -> Proposals:
    """Opening, population, evolution and final, each a few batches of trials."""
    pool = _pool(search)
    plan = _plan(search, pool)
    judge = _Judge(plan.short, search.problem.seed)
    folds = range(len(search.problem.evaluator.folds))

    opening = _dealt(search, _opening(search, pool, plan.opening))
    outcomes = yield [judge.trial(candidate, 0) for candidate in opening]
    judge.hear(opening, [0], outcomes)
    better = _with_recipe(search.problem, judge, opening)

    outcomes = yield [judge.trial(candidate, fold) for candidate in better for fold in folds]
    judge.hear(better, folds, outcomes)
    for children in _generations(plan):
        born = _children(search, judge.best(better)[:PARENTS], better, children)
        outcomes = yield [judge.trial(candidate, fold) for candidate in born for fold in folds]
        judge.hear(born, folds, outcomes)
        better = [*better, *born]

    finalists = _finalists(judge.best(better))
    for repeat in range(_repeats(search, finalists, plan)):
        final = _Judge(plan.full, search.problem.seed + (repeat + 1) * SEED_STRIDE)
        yield [final.trial(candidate, fold) for candidate in finalists for fold in folds]


class _Judge:
    """Trials of one number of epochs and one seed, and the order that their outcomes give."""

    def __init__(self, epochs: int, seed: int) -> None:
        self.epochs, self.seed = epochs, seed
        self._outcomes: dict[str, dict[int, Outcome]] = {}

    def trial(self, candidate: Candidate, fold: int) -> Trial:
        """One training of ``candidate``."""
        return Trial(candidate, self.epochs, fold, self.seed)

    def hear(
        self, candidates: Sequence[Candidate], folds: Sequence[int], outcomes: Sequence[Outcome]
    ) -> None:
        """Note the outcomes of ``candidates`` x ``folds``."""
        answers = iter(outcomes)
        for candidate in candidates:
            for fold in folds:
                self._outcomes.setdefault(candidate.key, {})[fold] = next(answers)

    def merits(self, candidates: Sequence[Candidate]) -> list[float]:
        """By candidate the mean over the folds that all have seen of its standing on that fold.

        A standing is accuracy minus cross-entropy, each in standard deviations of the candidates.
        """
        known = [self._outcomes[candidate.key] for candidate in candidates]
        folds = sorted(set.intersection(*(set(outcomes) for outcomes in known)))
        accuracy = np.array([[outcomes[fold].accuracy for fold in folds] for outcomes in known])
        loss = np.array([[outcomes[fold].loss for fold in folds] for outcomes in known])
        merit = (_standing(accuracy) - _standing(np.minimum(loss, 1e3))).mean(1)
        return [float(value) for value in merit]

    def best(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """``candidates``, the most promising first."""
        merits = self.merits(candidates)
        order = sorted(range(len(candidates)), key=lambda index: -merits[index])
        return [candidates[index] for index in order]


def _standing(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Each column with mean 0 and deviation 1; a column of equals is all zeros."""
    deviation = values.std(0)
    return (values - values.mean(0)) / np.where(deviation > 0, deviation, 1.0)


def _pool(search: Search) -> list[Candidate]:
    """Warm starts and random candidates that keep the budget and can be trained in time."""
    problem = search.problem
    known = [problem.decode(genome) for genome in search.warm_start]
    kept = [c for c in known if c is not None and problem.fits(c.resources)]
    drawn = problem.sample(search.draw("auto", "pool"), POOL)
    pool = list({candidate.key: candidate for candidate in (*kept, *drawn)}.values())
    longest = MOST_SHARE_OF_WORK * search.work_left()
    epochs = problem.evaluator.recipe.epochs
    quick = [c for c in pool if search.work(Trial(c, epochs, 0, 0)) <= longest]
    by_work = sorted(pool, key=lambda c: search.work(Trial(c, epochs, 0, 0)))
    return quick if len(quick) >= FEWEST_OPENING else by_work[:FEWEST_OPENING]


def _plan(search: Search, pool: Sequence[Candidate]) -> Plan:
    """The plan that the work allows for candidates like those of ``pool``."""
    folds = len(search.problem.evaluator.folds)
    full = search.problem.evaluator.recipe.epochs
    if math.isinf(search.work_left()):  # as many trials, not as much work, as the user says
        trials = float(search.problem.training.nas_trials or MOST_OPENING * folds)
        epoch = 1 / full
    else:
        trials = search.work_left()
        epoch = float(np.mean([search.work(Trial(c, 1, 0, 0)) for c in pool]))
        affordable = FINAL_SHARE * trials / (epoch * folds * (FINALISTS + SMALL_FINALISTS))
        full = max(2, min(full, int(affordable)))
    short = max(1, round(full * OPENING_FRACTION))
    per_trial = epoch * short if epoch != 1 / full else 1.0
    opening = int(OPENING_SHARE * trials / per_trial)
    opening = max(FEWEST_OPENING, min(MOST_OPENING, opening, len(pool)))
    left = (OPENING_SHARE + EVOLUTION_SHARE) * trials / per_trial - opening * (1 + folds / 2)
    return Plan(opening, max(0, int(left / folds)), short, full)


def _opening(search: Search, pool: Sequence[Candidate], count: int) -> list[Candidate]:
    """``count`` candidates of the half of ``pool`` that the prior ranks higher."""
    problem = search.problem
    prior = rank(pool, PRIOR, problem.features, problem.seed)
    search.spend(problem.evaluator.speed * sum(scoring_seconds(c.network) for c in pool))
    order = sorted(range(len(pool)), key=lambda index: -prior[index])
    upper = [pool[index] for index in order[: max(count, len(pool) // 2)]]
    return search.draw("auto", "opening").sample(upper, count)


def _dealt(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with recipe genes dealt out evenly instead of at random."""
    draw, problem = search.draw("auto", "recipes"), search.problem
    choices = {d.name: d.choices for d in problem.space.decisions if d.name in GENES}
    columns = {name: _even(values, len(candidates), draw) for name, values in choices.items()}
    return _decoded(
        problem,
        (
            {**candidate.genome, **{name: column[i] for name, column in columns.items()}}
            for i, candidate in enumerate(candidates)
        ),
    )


def _even(choices: Sequence[Value], count: int, draw: random.Random) -> list[Value]:
    """``count`` values, each choice as often as any other, shuffled."""
    values = [choices[index % len(choices)] for index in range(count)]
    draw.shuffle(values)
    return values


def _with_recipe(problem: Problem, judge: _Judge, opening: Sequence[Candidate]) -> list[Candidate]:
    """The better half of ``opening``, all with the recipe that did best on average."""
    merits = judge.merits(opening)
    recipe: dict[str, Value] = {}
    for gene in (name for name in GENES if name in opening[0].genome):
        by_choice: dict[Value, list[float]] = {}
        for candidate, merit in zip(opening, merits, strict=True):
            by_choice.setdefault(candidate.genome[gene], []).append(merit)
        recipe[gene] = max(by_choice, key=lambda choice: float(np.mean(by_choice[choice])))
    half = judge.best(opening)[: max(2, len(opening) // 2)]
    return _decoded(problem, ({**candidate.genome, **recipe} for candidate in half))


def _generations(plan: Plan) -> list[int]:
    """Children by generation."""
    full, rest = divmod(plan.children, CHILDREN)
    return [CHILDREN] * full + ([rest] if rest else [])


def _children(
    search: Search, parents: Sequence[Candidate], known: Sequence[Candidate], count: int
) -> list[Candidate]:
    """Up to ``count`` new candidates bred from ``parents`` that keep the budget."""
    draw, problem = search.draw("auto", "children", len(known)), search.problem
    seen, born = {candidate.key for candidate in known}, list[Candidate]()
    for _ in range(200 * count):
        if len(born) == count:
            break
        a, b = draw.choice(parents), draw.choice(parents)
        mixed = draw.random() < 0.25 and a is not b
        genome = crossover(problem.space, a.genome, b.genome, draw) if mixed else a.genome
        child = problem.decode(mutate(problem.space, genome, draw))
        if child is not None and child.key not in seen and problem.fits(child.resources):
            seen.add(child.key)
            born.append(child)
    return born


def _finalists(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The best, and the best of those that need clearly less flash or work than the very best."""
    finalists = list(ranked[:FINALISTS])
    top = ranked[0].resources
    small = [
        candidate
        for candidate in ranked[FINALISTS:]
        if candidate.resources.flash_bytes <= CLEARLY_LESS * top.flash_bytes
        or candidate.resources.macs <= CLEARLY_LESS * top.macs
    ]
    return finalists + small[:SMALL_FINALISTS]


def _repeats(search: Search, finalists: Sequence[Candidate], plan: Plan) -> int:
    """How often the final can be run with the work that is left, at least once."""
    folds = len(search.problem.evaluator.folds)
    work = sum(search.work(Trial(c, plan.full, 0, 0)) for c in finalists) * folds
    if math.isinf(search.work_left()):
        return 1
    return max(1, min(MOST_REPEATS, int(search.work_left() / work)))


def _decoded(problem: Problem, genomes: Iterable[dict[str, Value]]) -> list[Candidate]:
    """Candidates of genomes that differ from a candidate's in recipe genes only."""
    decoded = (problem.decode(genome) for genome in genomes)
    return list({c.key: c for c in decoded if c is not None}.values())


STRATEGY = Strategy(
    "auto",
    "rungs over folds around a short evolution; recipe and architecture together (the default)",
    propose,
)
