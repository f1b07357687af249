"""Points of a search, their front over score and cost, and the choice of one.

Works on the lines of the archive alone, so any point can be taken later without a new search.
"""

from __future__ import annotations

import csv
import io
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinyml_nas.results.search import Point

COSTS = {"Memory": ("flash_bytes",), "Compute": ("latency_seconds", "macs")}
"""By nas_optimization_mode the cost that the choice weighs: the first one that is known."""
WITHIN = re.compile(r"smallest_within\(\s*([0-9.]+)\s*%\s*\)")
SAME = 1e-12
"""Difference below which two scores are equal."""


def costs(point: Point) -> tuple[float, float, float]:
    """What a front weighs beside the score: flash, RAM, latency (else MACs)."""
    speed = point.macs if point.latency_seconds is None else point.latency_seconds
    return point.flash_bytes, point.ram_bytes, speed


def cost(point: Point, mode: str) -> float:
    """The cost of ``point`` that nas_optimization_mode ``mode`` looks at."""
    values = (getattr(point, name) for name in COSTS[mode])
    return float(next(value for value in values if value is not None))


def points(trials: Iterable[Mapping[str, Any]]) -> list[Point]:
    """A point for each candidate of the archive, in the order of their first trial.

    A score after few epochs, or on one fold, says too little to stand beside a finalist's.  So
    only those points are comparable whose fidelity (epochs, then number of folds at them) is that
    of the second most thoroughly judged candidate or more: a finalist is never alone.
    """
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for trial in trials:
        by_id.setdefault(trial["id"], []).append(trial)
    found = [_point(name, lines) for name, lines in by_id.items()]
    fidelities = sorted(((p.epochs, p.folds or 0) for p in found), reverse=True)
    bar = fidelities[1] if len(fidelities) > 1 else (0, 0)
    return [p.model_copy(update={"comparable": (p.epochs, p.folds or 0) >= bar}) for p in found]


def front(candidates: Iterable[Point]) -> list[Point]:
    """The comparable points that no other one beats in everything, most accurate first."""
    pool = [point for point in candidates if point.comparable]
    best = [point for point in pool if not any(_beats(other, point) for other in pool)]
    return sorted(best, key=lambda point: (-point.score, costs(point)))


def select(candidates: Sequence[Point], rule: str, mode: str) -> Point:
    """The point of the front that ``nas_select`` asks for; of equals the cheaper by ``mode``.

    ``best``: of those within one standard error of the most accurate, the one with the lowest
    cross-entropy, which says more about unseen groups than the last tenths of the score.
    ``smallest_within(x%)``: the cheapest at most x percentage points below the most accurate.
    ``knee``: the one farthest above the line from the cheapest to the most accurate, score
    against the logarithm of the cost, both scaled to 0..1.
    """
    pool = front(candidates)
    top = max(pool, key=lambda point: (point.score, -cost(point, mode)))
    if rule == "knee":
        return _knee(pool, top, mode)
    if match := WITHIN.fullmatch(rule):
        near = _within(float(match[1]) / 100, top, pool)
        return min(near, key=lambda point: (cost(point, mode), -point.score))
    near = _within(top.standard_error or 0.0, top, pool)
    return min(near, key=lambda point: (_loss(point), -point.score, cost(point, mode)))


def to_csv(candidates: Sequence[Point]) -> str:
    """One line per point, genomes left out."""
    names = [name for name in Point.model_fields if name != "genome"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(point.model_dump() for point in candidates)
    return text.getvalue()


def _point(name: str, lines: Sequence[Mapping[str, Any]]) -> Point:
    epochs = max(line["epochs"] for line in lines)
    last = [line for line in lines if line["epochs"] == epochs]
    scores = [line["score"] for line in last]
    loss = statistics.fmean(math.inf if line["loss"] is None else line["loss"] for line in last)
    mean = statistics.fmean(scores)
    sd = statistics.stdev(scores) if len(scores) > 1 else None
    windows = max(1, sum(line["windows"] for line in last))
    # of a single trial only the share of hits is known: binomial
    error = math.sqrt(mean * (1 - mean) / windows) if sd is None else sd / math.sqrt(len(last))
    return Point(
        id=name,
        score=mean,
        score_sd=sd,
        standard_error=error,
        loss=loss if math.isfinite(loss) else None,
        trials=len(last),
        epochs=epochs,
        folds=len({line["fold"] for line in last}),
        comparable=True,
        genome=last[0]["genome"],
        **last[0]["resources"],
    )


def _loss(point: Point) -> float:
    return math.inf if point.loss is None else point.loss


def _within(margin: float, top: Point, pool: Sequence[Point]) -> list[Point]:
    return [point for point in pool if point.score >= top.score - margin - SAME]


def _beats(a: Point, b: Point) -> bool:
    """Whether ``a`` is nowhere worse than ``b`` and somewhere better."""
    better = (a.score, *(-cost for cost in costs(a)))
    worse = (b.score, *(-cost for cost in costs(b)))
    return better != worse and all(x >= y for x, y in zip(better, worse, strict=True))


def _knee(pool: Sequence[Point], top: Point, mode: str) -> Point:
    cheapest = min(pool, key=lambda point: (cost(point, mode), -point.score))
    width = math.log(cost(top, mode) / cost(cheapest, mode))
    height = top.score - cheapest.score
    if width <= 0 or height <= 0:
        return top

    def above(point: Point) -> float:
        """Height over the chord; the distance to it is this over the square root of 2."""
        along = math.log(cost(point, mode) / cost(cheapest, mode)) / width
        return (point.score - cheapest.score) / height - along

    knee = max(pool, key=lambda point: (above(point), point.score))
    return knee if above(knee) > SAME else top
