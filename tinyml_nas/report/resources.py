"""What a network costs and what can be limited, as the page names it and writes it down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tinyml_nas.results import format as fmt
from tinyml_nas.results.search import Search


@dataclass(frozen=True)
class Resource:
    """Its name in a sentence and as a title; how values are written in full and on an axis."""

    name: str
    title: str
    text: Callable[[float | None], str]
    tick: Callable[[float], str]


RESOURCES: Mapping[str, Resource] = {
    "flash_bytes": Resource("flash", "Flash", fmt.size, fmt.short_size),
    "ram_bytes": Resource("RAM", "RAM", fmt.size, fmt.short_size),
    "macs": Resource("MACs", "MACs", fmt.count, fmt.thousands),
    "latency_seconds": Resource("latency", "Latency", fmt.latency, fmt.short_latency),
}
ORIGINS = {"device": "all that the device has"}


@dataclass(frozen=True)
class BudgetLine:
    """One resource of the chosen network against its limit; ``share`` is used / limit."""

    title: str
    used: str
    limit: str
    share: float | None
    origin: str
    binds: bool


@dataclass(frozen=True)
class Refusal:
    """How many candidates were refused before training for one reason."""

    reason: str
    count: int
    share: float


def budget_lines(search: Search) -> list[BudgetLine]:
    """One line per resource that is limited or known."""
    chosen, lines = search.chosen_point, []
    for key, resource in RESOURCES.items():
        limit = getattr(search.budget, key)
        used = getattr(chosen, key) if chosen else None
        if limit is None and used is None:
            continue
        lines.append(
            BudgetLine(
                resource.title,
                resource.text(used),
                resource.text(limit) if limit else "no limit",
                used / limit if limit and used is not None else None,
                ORIGINS.get(search.budget_from.get(key, ""), search.budget_from.get(key, "")),
                key in search.binding,
            )
        )
    return lines


def refusals(search: Search) -> list[Refusal]:
    """Reasons by how often they struck, the most frequent first."""
    most = max([1, *search.refused.values()])
    counts = sorted(search.refused.items(), key=lambda item: (-item[1], item[0]))
    return [Refusal(refusal_name(key), count, count / most) for key, count in counts if count]


def refusal_name(key: str) -> str:
    """``RAM over the budget`` for ``ram_bytes``; other reasons as they are recorded."""
    return f"{RESOURCES[key].name} over the budget" if key in RESOURCES else key.replace("_", " ")


def binding_text(search: Search) -> str:
    """``RAM and flash bind``, or an empty string where nothing does."""
    names = [RESOURCES[key].name if key in RESOURCES else key for key in search.binding]
    if not names:
        return ""
    return f"{' and '.join(names)} {'bind' if len(names) > 1 else 'binds'}"
