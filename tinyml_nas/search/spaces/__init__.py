"""Search spaces: their names, what they are for, and where they are.

``SPACES`` is the only source of their names.  A space is a class (see ``spaces/space.py``) in a
module of its own, whose function ``make_space`` is imported when a search starts: the configuration
may ask this table.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinyml_nas.search.spaces.space import (
    Decision,
    Genome,
    Space,
    Value,
    crossover,
    genome_key,
    mutate,
    random_genome,
)

if TYPE_CHECKING:
    from tinyml_nas.config import Config
    from tinyml_nas.cost.npu.suited import LayerChoices
    from tinyml_nas.features import FeatureSet

__all__ = [
    "SPACES",
    "Decision",
    "Genome",
    "Space",
    "Value",
    "crossover",
    "genome_key",
    "mutate",
    "random_genome",
]


@dataclass(frozen=True)
class SpaceEntry:
    """What ``nas_space`` may name; ``module`` is its module in this folder.

    ``on_npu`` says how the space follows the rules of TI's accelerators, ``on_ethos_u`` what it
    does for one of Arm's.  A space with a ``task`` is for this task alone, and this task searches
    no other space.
    """

    name: str
    module: str
    description: str
    on_npu: str
    on_ethos_u: str
    task: str | None = None

    def make(
        self,
        features: FeatureSet,
        config: Config,
        npu: LayerChoices | None,
        extra: tuple[Decision, ...],
    ) -> Space:
        """The space for the data at hand, with ``extra`` decisions about the training."""
        module = importlib.import_module(f"{__name__}.{self.module}")
        space: Space = module.make_space(features, config, npu, extra)
        return space


EIGHTS = "the search takes channels in eights and kernels up to 8, because that is cheap there"

SPACES: Mapping[str, SpaceEntry] = {
    entry.name: entry
    for entry in (
        SpaceEntry(
            "chain",
            "chain",
            "a strided stem, a few stages one after the other, and a pooled head",
            "the search takes only layers that run there",
            EIGHTS,
        ),
        SpaceEntry(
            "cells",
            "cells",
            "the cell space of DARTS, as decisions that every strategy can search",
            "cells keep none of its rules, the run tells which layers stay on the core",
            "all primitives run there, cells of fewer than eight channels cost as much as of eight",
        ),
        SpaceEntry(
            "autoencoder",
            "autoencoder",
            "strided stages down to a narrow code, and the same way back",
            "the search takes only convolutions that run there; the core makes the signal longer "
            "again and subtracts",
            EIGHTS,
            task="anomaly",
        ),
    )
}
"""Every space by its name."""
