"""What travels between strategies, workers and the archive: candidates, trials, outcomes.

All three are plain data: they cross process borders and fill the lines of the archive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tinyml_nas.cost.budget import Resources
from tinyml_nas.graph import Network
from tinyml_nas.search.spaces import Value, genome_key


@dataclass(frozen=True)
class Candidate:
    """A genome (canonical), the network that it decodes to, and what that costs.

    ``on_npu`` is false where the NPU does not take it whole although it is required to.
    """

    genome: Mapping[str, Value]
    network: Network
    resources: Resources
    on_npu: bool = True

    @cached_property
    def key(self) -> str:
        """Short name of the genome."""
        return genome_key(self.genome)


@dataclass(frozen=True)
class Trial:
    """One training to be judged: ``epochs`` on all folds but ``fold``, which then scores it."""

    candidate: Candidate
    epochs: int
    fold: int
    seed: int

    @cached_property
    def key(self) -> str:
        """Equal trials give equal outcomes, so the archive answers by this name."""
        return f"{self.candidate.key}-{self.epochs}-{self.fold}-{self.seed}"


@dataclass(frozen=True)
class Outcome:
    """Score of one trial on its held-out fold after the last epoch.

    ``loss`` is infinite and ``score`` 0 where the training diverged; none is lower.
    """

    score: float
    loss: float
    windows: int
