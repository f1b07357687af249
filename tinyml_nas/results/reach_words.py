"""How much of its window a network sees at once, as every face says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tinyml_nas.results.record import Count, Record

Unit = Literal["samples", "frames", "bins", "values"]
LITTLE = 0.25
"""Share of a window below which a classifier of samples misses what lies apart in it."""


class Reach(Record):
    """One value before the head depends on ``seen`` of the ``whole`` steps of a window.

    ``seconds_per_step`` is known where the steps are samples at a told rate.
    """

    seen: Count
    whole: Count
    unit: Unit
    seconds_per_step: Annotated[float, Field(gt=0)] | None = None

    @property
    def words(self) -> str:
        """``61 of 300 samples (0.61 of 3 s)``."""
        words = f"{self.seen:,} of {self.whole:,} {self.unit}"
        if self.seconds_per_step is None:
            return words
        seen, whole = (steps * self.seconds_per_step for steps in (self.seen, self.whole))
        factor, unit = (1, "s") if whole >= 1 else (1000, "ms")
        return f"{words} ({_figure(factor * seen)} of {_figure(factor * whole)} {unit})"

    def is_little(self, task: str) -> bool:
        """Whether more would help, as of classifiers of samples is known."""
        little = self.seen < LITTLE * self.whole
        return task == "classification" and self.unit == "samples" and little


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def too_little(name: str, reach: Reach) -> str:
    """The warning of a classifier called ``name`` whose reach is little, with the way out."""
    return (
        f"{name} sees {reach.words} of a window at once, and what lies further apart it cannot put "
        "together. `info models` tells what others see: TCN_4k, for one, a quarter or more."
    )
