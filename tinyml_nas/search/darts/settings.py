"""How alphas are searched: what the YAML says of it, and how much work a step is then."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.budget import Budget
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.problem import Problem

SECONDS_OF_PENALTY = 6e-3
"""CPU-seconds that the expected cost takes in each step."""
SECONDS_PER_STATE = {False: 2.1e-3, True: 1.7e-3}
SECONDS_PER_VALUE = {False: 1.07e-7, True: 4.5e-8}
"""CPU-seconds of an alpha and a weight pass together, by whether operations are sampled."""
UNROLLED = 2.5
"""How many times longer the passes of a second-order step take than those of a first-order one."""


@dataclass(frozen=True)
class SearchSettings:
    """One training of a supernet; ``sampled`` computes one operation for each edge (GDAS)."""

    epochs: int
    batch_size: int
    mode: str
    penalty_weight: float
    alpha_learning_rate: float
    weight_decay: float
    unrolled: bool
    sampled: bool
    balanced: bool
    budget: Budget
    seed: int


def settings_of(problem: Problem, *, sampled: bool) -> SearchSettings:
    """The settings that ``problem`` asks for; a sampled search has no step to unroll."""
    training: Training = problem.training
    return SearchSettings(
        epochs=training.nas_epochs,
        batch_size=training.nas_batch_size or training.batch_size,
        mode=training.nas_optimization_mode,
        penalty_weight=training.nas_penalty_weight,
        alpha_learning_rate=training.nas_learning_rate,
        weight_decay=training.weight_decay,
        unrolled=training.nas_unrolled and not sampled,
        sampled=sampled,
        balanced=training.class_weights == "balanced",
        budget=problem.budget,
        seed=problem.seed,
    )


def step_seconds(space: SearchSpace, settings: SearchSettings) -> float:
    """CPU-seconds of one step of the search at speed 1 (see ``evaluator.py``).

    Fitted on steps of the five presets and four other spaces, within 40 % for each of them.
    """
    states = len(space.cells) * space.nodes
    per_window = sum(len(space.edges) * cell.node_shape.size for cell in space.cells)
    values = settings.batch_size * per_window
    passes = (
        states * SECONDS_PER_STATE[settings.sampled] + values * SECONDS_PER_VALUE[settings.sampled]
    )
    return SECONDS_OF_PENALTY + passes * (UNROLLED if settings.unrolled else 1)
