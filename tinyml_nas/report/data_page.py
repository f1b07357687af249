"""The page of ``explore``: what the data looks like before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_nas.errors import ConfigError
from tinyml_nas.files import unusual_kind
from tinyml_nas.report.drawings.axes import Frame, Line, Tick, nice_ticks
from tinyml_nas.report.page import html_environment, write_page
from tinyml_nas.results import format as fmt
from tinyml_nas.results.exploration import ChannelView, Exploration, View

TONES = 8
"""Classes that have a color of their own; the others are left out of the pictures."""
MOST_CHANNELS = 8
MARK = b'<meta name="generator" content="tinyml_nas explore">'
OVERLAID = 3
"""Channels drawn over one another in an example window."""


@dataclass(frozen=True)
class Panel:
    """One plot: lines and dots in SVG units, ticks, and what its axes show."""

    title: str
    lines: tuple[Line, ...]
    dots: tuple[tuple[float, float, str], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_title: str
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float


def write_data_page(exploration: Exploration, out: Path) -> Path:
    """``out``, now the page that shows ``exploration``; raises ``ToolError`` if that fails."""
    return write_page(render_data_page(exploration), out)


def check_own_page(out: Path) -> None:
    """Raise ``ConfigError`` where ``out`` is anything that this module has not written."""
    kind = unusual_kind(out)
    if kind is None and (not out.exists() or MARK in out.read_bytes()):
        return
    raise ConfigError(
        f"{out} is {kind or 'no page of an earlier look'} and is not overwritten.",
        hint="Name another file with -o PAGE.html.",
    )


def render_data_page(exploration: Exploration) -> str:
    """The page as text."""
    return (
        html_environment()
        .get_template("explore.html.j2")
        .render(
            e=exploration,
            shown=exploration.classes[:TONES],
            views=[(view, _scatter(view)) for view in exploration.views],
            strips=[
                (exploration.classes[label], tone(label), _strip(rows, label))
                for label, rows in enumerate(exploration.windows[:TONES])
                if rows
            ],
            overlaid=exploration.channels[:OVERLAID],
            densities=[_density(c) for c in exploration.channel_views[:MOST_CHANNELS]],
            spectra=[
                _spectrum(c, exploration.frequency_unit)
                for c in exploration.channel_views[:MOST_CHANNELS]
            ],
        )
    )


def tone(label: int) -> str:
    """The style of a class."""
    return f"c{label}"


def _panel(
    title: str,
    frame: Frame,
    ticks: tuple[Sequence[float], Sequence[float]],
    x_title: str,
    size: tuple[int, int],
    lines: Sequence[Line] = (),
    dots: Sequence[tuple[float, float, str]] = (),
) -> Panel:
    return Panel(
        title,
        tuple(lines),
        tuple(dots),
        tuple(Tick(frame.x(t), fmt.plain(t)) for t in ticks[0]),
        tuple(Tick(frame.y(t), fmt.plain(t)) for t in ticks[1]),
        x_title,
        *size,
        frame.left,
        frame.right,
        frame.top,
        frame.bottom,
    )


def _scatter(view: View) -> Panel:
    """Principal components; both axes have one scale, for distances are what is looked at."""
    size = (460, 360)
    xs, ys = [p[0] for p in view.points], [p[1] for p in view.points]
    x_ticks, y_ticks = nice_ticks(xs), nice_ticks(ys)
    frame = Frame(
        x_ticks[0], x_ticks[-1], y_ticks[0], y_ticks[-1], 44, 10, size[0] - 10, size[1] - 36
    )
    dots = [
        (frame.x(x), frame.y(y), tone(label))
        for (x, y), label in zip(view.points, view.labels, strict=True)
        if label < TONES
    ]
    share = " and ".join(fmt.percent(value) for value in view.explained)
    title = f"components 1 and 2: {share} of the variance"
    return _panel(view.title, frame, (x_ticks, y_ticks), title, size, dots=dots)


def _strip(windows: Sequence[Sequence[Sequence[float]]], label: int) -> list[Panel]:
    """Example windows of a class side by side, on one scale."""
    size = (300, 110)
    rows = [row for window in windows for row in window[:OVERLAID]]
    low, high = min(map(min, rows)), max(map(max, rows))
    panels = []
    for window in windows:
        frame = Frame(0, len(window[0]) - 1, low, high, 4, 4, size[0] - 4, size[1] - 4)
        lines = [
            Line("", f"{tone(label)} faint{index}", frame.path(range(len(row)), row))
            for index, row in enumerate(window[:OVERLAID])
        ]
        panels.append(_panel("", frame, ((), ()), "", size, lines))
    return panels


def _density(channel: ChannelView) -> Panel:
    return _curves(channel.name, channel.values, channel.density, "value", [0.0])


def _spectrum(channel: ChannelView, unit: str) -> Panel:
    return _curves(channel.name, channel.frequencies, channel.power, unit, [])


def _curves(
    title: str,
    xs: Sequence[float],
    rows: Sequence[Sequence[float]],
    x_title: str,
    also: list[float],
) -> Panel:
    """A line for each class."""
    size = (460, 200)
    y_ticks = nice_ticks([*also, *(v for row in rows[:TONES] for v in row)] or [0.0])
    x_ticks = [t for t in nice_ticks(xs, wanted=6) if xs[0] <= t <= xs[-1]]
    frame = Frame(xs[0], xs[-1], y_ticks[0], y_ticks[-1], 44, 10, size[0] - 10, size[1] - 36)
    lines = [
        Line("", tone(label), frame.path(xs, row))
        for label, row in enumerate(rows[:TONES])
        if len(row)
    ]
    return _panel(title, frame, (x_ticks, y_ticks), x_title, size, lines)
