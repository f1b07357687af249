"""Search strategies, each a file of its own that ends in ``STRATEGY``; found by the file's name."""

from __future__ import annotations

import importlib
from pathlib import Path

from tinyml_nas.errors import ConfigError
from tinyml_nas.search.strategy import Proposals, Search, Strategy

__all__ = ["Proposals", "Search", "Strategy", "load_strategy", "strategy_names"]

_FOLDER = Path(__file__).parent
_NOT_ONE = ("protocol",)


def strategy_names() -> tuple[str, ...]:
    """All strategies, by name."""
    names = (path.stem for path in _FOLDER.glob("*.py"))
    return tuple(sorted(n for n in names if not n.startswith("_") and n not in _NOT_ONE))


def load_strategy(name: str) -> Strategy:
    """The strategy called ``name``."""
    if name not in strategy_names():
        raise ConfigError(
            f"There is no search strategy {name!r}.",
            hint=f"training.nas_search_strategy is one of {', '.join(strategy_names())}",
        )
    module = importlib.import_module(f"{__name__}.{name}")
    strategy: Strategy = module.STRATEGY
    return strategy
