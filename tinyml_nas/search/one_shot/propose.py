"""Sub-one-shot search (SiGeo): a barely trained supernet, proxies on its parts, evolution on top.

1. The supernet of the chain space (``search/one_shot/superkernels``) passes ``nas_epochs`` times
   through the share ``nas_warmup_level`` of the training examples, each batch along a random
   feasible network.  Level 0 leaves it at its initial weights, level 1 shows it everything in
   every epoch.
2. A network inherits its part of the weights and is scored by the SiGeo combination
   (``search/proxies/sigeo``) with coefficients 1, 1, 0.  ``nas_proxy`` may name the terms to take
   instead, each weighing 1: ``zico``, ``fisher_rao``, ``loss``.  Other names are not for this.
3. Regularized evolution over these scores, with NasRec's numbers where the work allows: population
   128, tournaments of 64, 8 children a generation, 240 generations.
4. The best are trained from scratch.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import deque
from collections.abc import Sequence

import numpy as np

from tinyml_nas import interrupts
from tinyml_nas.graph import Network
from tinyml_nas.search.allocation import train_best, whole_epochs
from tinyml_nas.search.evaluator import Evaluator, training_seconds
from tinyml_nas.search.one_shot.superkernels import Supernet, share_of, warm_up
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.proxies import SIGEO_TERMS
from tinyml_nas.search.proxies.protocol import Probe
from tinyml_nas.search.proxies.ranking import draw_batches, scoring_seconds
from tinyml_nas.search.proxies.sigeo import Coefficients, combination
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate
from tinyml_nas.train.seeding import generator

POPULATION, TOURNAMENT, CHILDREN, GENERATIONS = 128, 64, 8, 240
SHARE = 1 / 3
"""Largest share of the work left that the warm-up may take; then the evolution of the rest."""
SHARING_FACTOR, SCORING_FACTOR = 4.0, 2.0
"""How many times longer a step takes here than by the work model, as measured.

Torch meets each path of the supernet, and each part of it, for the first time.
"""
SCORED_PER_TRIAL = 16
"""Candidates that are scored for each of ``nas_trials``, where that key limits the search."""


class Scorer:
    """Scores candidates by weights of the supernet, each once; lower is better."""

    def __init__(self, search: Search, supernet: Supernet) -> None:
        problem = search.problem
        self.search, self.supernet = search, supernet
        self.coefficients = coefficients(problem.training.nas_proxy)
        self.batches = draw_batches(problem.features.train, problem.features, problem.seed)
        self.candidates: dict[str, Candidate] = {}
        self.scores: dict[str, float] = {}

    def add(self, candidate: Candidate) -> None:
        """Score ``candidate`` and account for it."""
        interrupts.check()
        network = candidate.network
        probe = Probe(network, self.supernet.inherited(network), self.batches)
        score = combination(probe, self.coefficients)
        self.candidates[candidate.key] = candidate
        self.scores[candidate.key] = math.inf if math.isnan(score) else score
        self.search.spend(seconds(self.search.problem, network))

    def ordered(self) -> list[Candidate]:
        """All candidates, the best first."""
        return sorted(self.candidates.values(), key=lambda c: self.scores[c.key])


def seconds(problem: Problem, network: Network) -> float:
    """CPU-seconds of scoring ``network`` in the supernet."""
    return SCORING_FACTOR * problem.evaluator.speed * scoring_seconds(network)


def propose(search: Search) -> Proposals:
    """Warm-up, evolution by scores, and trials of the best few."""
    start = search.problem.sample_with(search.warm_start, search.draw("sub_one_shot"), POPULATION)
    scorer = Scorer(search, warmed_up(search, start))
    evolve(search, scorer, start)
    search.notes["supernet"] |= {
        "coefficients": dataclasses.asdict(scorer.coefficients),
        "scored": len(scorer.scores),
    }
    search.console.info(f"sub_one_shot: {len(scorer.scores)} networks scored in the supernet")
    yield from train_best(search, scorer.ordered())


def coefficients(names: Sequence[str]) -> Coefficients:
    """1 for each term that is named; the published ones where none is."""
    if not set(SIGEO_TERMS) & set(names):
        return Coefficients()
    return Coefficients(*(float(term in names) for term in SIGEO_TERMS))


def warmed_up(search: Search, paths: Sequence[Candidate]) -> Supernet:
    """The supernet after its warm-up along ``paths``, which is accounted for."""
    problem, seed = search.problem, search.problem.seed
    evaluator, training = problem.evaluator, problem.training
    assert isinstance(problem.space, ChainSpace)
    supernet = Supernet(problem.space, generator(seed, "supernet"))
    networks = [candidate.network for candidate in paths]
    share = share_of(problem.features.train, training.nas_warmup_level, seed)
    affordable = SHARE * search.work_left() / _epoch_seconds(evaluator, networks, len(share))
    share = share.taken(np.arange(int(min(1.0, max(0.0, affordable)) * len(share))))
    epochs = whole_epochs(affordable, training.nas_epochs) if len(share) > 1 else 0
    search.notes["supernet"] = {"windows": len(share), "epochs": epochs}
    search.console.info(f"sub_one_shot: {epochs} epochs of {len(share)} windows warm it up")
    recipe = dataclasses.replace(evaluator.recipe, epochs=epochs, device="cpu")
    draw = search.draw("sub_one_shot", "paths")
    warm_up(supernet, networks, share, problem.features, recipe, draw, seed)
    search.spend(epochs * _epoch_seconds(evaluator, networks, len(share)))
    return supernet


def evolve(search: Search, scorer: Scorer, start: Sequence[Candidate]) -> None:
    """Score ``start`` and, by regularized evolution, as many children as the work allows."""
    draw = search.draw("sub_one_shot", "evolution")
    total = _affordable(search, start)
    population = deque(start[: max(1, total // 2)])
    for candidate in population:
        scorer.add(candidate)
    for _ in range(min(GENERATIONS, (total - len(population)) // CHILDREN)):
        rivals = draw.sample(list(population), min(TOURNAMENT, len(population)))
        parent = min(rivals, key=lambda c: scorer.scores[c.key])
        for _ in range(CHILDREN):
            child = search.problem.child(parent.genome, scorer.scores, draw)
            if child is not None:
                scorer.add(child)
                population.append(child)
                population.popleft()


def _epoch_seconds(evaluator: Evaluator, networks: Sequence[Network], windows: int) -> float:
    """CPU-seconds of one pass of the supernet through ``windows``."""
    batch_size = evaluator.recipe.batch_size
    alone = [training_seconds(network, windows, 1, batch_size) for network in networks]
    return SHARING_FACTOR * evaluator.speed * statistics.fmean(alone)


def _affordable(search: Search, typical: Sequence[Candidate]) -> int:
    """How many candidates the evolution may score."""
    cost = statistics.fmean(seconds(search.problem, c.network) for c in typical)
    by_trials = SCORED_PER_TRIAL * search.trials_left()
    most = POPULATION + GENERATIONS * CHILDREN
    return int(max(1, min(SHARE * search.work_left() / cost, by_trials, most)))
