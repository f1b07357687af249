"""What a search hands on: the network, its recipe, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyml_nas.graph import Network
from tinyml_nas.search.spaces import Value
from tinyml_nas.search.trial import Candidate


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
