"""Search: from features to the network that suits them.

``search`` is the stage.  The space, its primitives, genotypes and derived networks are plain data
and import no torch; the names that need it are loaded on first use, so that listing primitives
stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Genotype
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.cells.space import SearchSpace

if TYPE_CHECKING:
    from tinyml_nas.search.darts.loop import search
    from tinyml_nas.search.result import SearchResult

__all__ = ["PRIMITIVES", "Genotype", "SearchResult", "SearchSpace", "derive", "search"]


def __getattr__(name: str) -> Any:
    if name == "search":
        from tinyml_nas.search.darts.loop import search

        return search
    if name == "SearchResult":
        from tinyml_nas.search.result import SearchResult

        return SearchResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
