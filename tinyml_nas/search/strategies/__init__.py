"""The search strategies: their names, what they need and read, and where they are.

``STRATEGIES`` is the only source of their names.  A strategy is a function ``propose`` (see
``search/strategy.py``) in a module of its own, which is imported when a search starts.  This table
imports no other module of the package, so the configuration may ask it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyml_nas.search.strategy import Proposals, Search


@dataclass(frozen=True)
class Strategy:
    """A way to search.

    ``space`` is the space that it needs, ``None`` where any will do.  ``reads`` are the keys of the
    section ``training`` that not every strategy reads, and that this one does.
    """

    name: str
    description: str
    propose: Callable[[Search], Proposals]
    space: str | None = None
    reads: tuple[str, ...] = ()


def _later(module: str, function: str = "propose") -> Callable[[Search], Proposals]:
    """The ``function`` of a ``module`` of the search, imported at its first call."""

    def propose(search: Search) -> Proposals:
        found: Callable[[Search], Proposals] = getattr(
            importlib.import_module(f"tinyml_nas.search.{module}"), function
        )
        return found(search)

    return propose


STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "auto",
            "rungs over folds around a surrogate; recipe and architecture together (the default)",
            _later("auto.propose"),
        ),
        Strategy(
            "darts",
            "softmax mixtures of all operations (first order or unrolled)",
            _later("darts.propose"),
            space="cells",
            reads=(
                "nas_epochs",
                "nas_unrolled",
                "nas_penalty_weight",
                "nas_learning_rate",
                "nas_batch_size",
            ),
        ),
        Strategy(
            "evolution",
            "regularized evolution: mutations of good networks, the oldest dies",
            _later("strategies.evolution"),
        ),
        Strategy(
            "gdas",
            "one sampled operation an edge: cheap, for large presets",
            _later("darts.propose", "propose_sampled"),
            space="cells",
            reads=("nas_epochs", "nas_penalty_weight", "nas_learning_rate", "nas_batch_size"),
        ),
        Strategy(
            "random",
            "networks drawn at random within the budget: the control",
            _later("strategies.random"),
        ),
        Strategy(
            "reinforce",
            "a controller that learns which choices pay; wants many short trainings",
            _later("strategies.reinforce"),
            reads=("nas_objective",),
        ),
        Strategy(
            "sub_one_shot",
            "parts of a briefly trained supernet scored by SiGeo's proxies, and evolved",
            _later("one_shot.propose"),
            space="chain",
            reads=("nas_epochs", "nas_proxy", "nas_warmup_level"),
        ),
        Strategy(
            "zero_shot",
            "candidates ranked by proxies without any training; the best few trained",
            _later("strategies.zero_shot"),
            reads=("nas_proxy",),
        ),
    )
}
"""Every strategy by its name; the default comes first, the others in the order of their names."""
