"""How alphas are searched: what the YAML says of it."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.budget import Budget
from tinyml_nas.search.problem import Problem


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
