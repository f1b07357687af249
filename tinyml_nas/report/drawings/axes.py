"""Geometry of line charts: values in, SVG coordinates out.  The templates draw them.

Drawing by hand keeps the page small, its bytes the same everywhere, and its colors those of the
style sheet, so that one chart serves light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 460, 210
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 34
LOG_FROM = 12  # ratio of the largest to the smallest value

Values = Sequence[float | None]


@dataclass(frozen=True)
class Series:
    """One line; ``tone`` is its class in the style sheet, ``None`` values are gaps."""

    label: str
    values: Values
    tone: str


@dataclass(frozen=True)
class Tick:
    """A labeled position on an axis, in SVG units."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """A drawn series: the ``d`` attribute of its path."""

    label: str
    tone: str
    path: str


@dataclass(frozen=True)
class Chart:
    """Everything a template needs to draw one chart."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    mark: Tick | None
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Frame:
    """Maps values to SVG units inside a plot area."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    left: float = LEFT
    top: float = TOP
    right: float = WIDTH - RIGHT
    bottom: float = HEIGHT - BOTTOM
    log: bool = False

    def x(self, value: float) -> float:
        """Horizontal position."""
        low, high = self.x_low, self.x_high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        share = (value - low) / ((high - low) or 1)
        return round(self.left + share * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Vertical position; SVG counts downwards."""
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1)
        return round(self.bottom - share * (self.bottom - self.top), 1)

    def path(self, xs: Sequence[float], values: Values) -> str:
        """The ``d`` attribute of a line that leaves gaps where a value is missing."""
        pieces, pen = [], "M"
        for x, value in zip(xs, values, strict=True):
            if value is None or not math.isfinite(value):
                pen = "M"
                continue
            pieces.append(f"{pen}{self.x(x)} {self.y(value)}")
            pen = "L"
        return " ".join(pieces) + ("h0" if len(pieces) == 1 else "")


@dataclass(frozen=True)
class Axis:
    """Range of an axis and its labeled values."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool


def axis(values: Sequence[float], label: Callable[[float], str]) -> Axis:
    """An axis around ``values``, logarithmic where they span more than a decade."""
    log = min(values) > 0 and max(values) / min(values) > LOG_FROM
    ticks = log_ticks(min(values), max(values)) if log else nice_ticks(values, wanted=6)
    return Axis(ticks[0], ticks[-1], tuple((t, label(t)) for t in ticks), log)


def line_chart(
    title: str,
    epochs: Sequence[int],
    series: Sequence[Series],
    tick_label: Callable[[float], str],
    *,
    best_epoch: int | None = None,
) -> Chart | None:
    """A chart over epochs, or ``None`` where no series has a value."""
    drawn = [s for s in series if _finite(s.values)]
    if not drawn:
        return None
    ticks = nice_ticks([v for s in drawn for v in _finite(s.values)])
    frame = Frame(epochs[0], epochs[-1], ticks[0], ticks[-1])
    mark = None
    if best_epoch is not None and epochs[0] <= best_epoch <= epochs[-1]:
        mark = Tick(frame.x(best_epoch), f"best: epoch {best_epoch}")
    return Chart(
        title,
        tuple(Line(s.label, s.tone, frame.path(epochs, s.values)) for s in drawn),
        tuple(Tick(frame.x(e), str(e)) for e in epoch_ticks(epochs)),
        tuple(Tick(frame.y(t), tick_label(t)) for t in ticks),
        mark,
    )


def nice_ticks(values: Sequence[float], wanted: int = 4) -> list[float]:
    """Round numbers that enclose ``values``, in about ``wanted`` steps."""
    low, high = min(values), max(values)
    if 0 < low < 0.4 * high:
        low = 0.0
    rough = (high - low) / wanted or abs(high) / wanted or 1.0
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * m for m in (1, 2, 2.5, 5, 10) if magnitude * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10 ... that enclose two positive numbers; powers of ten over many decades."""
    steps = (1, 2, 5) if high / low < 1e4 else (1,)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1
    ticks = [round(s * 10.0**e, 12) for e in range(first - 1, last + 1) for s in steps]
    begin = max(i for i, tick in enumerate(ticks) if tick <= low)
    end = min(i for i, tick in enumerate(ticks) if tick >= high)
    return ticks[begin : end + 1]


def epoch_ticks(epochs: Sequence[int], wanted: int = 8) -> list[int]:
    """The first epoch, the last, and round ones between that do not crowd them."""
    first, last = epochs[0], epochs[-1]
    rough = max(1.0, (last - first) / wanted)
    magnitude = 10 ** math.floor(math.log10(rough))
    step = next(magnitude * m for m in (1, 2, 5, 10) if magnitude * m >= rough)
    inner = range(-(-first // step) * step, last, step)
    between = [e for e in inner if e - first >= step * 0.6 and last - e >= step * 0.6]
    return sorted({first, *between, last})


def _finite(values: Values) -> list[float]:
    return [v for v in values if v is not None and math.isfinite(v)]
