"""``auto``: rungs of growing trust around a short evolution, made for two cores and two minutes.

Small networks differ by little more than the noise of judging them, so most of the work goes into
judging few of them well:

1. *Opening.*  A pool of random networks that keep the budget.  Those that use little of it rarely
   win, and that is known before any training: of all proxies the number of parameters ranked real
   windows best (``benchmarks/proxy_correlation.py``).  So only those with the most parameters stay,
   and some of them are trained briefly on one fold.
2. *Population.*  The better half is trained on the other folds as well.
3. *Evolution.*  Children of the best, one gene changed or two parents crossed, are judged on the
   same folds and take their place in the population, as long as their share of the work lasts.
4. *Recipe.*  Weaker and stronger augmentation is tried on the two best, in full, for brief trials
   always speak against it.  Until here everything is trained as the YAML says.
5. *Final.*  The best, and the best of those that cost clearly less, are trained afresh and in full
   on every fold; with what is left, again with other seeds.  Only these compete for the front.

Candidates are compared on equal folds and epochs only, by accuracy and cross-entropy together: on
few windows the loss says more about the next fold than the accuracy does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_nas.search.recipes import AS_WRITTEN, AUGMENTATION
from tinyml_nas.search.spaces import Value, crossover, mutate
from tinyml_nas.search.strategies.protocol import Proposals, Search, Strategy
from tinyml_nas.search.trial import Candidate, Outcome, Trial

Matrix = npt.NDArray[np.float64]

POOL = 512
FINAL_SHARE = 0.5
"""Of the work, what is kept for recipe and final."""
OPENING_SHARE = 0.4
"""Of what is left, the share of the opening's trials; the rest is population and evolution."""
FULL, BRIEF = 2 / 3, 2 / 9
"""Epochs of a full and of a brief trial, as shares of the final training's."""
MOST_OPENING, FEWEST_OPENING = 48, 8
PARENTS, CHILDREN = 6, 4
RECIPES, TASTERS = (0.5, 2.0), 2
FINALISTS, SMALL_FINALISTS = 3, 1
CLEARLY_LESS = 0.6
MOST_SHARE_OF_WORK = 1 / 8
MOST_REPEATS = 5
SEED_STRIDE = 1000


@dataclass(frozen=True)
class Plan:
    """How the work is spent: candidates of the opening, children, epochs of both kinds of trial."""

    opening: int
    children: int
    brief: int
    full: int


