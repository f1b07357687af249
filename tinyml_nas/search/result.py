"""What a search hands on: the network, its recipe, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from tinyml_nas.graph import Network
from tinyml_nas.search.cells.genotype import Genotype, Table
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.settings import SearchSettings
from tinyml_nas.search.spaces import Value
from tinyml_nas.search.trial import Candidate


class EpochRecord(TypedDict):
    """One line of a search history.

    Losses and accuracy are the supernet's; ``parameters`` and ``macs`` are exact for the epoch's
    genotype, and ``score`` is what the final choice compared (``None`` until then).
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    penalty: float
    expected_parameters: float
    expected_macs: float
    parameters: int
    macs: int
    score: float | None


@dataclass(frozen=True)
class SearchResult:
    """The chosen candidate, its network by a good name, its genes of the recipe, and the record."""

    candidate: Candidate
    network: Network
    recipe_genes: dict[str, Value]
    record: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The ``search`` record of ``results.json``."""
        return self.record


@dataclass(frozen=True)
class CellsResult:
    """The derived network, to be trained from scratch, and the record of the search.

    ``normal`` and ``reduce`` hold the softmax probabilities after each epoch: edge by primitive.
    """

    network: Network
    genotype: Genotype
    best_epoch: int
    rule: str
    history: tuple[EpochRecord, ...]
    normal: tuple[Table, ...]
    reduce: tuple[Table, ...]
    edges: tuple[tuple[int, int], ...]
    seconds: float
    settings: SearchSettings

    def to_json(self) -> dict[str, Any]:
        """The ``search`` record of ``results.json``."""
        settings = self.settings
        return {
            "strategy": settings.strategy,
            "preset": settings.preset,
            "mode": settings.mode,
            "unrolled": settings.unrolled,
            "epochs": settings.epochs,
            "seconds": self.seconds,
            "genotype": self.genotype.to_json(),
            "best_epoch": self.best_epoch,
            "rule": self.rule,
            "primitives": list(PRIMITIVES),
            "history": [dict(record) for record in self.history],
            "alphas": {
                "normal": [table.tolist() for table in self.normal],
                "reduce": [table.tolist() for table in self.reduce],
            },
            "edges": [list(edge) for edge in self.edges],
        }
