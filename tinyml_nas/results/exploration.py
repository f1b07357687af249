"""What a look at the data found, as plain numbers: the record behind the page of ``explore``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "hint"]
Row = tuple[float, ...]


@dataclass(frozen=True)
class Finding:
    """``what`` is a sentence that stands alone, ``where`` a channel, a class or a file.

    An error makes the figures of a run worthless, a warning makes them worse, a hint is a chance.
    """

    severity: Severity
    what: str
    where: str
    mend: str


@dataclass(frozen=True)
class View:
    """Training examples as points (x, y), the class of each, and how far classes lie apart."""

    title: str
    points: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]
    explained: tuple[float, float]
    centroid_accuracy: float | None
    silhouette: float | None


@dataclass(frozen=True)
class ChannelView:
    """One channel: a curve for each class over values, and one over frequencies.

    ``density`` and ``power`` are rows by class; an empty row is a class without windows.
    """

    name: str
    values: Row
    density: tuple[Row, ...]
    frequencies: Row
    power: tuple[Row, ...]  # decibels


@dataclass(frozen=True)
class Exploration:
    """Everything the page shows; windows are those of training, of the others only counts.

    ``windows[label]`` are some windows of a class, each with a row of samples by channel.
    """

    name: str
    config_file: str
    task: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    frame: int
    counts: dict[str, tuple[int, ...]]
    findings: tuple[Finding, ...]
    views: tuple[View, ...]
    windows: tuple[tuple[tuple[Row, ...], ...], ...]
    channel_views: tuple[ChannelView, ...]
    frequency_unit: str
    product: str
