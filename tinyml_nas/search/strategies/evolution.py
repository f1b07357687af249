"""Regularized evolution: children of good parents, and the oldest dies.

Real, Aggarwal, Huang, Le: "Regularized Evolution for Image Classifier Architecture Search", AAAI
2019.  Dying of age, not of a bad score, is what keeps a lucky score from living on for ever.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence

from tinyml_nas.search.problem import Problem
from tinyml_nas.search.spaces import crossover, mutate
from tinyml_nas.search.strategies.finals import Judged, make_plan
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate

POPULATION = (4, 32)
"""Smallest and largest population; between them, a third of the trials of the first round."""
TOURNAMENT_SHARE = 4
"""A tournament has one member in so many of the population."""
CHILDREN = 4
"""Children of a generation: enough for a few workers, and the same for any number of them."""
CROSSOVER = 0.1
"""Probability that a child has two parents."""
TRIES = 200
"""Most draws for the children of one generation."""


def propose(search: Search) -> Proposals:
    """A random population, generations of four children, then the best few on all folds.

    All trainings have the same number of epochs: the configured one, or fewer, so that at least 24
    fit.  Each candidate is trained once, the folds in turn, and is compared by its distance to the
    mean of its fold; one third of the work goes to the finals.  Genomes of ``nas_warm_start`` that
    keep the budget found the population.
    """
    draw, problem = search.draw("evolution"), search.problem
    founders = problem.feasible(search.warm_start)
    founders += problem.sample(draw, POPULATION[1])
    judged = Judged(search, make_plan(search, founders))
    least, most = POPULATION
    size = min(max(least, int(judged.plan.trials / 3)), most)
    population: deque[int] = deque(maxlen=size)
    children = list({candidate.key: candidate for candidate in founders}.values())[:size]
    while trials := judged.first_round(children):
        born = range(len(judged.scores), len(judged.scores) + len(trials))
        judged.tell(trials, (yield trials))
        population.extend(born)  # the oldest leave at the other end
        children = generation(problem, judged, population, draw)
    yield from judged.finals()


def generation(
    problem: Problem, judged: Judged, population: Sequence[int], draw: random.Random
) -> list[Candidate]:
    """Up to ``CHILDREN`` new candidates that keep the budget."""
    known = {candidate.key for candidate, _, _ in judged.scores}
    children: dict[str, Candidate] = {}
    for _ in range(TRIES):
        child = _child(problem, judged, population, draw)
        if child is not None and child.key not in known and problem.fits(child.resources):
            children.setdefault(child.key, child)
        if len(children) == CHILDREN:
            break
    return list(children.values())


def _child(
    problem: Problem, judged: Judged, population: Sequence[int], draw: random.Random
) -> Candidate | None:
    parent = _winner(judged, population, draw)
    if draw.random() < CROSSOVER:
        other = _winner(judged, population, draw)
        return problem.decode(crossover(problem.space, parent.genome, other.genome, draw))
    return problem.decode(mutate(problem.space, parent.genome, draw))


def _winner(judged: Judged, population: Sequence[int], draw: random.Random) -> Candidate:
    """The best of a few members drawn at random."""
    size = max(2, len(population) // TOURNAMENT_SHARE)
    rivals = draw.sample(list(population), min(size, len(population)))
    return judged.scores[max(rivals, key=judged.merit)][0]
