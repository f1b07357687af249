"""A controller that learns which choices pay: REINFORCE over independent decisions.

Williams: "Simple statistical gradient-following algorithms", 1992; Zoph, Le: "Neural Architecture
Search with Reinforcement Learning", ICLR 2017.  Needs a hundred trainings or more to learn much.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import torch

from tinyml_nas.search.problem import Problem
from tinyml_nas.search.spaces import Genome, Space
from tinyml_nas.search.strategies.finals import Judged, make_plan
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate

LEARNING_RATE = 3e-2
ENTROPY_WEIGHT = 1e-2
BASELINE_DECAY = 0.9
BATCH = 4
"""New candidates of one step of the controller."""
DRAWS = 200
"""Most draws for one batch: those that break the budget teach, but cost no training."""
PATIENCE = 20
"""Steps in a row without a new candidate after which the search ends."""
INFEASIBLE = -1.0
"""Reward of a candidate that breaks the budget."""
TYPICAL = 32
"""Random candidates by which the plan learns what a training costs."""


class Controller:
    """A categorical distribution for each decision, uniform at first."""

    def __init__(self, space: Space) -> None:
        self._choices = {d.name: d.choices for d in space.decisions}
        self._logits = {
            name: torch.zeros(len(choices), dtype=torch.float64, requires_grad=True)
            for name, choices in self._choices.items()
        }
        self._adam = torch.optim.Adam(self._logits.values(), lr=LEARNING_RATE)
        self._baseline: float | None = None

    def draw(self, draw: random.Random) -> Genome:
        """A genome by the present probabilities, not canonical: each decision gets its credit."""
        return {
            name: draw.choices(choices, self.probabilities(name))[0]
            for name, choices in self._choices.items()
        }

    def probabilities(self, name: str) -> list[float]:
        """Of each choice of the decision ``name``."""
        found: list[float] = self._logits[name].detach().softmax(0).tolist()
        return found

    def learn(self, genomes: list[Genome], rewards: list[float]) -> None:
        """One step towards the genomes with a reward above the moving average."""
        mean = sum(rewards) / len(rewards)
        before = mean if self._baseline is None else self._baseline
        self._baseline = BASELINE_DECAY * before + (1 - BASELINE_DECAY) * mean
        advantage = torch.tensor(rewards, dtype=torch.float64) - before
        loss = torch.zeros((), dtype=torch.float64)
        for name, logits in self._logits.items():
            chosen = torch.tensor([self._choices[name].index(g[name]) for g in genomes])
            log_p = logits.log_softmax(0)
            entropy = -(log_p.exp() * log_p).sum()
            loss = loss - (advantage * log_p[chosen]).mean() - ENTROPY_WEIGHT * entropy
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._adam.step()


@dataclass
class Step:
    """What the controller drew in one step, and which of it is new and can be trained."""

    drawn: list[tuple[Genome, Candidate | None]] = field(default_factory=list)
    new: dict[str, Candidate] = field(default_factory=dict)


def propose(search: Search) -> Proposals:
    """Batches of four candidates as the controller draws them, then the best few on all folds.

    The reward is ``nas_objective``: score (against the mean of its fold), less latency and flash
    as shares of their budgets; a candidate over the budget earns -1 without any training.  The
    first batch, by which the controller learns what is affordable, is ``nas_warm_start`` and random
    networks.  Epochs, folds and finals are those of the strategy ``evolution``.
    """
    draw, problem = search.draw("reinforce"), search.problem
    controller, numbers = Controller(problem.space), dict[str, int]()
    known = problem.feasible(search.warm_start)
    known += problem.sample(draw, TYPICAL)
    judged = Judged(search, make_plan(search, known))
    first = {candidate.key: candidate for candidate in known[:BATCH]}
    step: Step | None = Step([(c.genome, c) for c in first.values()], first)
    while step and (trials := judged.first_round(list(step.new.values()))):
        born = len(judged.scores)
        judged.tell(trials, (yield trials))
        numbers |= {trial.candidate.key: born + i for i, trial in enumerate(trials)}
        teach(controller, problem, judged, step, numbers)
        step = _next_step(controller, problem, judged, numbers, draw)
    yield from judged.finals()


def _next_step(
    controller: Controller,
    problem: Problem,
    judged: Judged,
    numbers: dict[str, int],
    draw: random.Random,
) -> Step | None:
    """A step with something new; one without only teaches, and many in a row end the search."""
    for _ in range(PATIENCE):
        step = draw_step(controller, problem, numbers, draw)
        if step.new:
            return step
        teach(controller, problem, judged, step, numbers)
    return None


def draw_step(
    controller: Controller, problem: Problem, known: dict[str, int], draw: random.Random
) -> Step:
    """Draws until a batch of new candidates is together."""
    step = Step()
    for _ in range(DRAWS):
        genome = controller.draw(draw)
        candidate = problem.decode(genome)
        if candidate is not None and not problem.fits(candidate.resources):
            candidate = None
        step.drawn.append((genome, candidate))
        if candidate is not None and candidate.key not in known:
            step.new.setdefault(candidate.key, candidate)
        if len(step.new) == BATCH:
            break
    return step


def teach(
    controller: Controller, problem: Problem, judged: Judged, step: Step, numbers: dict[str, int]
) -> None:
    """Let the controller learn from all draws of ``step`` whose reward is known."""
    genomes, rewards = [], []
    for genome, candidate in step.drawn:
        if candidate is None:
            genomes.append(genome)
            rewards.append(INFEASIBLE)
        elif candidate.key in numbers:
            genomes.append(genome)
            rewards.append(reward(problem, candidate, judged.merit(numbers[candidate.key])))
    if genomes:
        controller.learn(genomes, rewards)


def reward(problem: Problem, candidate: Candidate, metric: float) -> float:
    """``nas_objective`` of a candidate; without a budget for latency the MACs' counts."""
    weights, shares = problem.training.nas_objective, problem.budget.shares(candidate.resources)
    slowness = shares.get("latency_seconds", shares.get("macs", 0.0))
    flash = shares.get("flash_bytes", 0.0)
    return weights.metric * metric - weights.latency * slowness - weights.params * flash
