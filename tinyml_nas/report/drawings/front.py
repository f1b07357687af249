"""The Pareto front as a picture: score against one resource, RAM as the size of the dots.

All candidates are faint, the front stands out, its best part as a staircase.  The front is taken
over several resources at once, so a point of it may lie below the staircase of one: it then saves
something that this picture does not show.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tinyml_nas.report.drawings.axes import Frame, Tick, axis, nice_ticks
from tinyml_nas.report.drawings.labels import Disc, Label, Rectangle, place_labels
from tinyml_nas.report.resources import RESOURCES
from tinyml_nas.results import format as fmt
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.search import Point, Search

WIDTH, HEIGHT = 940, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 18, 42
SMALLEST, LARGEST = 2.5, 9.0  # radius by RAM, in SVG units
NARROWEST = 0.05  # span of the score axis, at least
TITLED = 600  # more dots than this are drawn without a title, to keep the page small


@dataclass(frozen=True)
class Dot:
    """One candidate; ``tone`` is its class in the style sheet, by how well it was judged."""

    x: float
    y: float
    radius: float
    tone: str
    title: str


@dataclass(frozen=True)
class FrontChart:
    """Everything a template needs to draw one view of the front."""

    title: str
    dots: tuple[Dot, ...]
    dust: str
    steps: str
    chosen: Dot | None
    labels: tuple[Label, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_title: str
    limit: Tick | None
    note: str
    width: int = WIDTH
    height: int = HEIGHT


def front_charts(search: Search, metric: Metric) -> list[FrontChart]:
    """Scores against flash, then against latency, or MACs where a latency is unknown."""
    points = all_points(search)
    if not points:
        return []
    timed = all(point.latency_seconds is not None for point in points)
    speed = "latency_seconds" if timed else "macs"
    return [front_chart(search, resource, metric) for resource in ("flash_bytes", speed)]


def all_points(search: Search) -> list[Point]:
    """Every candidate once, and none that only the front lists left out."""
    return list({point.id: point for point in (*search.points, *search.front)}.values())


def front_chart(search: Search, resource: str, metric: Metric) -> FrontChart:
    """Score of all candidates against ``resource``."""
    points, best = all_points(search), {point.id for point in search.front}
    frame, x_ticks, y_ticks = _axes(search, points, resource, metric)
    most_ram = max(point.ram_bytes for point in points)
    drawn = {
        point.id: Dot(
            frame.x(_cost(point, resource)),
            frame.y(max(point.score, frame.y_low)),
            SMALLEST if point.score < frame.y_low else _radius(point.ram_bytes, most_ram),
            _tone(point, frame, best),
            point_title(point, metric),
        )
        for point in points
    }
    corners = _corners(search.front, resource, frame)
    front = [drawn[point.id] for point in search.front]
    rest = [drawn[p.id] for p in sorted(points, key=lambda p: -p.score) if p.id not in best]
    chosen = drawn.get(search.chosen or "")
    low = [point for point in points if point.score < frame.y_low]
    return FrontChart(
        f"{metric.title} against {RESOURCES[resource].name}",
        (*rest[:TITLED], *front),
        " ".join(f"M{dot.x} {dot.y}h0" for dot in rest[TITLED:]),
        _path(corners),
        chosen,
        _labels(search, drawn, frame, corners),
        x_ticks,
        y_ticks,
        RESOURCES[resource].name,
        _limit(search, resource, frame),
        _note(len(low), frame.y_low, metric),
    )


def point_title(point: Point, metric: Metric) -> str:
    """Everything about one candidate, to be read on hover."""
    trials = "1 trial" if point.trials == 1 else f"{point.trials} trials"
    parts = [
        f"{point.id}: {metric.spread(point.score, point.score_sd)}",
        f"{fmt.size(point.flash_bytes)} flash",
        f"{fmt.size(point.ram_bytes)} RAM",
        f"{fmt.count(point.macs)} MACs",
        *([] if point.latency_seconds is None else [fmt.latency(point.latency_seconds)]),
        f"{point.epochs} epochs, {trials}",
    ]
    return ", ".join(parts)


def staircase(front: Sequence[Point], resource: str) -> list[Point]:
    """Those points that nothing both cheaper in ``resource`` and as accurate beats."""
    result: list[Point] = []
    for point in sorted(front, key=lambda p: (_cost(p, resource), -p.score)):
        if not result or point.score > result[-1].score:
            result.append(point)
    return result


def _cost(point: Point, resource: str) -> float:
    return float(getattr(point, resource))


def _axes(
    search: Search, points: Sequence[Point], resource: str, metric: Metric
) -> tuple[Frame, tuple[Tick, ...], tuple[Tick, ...]]:
    costs = [_cost(point, resource) for point in points]
    limit = getattr(search.budget, resource)
    if limit is not None and limit <= 2 * max(costs):
        costs.append(limit)
    if min(costs) == max(costs):
        costs.append(0.0)
    x_axis = axis(costs, RESOURCES[resource].tick)
    scores = [point.score for point in points]
    front = [point.score for point in search.front] or scores
    floor = min(*front, statistics.median(scores)) if len(points) > 3 else min(scores)
    top = max(scores)
    ticks = [t for t in nice_ticks([min(floor, top - NARROWEST), top]) if t <= 1.0]
    plot = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)
    frame = Frame(x_axis.low, x_axis.high, ticks[0], max(ticks[-1], top), *plot, log=x_axis.log)
    return (
        frame,
        tuple(Tick(frame.x(value), label) for value, label in x_axis.ticks),
        tuple(Tick(frame.y(t), metric.tick(t)) for t in ticks),
    )


def _radius(ram_bytes: int, most: int) -> float:
    """Radius of a dot whose area stands for its RAM."""
    return round(max(SMALLEST, LARGEST * math.sqrt(ram_bytes / (most or 1))), 1)


def _tone(point: Point, frame: Frame, best: set[str]) -> str:
    if point.id in best:
        return "front"
    if point.score < frame.y_low:
        return "low"
    return "full" if point.comparable else "early"


def _corners(front: Sequence[Point], resource: str, frame: Frame) -> list[tuple[float, float]]:
    """The staircase in SVG units, from below its first point to the right edge."""
    x, y, corners = 0.0, frame.bottom, []
    for point in staircase(front, resource):
        x = frame.x(_cost(point, resource))
        corners.append((x, y))
        y = frame.y(point.score)
        corners.append((x, y))
    return [*corners, (frame.right, y)] if corners else []


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in corners) if corners else ""


def _labels(
    search: Search, drawn: dict[str, Dot], frame: Frame, corners: Sequence[tuple[float, float]]
) -> tuple[Label, ...]:
    """Names of the front's points: the chosen one first, then the most accurate."""
    ordered = sorted(search.front, key=lambda point: -point.score)
    first = [search.chosen] if search.chosen in drawn else []
    names = [name for name in dict.fromkeys([*first, *(p.id for p in ordered)]) if name]
    discs = [Disc(dot.x, dot.y, dot.radius) for dot in map(drawn.__getitem__, names)]
    bounds = Rectangle(frame.left, frame.top - 8, frame.right, frame.bottom)
    lines = [
        Rectangle(min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1)
        for (x0, y0), (x1, y1) in pairwise(corners)
    ]
    return place_labels(names, discs, bounds, lines)


def _limit(search: Search, resource: str, frame: Frame) -> Tick | None:
    limit = getattr(search.budget, resource)
    if limit is None or not frame.x_low <= limit <= frame.x_high:
        return None
    return Tick(frame.x(limit), f"budget {RESOURCES[resource].text(limit)}")


def _note(low: int, floor: float, metric: Metric) -> str:
    if not low:
        return ""
    stand = "1 candidate stands" if low == 1 else f"{low} candidates stand"
    return f"{stand} on the lower edge, below {metric.tick(floor)}."
