"""The training recipe as genes: decisions beside the architecture's, and what they change."""

from __future__ import annotations

import dataclasses

from tinyml_nas.search.spaces import Decision, Genome
from tinyml_nas.train.recipe import Recipe


def recipe_decisions(base: Recipe, channels: int) -> tuple[Decision, ...]:
    """Decisions that make sense for ``channels`` channels; the user's own strengths stay fixed."""
    return ()


def recipe_of(genome: Genome, base: Recipe) -> Recipe:
    """``base`` with the genes of ``genome`` in it; a genome without any leaves it as it is."""
    return dataclasses.replace(base)
