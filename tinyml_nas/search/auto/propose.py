"""``auto``: rungs of growing trust around a model of what makes a network good.

Small networks differ by little more than the noise of judging them, so every trial has to count:

1. *Opening.*  What did well on much other data comes first.  Random networks that keep the budget
   and, in turn with them, those of hundreds that a surrogate expects most of follow.  All are
   trained briefly on one fold.  Before any trial it knows what paid
   on other data sets (``search/auto/prior.py``): worth a dozen trials, except where it is wrong.
2. *Rounds.*  It learns from all trials so far (``search/auto/surrogate.py``) and picks the next few
   from those that were drawn or bred from the best; they are trained as the opening was.
3. *Promotion.*  Those that it, which sees through luck, expects most of are trained on the other
   folds as well.  One of those that did well elsewhere goes with them to the end.
4. *Recipe.*  Weaker and stronger augmentation is tried on the two best, in full, because brief
   trials always speak against it.  Until here everything is trained as the YAML says.
5. *Final.*  The best, and the best of those that cost clearly less, are trained afresh and in full
   on every fold; with what is left, again with other seeds.  Only these compete for the front.

Candidates are compared on equal folds and epochs only, by score and cross-entropy together: on
few windows the loss says more about the next fold than the score does.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyml_nas.search.auto.surrogate import Surrogate
from tinyml_nas.search.spaces import Value, crossover
from tinyml_nas.search.spaces.recipe_genes import AS_WRITTEN, AUGMENTATION, as_written
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate, Outcome, Trial

Matrix = npt.NDArray[np.float64]

POOL = 512
"""Random candidates from which the opening and the rounds pick."""
FINAL_SHARE = 0.45
"""Share of the budget that is kept for recipe and final."""
PROMOTION_SHARE = 0.25
"""Share of the brief trials that the promotion gets, on the other folds."""
OPENING_SHARE = 0.5
"""Share of the remaining brief trials that the opening gets; the rounds get the rest."""
FULL, BRIEF = 2 / 3, 2 / 9
"""Epochs of a full and of a brief trial, as shares of the final training's epochs."""
BRIEF_TRIALS = 40
"""Brief trials that the budget should pay for: each gets fewer epochs where it does not."""
LEAST_FULL, LEAST_BRIEF = 1 / 3, 1 / 8
"""Fewest epochs, as shares of the final training's: below them fewer candidates are trained."""
MOST_OPENING, FEWEST_OPENING = 48, 4
"""Candidates that the surrogate names for the opening, and those that it trains in any case."""
MOST_PROMOTED, FEWEST_PROMOTED = 12, 2
"""Candidates that may be promoted, and those that are in any case."""
ROUND, PARENTS, CHILDREN = 6, 6, 128
"""Trials of a round, the best candidates that it breeds from, and how many children it breeds."""
RECIPES, TASTERS = (0.5, 2.0), 2
"""Strengths of augmentation to try beside the written one, and the candidates to try them on."""
FINALISTS, FEWEST_FINALISTS, SMALL_FINALISTS = 4, 2, 1
"""Best candidates in the final, fewest of them, and clearly cheaper ones beside them."""
CLEARLY_LESS = 0.6
"""Share of the best candidate's flash or MACs below which another one is clearly cheaper."""
MOST_SHARE_OF_WORK = 1 / 2
"""Share of the work left that the training of one candidate may take."""
MOST_REPEATS = 5
"""Times that the final may be repeated with other seeds."""
SEED_STRIDE = 1000
"""Distance between the seeds of the final and of its repetitions."""