def propose(search: Search) -> Proposals:
    """Opening, population, evolution, recipe and final, each one or a few batches of trials."""
    folds = range(len(search.problem.evaluator.folds))
    pool = _pool(search)
    plan = _plan(search, pool)

    judge = _Judge(plan.brief, search.problem.seed)
    opening = _opening(search, pool, plan.opening)
    yield from judge.ask(opening, folds[:1])
    known = judge.best(opening)[: max(2, len(opening) // 2)]
    yield from judge.ask(known, folds[1:])

    for count in _generations(plan.children):
        children = _children(search, judge.best(known)[:PARENTS], known, count)
        yield from judge.ask(children, folds)
        known = [*known, *children]

    final = _Judge(plan.full, search.problem.seed + SEED_STRIDE)
    finalists = _finalists(judge.best(known))
    tasted = [[_with(c, r) for c in finalists[:TASTERS]] for r in _recipes(search)]
    yield from final.ask([candidate for group in tasted for candidate in group], folds[:1])
    recipe = _best_recipe(final, tasted)
    finalists = [_with(candidate, recipe) for candidate in finalists]
    yield from final.ask(finalists, folds)
    for repeat in range(_repeats(search, finalists, plan.full)):
        again = _Judge(plan.full, final.seed + (repeat + 1) * SEED_STRIDE)
        yield from again.ask(finalists, folds)


class _Judge:
    """Trials of one number of epochs and one seed, and the order that their outcomes give."""

    def __init__(self, epochs: int, seed: int) -> None:
        self.epochs, self.seed = epochs, seed
        self._outcomes: dict[str, dict[int, Outcome]] = {}

    def ask(self, candidates: Sequence[Candidate], folds: Sequence[int]) -> Proposals:
        """Propose ``candidates`` x ``folds`` and note the outcomes."""
        trials = [Trial(c, self.epochs, fold, self.seed) for c in candidates for fold in folds]
        outcomes = yield trials
        for trial, outcome in zip(trials, outcomes, strict=True):
            self._outcomes.setdefault(trial.candidate.key, {})[trial.fold] = outcome

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


def _standing(values: Matrix) -> Matrix:
    """Each column with mean 0 and deviation 1; a column of equals is all zeros."""
    deviation = values.std(0)
    standing: Matrix = (values - values.mean(0)) / np.where(deviation > 0, deviation, 1.0)
    return standing


def _pool(search: Search) -> list[Candidate]:
    """Of many random candidates the few that have the most parameters.

    All keep the budget, and all can be trained in time.
    """
    drawn = search.problem.sample(search.draw("auto", "pool"), POOL)
    pool = _in_time(search, [_with(candidate, AS_WRITTEN) for candidate in drawn])
    pool.sort(key=lambda candidate: -candidate.resources.parameters)
    return pool[:MOST_OPENING]


def _warm(search: Search) -> list[Candidate]:
    """The known genomes to begin with, as far as they keep the budget."""
    problem = search.problem
    known = (problem.decode(genome) for genome in search.warm_start)
    return [_with(c, AS_WRITTEN) for c in known if c is not None and problem.fits(c.resources)]


def _in_time(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose training takes no more than its share of the work, or else the quickest few."""
    epochs = search.problem.evaluator.recipe.epochs
    longest = MOST_SHARE_OF_WORK * search.work_left()
    by_work = sorted(candidates, key=lambda c: search.work(Trial(c, epochs, 0, 0)))
    quick = [c for c in candidates if search.work(Trial(c, epochs, 0, 0)) <= longest]
    return quick if len(quick) >= FEWEST_OPENING else by_work[:FEWEST_OPENING]


def _plan(search: Search, pool: Sequence[Candidate]) -> Plan:
    """The plan that the work allows for candidates like those of ``pool``."""
    folds = len(search.problem.evaluator.folds)
    epochs = search.problem.evaluator.recipe.epochs
    full, brief = max(1, round(FULL * epochs)), max(1, round(BRIEF * epochs))
    per_opened = 1 + (folds - 1) / 2  # trials of one that is opened: half of them go on
    limit = search.problem.training.nas_trials
    if limit is not None:  # as many trials as the user says, whatever each takes
        trials = limit * (1 - FINAL_SHARE)
    else:
        work = search.work_left()
        epoch = float(np.mean([search.work(Trial(c, 1, 0, 0)) for c in pool]))
        in_final = folds * (FINALISTS + SMALL_FINALISTS) + len(RECIPES) * TASTERS
        full = max(1, min(full, int(FINAL_SHARE * work / (epoch * in_final))))
        before = (1 - FINAL_SHARE) * work / epoch
        brief = max(1, min(brief, full, int(before / (FEWEST_OPENING * per_opened))))
        trials = before / brief
    opening = int(OPENING_SHARE * trials)
    opening = min(len(pool), max(FEWEST_OPENING, min(MOST_OPENING, opening)))
    return Plan(opening, max(0, int((trials - opening * per_opened) / folds)), brief, full)


def _opening(search: Search, pool: Sequence[Candidate], count: int) -> list[Candidate]:
    """``count`` candidates: the warm starts, then some of ``pool``."""
    drawn = search.draw("auto", "opening").sample(list(pool), count)
    distinct = {candidate.key: candidate for candidate in (*_warm(search), *drawn)}
    return list(distinct.values())[:count]


def _recipes(search: Search) -> list[Value]:
    """The strengths of augmentation to try; as it is written comes first."""
    has_gene = any(d.name == AUGMENTATION for d in search.problem.space.decisions)
    return [AS_WRITTEN, *RECIPES] if has_gene else [AS_WRITTEN]


def _best_recipe(judge: _Judge, tasted: Sequence[Sequence[Candidate]]) -> Value:
    """The strength whose group of candidates did best on average."""
    merits = iter(judge.merits([candidate for group in tasted for candidate in group]))
    means = [float(np.mean([next(merits) for _ in group])) for group in tasted]
    return tasted[int(np.argmax(means))][0].genome.get(AUGMENTATION, AS_WRITTEN)


def _with(candidate: Candidate, augmentation: Value) -> Candidate:
    """``candidate`` trained with so much augmentation; its network stays the same."""
    if AUGMENTATION not in candidate.genome:
        return candidate
    genome = {**candidate.genome, AUGMENTATION: augmentation}
    return dataclasses.replace(candidate, genome=genome)


def _generations(children: int) -> list[int]:
    """Children by generation."""
    full, rest = divmod(children, CHILDREN)
    return [CHILDREN] * full + ([rest] if rest else [])


def _children(
    search: Search, parents: Sequence[Candidate], known: Sequence[Candidate], count: int
) -> list[Candidate]:
    """Up to ``count`` new candidates bred from ``parents`` that keep the budget.

    None has fewer parameters than the smallest that is known: brief trials favor the small.
    """
    least = min(candidate.resources.parameters for candidate in known)
    draw, problem = search.draw("auto", "children", len(known)), search.problem
    seen, born = {candidate.key for candidate in known}, list[Candidate]()
    for _ in range(200 * count):
        if len(born) == count:
            break
        a, b = draw.choice(parents), draw.choice(parents)
        mixed = draw.random() < 0.25 and a is not b
        genome = crossover(problem.space, a.genome, b.genome, draw) if mixed else a.genome
        child = problem.decode(mutate(problem.space, genome, draw))
        child = child and _with(child, AS_WRITTEN)  # a recipe is not judged by brief trials
        if child is None or child.key in seen or child.resources.parameters < least:
            continue
        if problem.fits(child.resources):
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


def _repeats(search: Search, finalists: Sequence[Candidate], epochs: int) -> int:
    """How often the final can be run again with the work that is left."""
    if search.problem.training.nas_trials is not None:
        return 0
    folds = range(len(search.problem.evaluator.folds))
    work = sum(search.work(Trial(c, epochs, fold, 0)) for c in finalists for fold in folds)
    return max(0, min(MOST_REPEATS, int(search.work_left() / work)))


STRATEGY = Strategy(
    "auto",
    "rungs over folds around a short evolution; recipe and architecture together (the default)",
    propose,
)
