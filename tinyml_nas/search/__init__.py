"""Search: from features to the network that suits them.

``search`` is the stage.  Every name is loaded on first use: what only lists primitives or reads a
budget imports neither torch nor numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyml_nas.search.cells.derive import derive
    from tinyml_nas.search.cells.genotype import Genotype
    from tinyml_nas.search.cells.plan import SearchSpace
    from tinyml_nas.search.cells.primitives import PRIMITIVES
    from tinyml_nas.search.record import SearchResult
    from tinyml_nas.search.stage import search

__all__ = ["PRIMITIVES", "Genotype", "SearchResult", "SearchSpace", "derive", "search"]

HOMES = {
    "PRIMITIVES": "cells.primitives",
    "Genotype": "cells.genotype",
    "SearchResult": "record",
    "SearchSpace": "cells.plan",
    "derive": "cells.derive",
    "search": "stage",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
