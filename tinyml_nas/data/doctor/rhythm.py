"""How fast a signal is: the rate of its clock, the period that repeats, where its energy lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.readers.tables import is_time
from tinyml_nas.data.readers.text_table import is_number

Signal = NDArray[np.float64]

UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "micros": 1e-6,
    "millis": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "min": 60.0,
}
UNIT = re.compile(rf"(?:^|[^a-z])({'|'.join(UNITS_S)})s?(?:[^a-z]|$)")
CLOCK = re.compile(
    rf"(t|ts|ticks?|clock|epoch|elapsed|stamp|utc|millis|micros|seconds)?"
    rf"([ _.(\[-]*({'|'.join(UNITS_S)})[)\]]?)?"
)
"""Names of time columns besides those that ``is_time`` knows."""
FORWARD = 0.95
"""Share of steps that go forward in a time column; the others are where a logger began anew."""
LOOK = 64
"""Steps of a column that say whether the others need to be looked at."""
EVEN, NEAR_USUAL = 0.9, 0.5
"""Share of steps that differ from the usual one by at most this, where no name says time."""
EPOCHS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
"""From such values on, a number without a unit is the time since 1970 in this unit, in seconds."""
GAP = 1.5
"""A step longer than this share of the usual one is a gap: a sample is missing."""
LONGEST = 1 << 14
"""Samples of a recording that are looked at; a rhythm shows in fewer."""
CLEAR = 0.3
"""Autocorrelation from which a peak counts as a period; noise of 500 samples stays below 0.2."""
NEAR = 0.8
"""Share of the highest peak that a shorter period must reach to be taken."""


@dataclass(frozen=True)
class Clock:
    """What a time column says: samples per second, and how evenly they come.

    ``jitter`` is the standard deviation of the steps that are no gaps over their median; ``back``
    counts steps that do not go forward.  ``unit`` is empty where the column does not name one.
    """

    rate_hz: float
    jitter: float
    gaps: int
    back: int
    unit: str


def clock_words(clock: Clock, name: str) -> str:
    """What a column tells that is a clock: ``time, 5 ms apart = 200 Hz``."""
    if not (clock.unit or tells_time(name)):
        return "rises evenly like a clock"
    step = 1 / clock.rate_hz
    apart = f"{step:.6g} s" if step >= 1 else f"{1000 * step:.6g} ms"
    words = f"time, {apart} apart = {clock.rate_hz:.6g} Hz"
    return words if clock.unit else f"{words} if it counts seconds"


def read_clock(texts: Sequence[str], name: str) -> Clock | None:
    """The clock of a column of numbers or dates; None where it is neither, or stands still."""
    unit = UNIT.search(name.lower())
    times = _times(texts)
    if times is None or len(times) < 3:
        return None
    dated = not is_number(texts[0])
    epoch = next((seconds for start, seconds in EPOCHS if np.median(times) > start), 1.0)
    scale = 1.0 if dated else epoch if unit is None else UNITS_S[unit[1]]
    steps = np.diff(times) * scale
    forward = steps[steps > 0]
    if not len(forward):
        return None
    usual = float(np.median(forward))
    even = forward[forward <= GAP * usual]
    return Clock(
        rate_hz=1 / usual,
        jitter=float(even.std() / usual),
        gaps=int((forward > GAP * usual).sum()),
        back=int((steps <= 0).sum()),
        unit="date" if dated else unit[1] if unit else "1970" if epoch < 1 else "",
    )


def tells_time(name: str) -> bool:
    """Whether a column is called like a clock: ``t``, ``t_ms``, ``timestamp``, ``stamp (us)``."""
    text = name.strip().lower()
    return bool(text) and (is_time((text,), 0) or CLOCK.fullmatch(text) is not None)


def is_clock(texts: Sequence[str], name: str) -> bool:
    """Whether a column tells the time: it hardly ever goes back, and its name or its pace says so.

    A line that is missing, or several, make it no less a clock.
    """
    first = _times(texts[:LOOK]) if len(texts) > 2 else None
    if first is None or (np.diff(first) > 0).mean() < EVEN:  # most columns are done with here
        return False
    times = _times(texts)
    if times is None or (np.diff(times) > 0).mean() < FORWARD:
        return False
    if tells_time(name) or not is_number(texts[0]):
        return True
    steps = np.diff(times)
    usual = np.median(steps)
    return bool((np.abs(steps - usual) <= NEAR_USUAL * usual).mean() >= EVEN)


def _times(texts: Sequence[str]) -> Signal | None:
    """The column in its own unit, or dates in seconds."""
    try:
        if is_number(texts[0]):
            return np.array([float(text) for text in texts])
        first = datetime.fromisoformat(texts[0])
        return np.array([(datetime.fromisoformat(t) - first).total_seconds() for t in texts])
    except (ValueError, TypeError, OverflowError):
        return None


def dominant_period(signal: Signal) -> float | None:
    """Samples after which ``signal`` (T,) repeats, by its autocorrelation; None if it does not.

    The first peak that comes near the highest one is taken, so that neither a multiple of the
    period nor a harmonic stands in for it.
    """
    x = _level(signal)
    if len(x) < 8 or not x.any():
        return None
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    lags = np.fft.irfft(power)[: len(x) // 2]
    lags = lags / lags[0]  # biased towards short periods, which is meant
    negative = np.flatnonzero(lags < 0)
    if not len(negative):
        return None
    tail = lags[negative[0] :]
    inner = tail[1:-1]
    peaks = np.flatnonzero((inner >= tail[:-2]) & (inner > tail[2:])) + 1
    peaks = peaks[tail[peaks] > CLEAR] if len(peaks) else peaks
    if not len(peaks):
        return None
    return float(negative[0] + peaks[tail[peaks] >= NEAR * tail[peaks].max()][0])


def mean_frequency(signal: Signal) -> float:
    """Center of the power spectrum of ``signal`` (T,) in cycles per sample, 0 to 0.5."""
    x = _level(signal)
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    total = float(power.sum())
    return float(np.fft.rfftfreq(len(x)) @ power / total) if total > 0 else 0.0


def _level(signal: Signal) -> Signal:
    """The first samples without mean and trend, whatever their unit."""
    x = np.asarray(signal[:LONGEST], dtype=np.float64)
    if len(x) < 3:
        return np.zeros(len(x))
    t = np.linspace(-1, 1, len(x))
    x = x - x.mean()
    x = x - t * (t @ x) / (t @ t)
    spread = float(np.abs(x).max())
    moves = spread > 1e-9 * float(np.abs(signal).max())
    return np.asarray(x / spread if moves else 0 * x)
