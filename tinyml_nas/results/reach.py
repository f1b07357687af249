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
        """``sees 61 of 300 samples (0.61 of 3 s)``."""
        words = f"sees {self.seen:,} of {self.whole:,} {self.unit}"
        if self.seconds_per_step is None:
            return words
        seen, whole = (steps * self.seconds_per_step for steps in (self.seen, self.whole))
        factor, unit = (1, "s") if whole >= 1 else (1000, "ms")
        return f"{words} ({factor * seen:.3g} of {factor * whole:.3g} {unit})"

    @property
    def is_little(self) -> bool:
        """Whether a classifier would do better with more; of bins and frames nothing is known."""
        return self.unit == "samples" and self.seen < LITTLE * self.whole