def propose(search: Search) -> Proposals:
    """Opening, rounds, promotion, recipe and final, each one or a few batches of trials."""
    problem = search.problem
    first, *others = range(len(problem.evaluator.folds))
    after_promotion = FINAL_SHARE * _left(search)
    after_rounds = after_promotion + PROMOTION_SHARE * (_left(search) - after_promotion)
    after_opening = after_rounds + (1 - OPENING_SHARE) * (_left(search) - after_rounds)
    skeletons = problem.skeletons()
    warm = problem.feasible(as_written(genome) for genome in search.warm_start)
    pool = _in_time(search, _drawn(search))
    surrogate = Surrogate(problem.space, pool)

    likely = surrogate.pick(pool, MOST_OPENING)
    drawn = (candidate for pair in zip(likely, pool, strict=False) for candidate in pair)
    opening = _without([], [*_in_time(search, [*skeletons, *warm]), *drawn])
    judge = _Judge(_brief(search, opening, _left(search) - after_promotion), problem.seed)
    known = judge.affordable(search, opening, [first], after_opening, FEWEST_OPENING)
    yield from judge.ask(known, [first])
    for number in itertools.count():
        surrogate.learn(known, judge.merits(known))
        children = _children(search, surrogate.ordered(known)[:PARENTS], number)
        picked = surrogate.pick(_without(known, [*pool, *children]), ROUND)
        picked = judge.affordable(search, picked, [first], after_rounds)
        if not picked:
            break
        yield from judge.ask(picked, [first])
        known = [*known, *picked]
    known = _trusting(surrogate.ordered(known), skeletons)[:MOST_PROMOTED]
    known = judge.affordable(search, known, others, after_promotion, FEWEST_PROMOTED)
    yield from judge.ask(known, others)
    surrogate.learn(known, judge.merits(known))

    epochs, finalists = _final(search, _trusting(surrogate.ordered(known), skeletons))
    final = _Judge(epochs, problem.seed + SEED_STRIDE)
    tasted = [[_with(c, r) for c in finalists[:TASTERS]] for r in _recipes(search)]
    yield from final.ask([candidate for group in tasted for candidate in group], [first])
    recipe = _best_recipe(final, tasted)
    finalists = [_with(candidate, recipe) for candidate in finalists]
    yield from final.ask(finalists, [first, *others])
    for repeat in range(MOST_REPEATS):
        again = _Judge(epochs, final.seed + (repeat + 1) * SEED_STRIDE)
        if _price(search, again.trials(finalists, [first, *others])) > _left(search):
            break
        yield from again.ask(finalists, [first, *others])


class _Judge:
    """Trials of one number of epochs and one seed, and the order that their outcomes give."""

    def __init__(self, epochs: int, seed: int) -> None:
        self.epochs, self.seed = epochs, seed
        self._outcomes: dict[str, dict[int, Outcome]] = {}

    def trials(self, candidates: Sequence[Candidate], folds: Sequence[int]) -> list[Trial]:
        """``candidates`` x ``folds``."""
        return [Trial(c, self.epochs, fold, self.seed) for c in candidates for fold in folds]

    def affordable(
        self,
        search: Search,
        candidates: Sequence[Candidate],
        folds: Sequence[int],
        keep: float,
        least: int = 0,
    ) -> list[Candidate]:
        """The first of ``candidates`` whose trials leave ``keep``, but no fewer than ``least``."""
        prices = (_price(search, self.trials([candidate], folds)) for candidate in candidates)
        totals = list(itertools.accumulate(prices))
        count = sum(total <= _left(search) - keep for total in totals)
        return list(candidates[: max(least, count)])

    def ask(self, candidates: Sequence[Candidate], folds: Sequence[int]) -> Proposals:
        """Propose ``candidates`` x ``folds`` and note the outcomes."""
        trials = self.trials(candidates, folds)
        outcomes = yield trials
        for trial, outcome in zip(trials, outcomes, strict=True):
            self._outcomes.setdefault(trial.candidate.key, {})[trial.fold] = outcome

    def merits(self, candidates: Sequence[Candidate]) -> list[float]:
        """By candidate the mean over the folds that all have seen of its standing on that fold.

        A standing is score minus cross-entropy, each in standard deviations of the candidates.
        """
        known = [self._outcomes[candidate.key] for candidate in candidates]
        folds = sorted(set.intersection(*(set(outcomes) for outcomes in known)))
        score = np.array([[outcomes[fold].score for fold in folds] for outcomes in known])
        loss = np.array([[outcomes[fold].loss for fold in folds] for outcomes in known])
        merit = (_standing(score) - _standing(np.minimum(loss, 1e3))).mean(1)
        return [float(value) for value in merit]


def _standing(values: Matrix) -> Matrix:
    """Each column with mean 0 and deviation 1; a column of equals is all zeros."""
    deviation = values.std(0)
    standing: Matrix = (values - values.mean(0)) / np.where(deviation > 0, deviation, 1.0)
    return standing


def _drawn(search: Search) -> list[Candidate]:
    """Random candidates that keep the budget, with the recipe as it is written."""
    problem = search.problem
    drawn = problem.sample(search.draw("auto", "pool"), POOL)
    return problem.feasible(as_written(candidate.genome) for candidate in drawn)


