"""Plots of a test: dots, lines and areas over two axes.  The templates draw them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinyml_nas.report.drawings.axes import Frame, Line, Tick, nice_ticks

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 60, 14, 14, 46

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """Everything a template needs; paths are ``d`` attributes, areas lie below lines and dots."""

    title: str
    x_title: str
    y_title: str
    areas: tuple[Line, ...]
    lines: tuple[Line, ...]
    dots: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Layer:
    """Points to be drawn; an area lies between them and ``back``, of as many points."""

    label: str
    tone: str
    points: Points
    back: Points = ()


def plot(
    title: str,
    x_title: str,
    y_title: str,
    *,
    areas: Sequence[Layer] = (),
    lines: Sequence[Layer] = (),
    dots: Sequence[Layer] = (),
    tick: Callable[[float], str] = lambda value: f"{value:g}",
) -> Plot | None:
    """A plot around all its points, or ``None`` where there are none."""
    points = [point for layer in (*areas, *lines, *dots) for point in (*layer.points, *layer.back)]
    if not points:
        return None
    xs, ys = (nice_ticks([point[axis] for point in points], wanted=4) for axis in (0, 1))
    frame = Frame(xs[0], xs[-1], ys[0], ys[-1], LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)
    return Plot(
        title,
        x_title,
        y_title,
        tuple(Line(a.label, a.tone, _closed(a, frame)) for a in areas),
        tuple(Line(layer.label, layer.tone, _path(layer.points, frame)) for layer in lines),
        tuple(Line(layer.label, layer.tone, _dots(layer.points, frame)) for layer in dots),
        tuple(Tick(frame.x(x), tick(x)) for x in xs),
        tuple(Tick(frame.y(y), tick(y)) for y in ys),
    )


def _path(points: Points, frame: Frame) -> str:
    return "M" + "L".join(f"{frame.x(x)} {frame.y(y)}" for x, y in points)


def _closed(layer: Layer, frame: Frame) -> str:
    return _path((*layer.points, *reversed(layer.back)), frame) + "Z"


def _dots(points: Points, frame: Frame) -> str:
    return " ".join(f"M{frame.x(x)} {frame.y(y)}h0" for x, y in points)
