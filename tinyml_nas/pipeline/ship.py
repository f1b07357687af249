"""Which model lies in ``export`` itself: the searched one, or a baseline as good for less.

Both are finished by then; the test windows choose between the two, and change neither.
"""

from __future__ import annotations

from typing import Literal

from tinyml_nas.cost.budget import Budget, Resources
from tinyml_nas.results.run import Shipped
from tinyml_nas.results.verdict import Verdict

NEEDS = ("flash_bytes", "ram_bytes", "macs")
CLEARLY = 0.9
"""Share of a need that is clearly less."""


def choose(
    verdict: Verdict | None,
    searched: Resources,
    baseline: Resources,
    budget: Budget,
    rule: Literal["cheaper_if_equal", "searched"],
) -> Shipped:
    """What to ship by ``training.nas_ship`` and the ``verdict`` on the searched model.

    The baseline has to keep the hard ``budget`` that the searched model keeps.
    """
    if rule == "searched" or verdict is None:
        return Shipped(role="searched", reason="configured" if verdict else "searched")
    if verdict.outcome == "better":
        return Shipped(role="searched", reason="searched")
    worse = verdict.outcome == "worse"
    if not (no_dearer if worse else cheaper)(baseline, searched):
        return Shipped(role="searched", reason="dearer" if worse else "searched")
    if budget.broken(baseline):
        return Shipped(role="searched", reason="budget")
    return Shipped(role="baseline", reason="better" if worse else "cheaper")


def no_dearer(one: Resources, other: Resources) -> bool:
    """Whether ``one`` needs no more flash, no more RAM and no more MACs than ``other``."""
    return all(getattr(one, need) <= getattr(other, need) for need in NEEDS)


def cheaper(one: Resources, other: Resources) -> bool:
    """Whether ``one`` is no dearer, and needs clearly less of flash, RAM or MACs."""
    clear = (getattr(one, need) <= CLEARLY * getattr(other, need) for need in NEEDS)
    return no_dearer(one, other) and any(clear)
