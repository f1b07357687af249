"""The training recipe as genes: decisions beside the architecture's, and what they change.

``augmentation`` multiplies the strengths that the YAML gives; 1 is what the user wrote.  Where the
YAML has none, 1 stands for mild jitter and scale, which suit any sensor.  How much helps depends on
the data and moves the score of a small network as much as its architecture does.  Label
smoothing is left alone, because it would make losses of different candidates incomparable.
"""

from __future__ import annotations

import dataclasses

from tinyml_nas.search.spaces.space import Decision, Genome, Value
from tinyml_nas.train.augment import Augmentation
from tinyml_nas.train.recipe import Recipe

AUGMENTATION = "augmentation"
AS_WRITTEN = 1.0
MILD = Augmentation(jitter=0.05, scale=0.1)


def recipe_decisions() -> tuple[Decision, ...]:
    """The decisions about training."""
    return (Decision(AUGMENTATION, (0.0, 0.5, AS_WRITTEN, 2.0)),)


def as_written(genome: Genome) -> dict[str, Value]:
    """``genome`` with the recipe that the user wrote."""
    recipe = {AUGMENTATION: AS_WRITTEN} if AUGMENTATION in genome else {}
    return {**genome, **recipe}


def recipe_of(genome: Genome, base: Recipe) -> Recipe:
    """``base`` with the genes of ``genome`` in it; a genome without any leaves it as it is."""
    if AUGMENTATION not in genome:
        return base
    factor = float(genome[AUGMENTATION])
    return dataclasses.replace(base, augmentation=_times(base.augmentation, factor))


def _times(augmentation: Augmentation, factor: float) -> Augmentation:
    written = augmentation
    if written == Augmentation(rotation_groups=written.rotation_groups):
        written = dataclasses.replace(MILD, rotation_groups=written.rotation_groups)
    return dataclasses.replace(
        written,
        jitter=written.jitter * factor,
        scale=min(written.scale * factor, 0.5),
        shift=min(written.shift * factor, 0.5),
        rotation=min(written.rotation * factor, 180.0),
        offset=written.offset * factor,
        warp=min(written.warp * factor, 0.5),
        mask=min(written.mask * factor, 0.5),
    )
