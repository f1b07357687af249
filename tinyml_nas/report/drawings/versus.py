"""The searched network against its controls: a row of dots per contender, one per seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyml_nas.report.drawings.axes import Frame, Tick, nice_ticks
from tinyml_nas.report.verdict_words import interval_text
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.search import Comparison, Contender
from tinyml_nas.results.verdict import Verdict

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


def versus(comparison: Comparison, verdicts: Sequence[Verdict], metric: Metric) -> Versus:
    """The searched one first, then its controls as they are listed."""
    against = {verdict.other: verdict for verdict in verdicts}
    contenders = [comparison.searched, *comparison.others]
    values = [value for c in contenders for value in (*c.scores, *_whisker(c))]
    ticks = nice_ticks(values, wanted=3)
    frame = Frame(ticks[0], ticks[-1], 0, 1, MARGIN, 0, WIDTH - MARGIN, HEIGHT)
    return Versus(
        tuple(_row(c, against.get(c.kind), frame, metric) for c in contenders),
        tuple(Tick(frame.x(tick), metric.tick(tick)) for tick in ticks if tick <= 1),
    )


def _whisker(contender: Contender) -> tuple[float, float]:
    """One standard deviation to either side, where it is known."""
    sd = contender.sd or 0.0
    return contender.mean - sd, contender.mean + sd


def _row(contender: Contender, verdict: Verdict | None, frame: Frame, metric: Metric) -> Row:
    low, high = map(frame.x, _whisker(contender))
    return Row(
        contender,
        tuple(map(frame.x, contender.scores)),
        frame.x(contender.mean),
        low,
        high,
        metric.spread(contender.mean, contender.sd),
        metric.difference(verdict.difference) if verdict else "",
        f"{interval_text(verdict, metric)}: {verdict.outcome}" if verdict else "",
    )