def _in_time(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose training takes no more than its share of the work, or else the quickest few."""
    epochs = search.problem.evaluator.recipe.epochs
    longest = MOST_SHARE_OF_WORK * search.work_left()
    by_work = sorted(candidates, key=lambda c: search.work(Trial(c, epochs, 0, 0)))
    quick = [c for c in candidates if search.work(Trial(c, epochs, 0, 0)) <= longest]
    return quick if len(quick) >= FEWEST_OPENING else by_work[:FEWEST_OPENING]


def _left(search: Search) -> float:
    """What there is to spend still: trials where their number is limited, else work."""
    return min(search.trials_left(), search.work_left())


def _price(search: Search, trials: Sequence[Trial]) -> float:
    """What ``trials`` take of what there is to spend."""
    if math.isinf(search.work_left()):
        return len(trials)
    return sum(search.work(trial) for trial in trials)


def _brief(search: Search, typical: Sequence[Candidate], means: float) -> int:
    """Epochs of a brief trial; ``means`` are to pay ``BRIEF_TRIALS`` of ``typical`` candidates."""
    epochs = search.problem.evaluator.recipe.epochs
    brief = BRIEF * epochs
    if math.isfinite(search.work_left()):
        epoch = float(np.mean([search.work(Trial(c, 1, 0, 0)) for c in typical]))
        brief = max(LEAST_BRIEF * epochs, min(brief, means / BRIEF_TRIALS / epoch))
    return max(1, round(brief))


def _final(search: Search, ranked: Sequence[Candidate]) -> tuple[int, list[Candidate]]:
    """Epochs of a full trial, and as many finalists as can be trained for that long."""
    epochs, folds = search.problem.evaluator.recipe.epochs, search.problem.evaluator.folds
    judge = _Judge(max(1, round(FULL * epochs)), 0)
    by_trials = math.isinf(search.work_left())  # fewer epochs would save nothing
    enough = 1.0 if by_trials else LEAST_FULL / FULL
    for count in range(FINALISTS, FEWEST_FINALISTS - 1, -1):
        finalists = _finalists(ranked, count)
        trials = judge.trials(finalists, range(len(folds)))
        trials += len(RECIPES) * judge.trials(finalists[:TASTERS], [0])
        share = min(1.0, _left(search) / _price(search, trials))
        if share >= enough:
            break
    return judge.epochs if by_trials else max(1, int(share * judge.epochs)), finalists


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


def _children(search: Search, parents: Sequence[Candidate], number: int) -> list[Candidate]:
    """Mutations of ``parents`` and of their crossings that keep the budget and are quick enough.

    With the recipe as it is written, because brief trials cannot judge another.
    """
    draw, problem = search.draw("auto", "children", number), search.problem
    born: dict[str, Candidate] = {}
    for _ in range(CHILDREN):
        a, b = draw.choice(parents).genome, draw.choice(parents).genome
        genome = crossover(problem.space, a, b, draw) if draw.random() < 0.5 else a
        child = problem.child(genome, born, draw)
        if child is not None:
            born[child.key] = child
    return _in_time(search, list(born.values()))


def _without(known: Sequence[Candidate], candidates: Sequence[Candidate]) -> list[Candidate]:
    """``candidates``, each once, that are not ``known``."""
    keys = {candidate.key for candidate in known}
    return [c for key, c in {c.key: c for c in candidates}.items() if key not in keys]


def _trusting(ranked: Sequence[Candidate], skeletons: Sequence[Candidate]) -> list[Candidate]:
    """``ranked``, the best of ``skeletons`` second at least: on few windows luck may hide it."""
    keys = {candidate.key for candidate in skeletons}
    first, *others = ranked
    if first.key in keys:
        return list(ranked)
    trusted = [candidate for candidate in others if candidate.key in keys][:1]
    return [first, *trusted, *_without(trusted, others)]


def _finalists(ranked: Sequence[Candidate], count: int) -> list[Candidate]:
    """The ``count`` best, and the best of those that cost clearly less than the very best."""
    finalists = list(ranked[:count])
    top = ranked[0].resources
    small = [
        candidate
        for candidate in ranked[count:]
        if candidate.resources.flash_bytes <= CLEARLY_LESS * top.flash_bytes
        or candidate.resources.macs <= CLEARLY_LESS * top.macs
    ]
    return finalists + small[:SMALL_FINALISTS]
