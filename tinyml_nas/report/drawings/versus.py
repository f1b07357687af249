"""The searched network against its controls: a row of dots per contender, one per seed."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.report.drawings.axes import Frame, Tick, nice_ticks
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.search import Comparison, Contender

WIDTH, HEIGHT = 280, 26
MARGIN = 18


@dataclass(frozen=True)
class Row:
    """One contender: a dot per seed, its mean and the standard deviation around it."""

    contender: Contender
    seeds: tuple[float, ...]
    mean: float
    low: float
    high: float
    score: str
    difference: str
    verdict: str


@dataclass(frozen=True)
class Versus:
    """All rows on one scale."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT


def versus(comparison: Comparison, metric: Metric) -> Versus:
    """The searched one first, then its controls as they are listed."""
    contenders = [comparison.searched, *comparison.others]
    values = [value for c in contenders for value in (*c.scores, *_whisker(c))]
    ticks = nice_ticks(values, wanted=3)
    frame = Frame(ticks[0], ticks[-1], 0, 1, MARGIN, 0, WIDTH - MARGIN, HEIGHT)
    return Versus(
        tuple(_row(contender, comparison, frame, metric) for contender in contenders),
        tuple(Tick(frame.x(tick), metric.tick(tick)) for tick in ticks if tick <= 1),
    )


def _whisker(contender: Contender) -> tuple[float, float]:
    """One standard deviation to either side, where it is known."""
    sd = contender.sd or 0.0
    return contender.mean - sd, contender.mean + sd


def _row(contender: Contender, comparison: Comparison, frame: Frame, metric: Metric) -> Row:
    low, high = map(frame.x, _whisker(contender))
    searched = contender is comparison.searched
    return Row(
        contender,
        tuple(map(frame.x, contender.scores)),
        frame.x(contender.mean),
        low,
        high,
        metric.spread(contender.mean, contender.sd),
        "" if searched else _difference(contender, comparison.searched, metric),
        "" if searched else _verdict(contender, comparison.searched),
    )


def _difference(contender: Contender, searched: Contender, metric: Metric) -> str:
    text = metric.difference(contender.behind(searched))
    error = contender.standard_error
    return text if error is None else f"{text} ± {metric.error(error)}"


def _verdict(contender: Contender, searched: Contender) -> str:
    """Only more than one standard error counts as beaten."""
    if contender.standard_error is None:
        return "not known"
    return "beaten" if contender.behind(searched) > contender.standard_error else "not beaten"
