"""How scores are written: shares as percentages, others as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyml_nas.results.format import MISSING

SHARES = ("accuracy",)


@dataclass(frozen=True)
class Metric:
    """The score of a task, called ``name``."""

    name: str

    @property
    def share(self) -> bool:
        """Whether the score is a share of the windows."""
        return self.name in SHARES

    @property
    def title(self) -> str:
        """Its name at the start of a line."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def unit(self) -> str:
        """The word behind a difference."""
        return " points" if self.share else ""

    def value(self, score: float | None) -> str:
        """``95.2 %`` or ``0.952``."""
        if score is None:
            return MISSING
        return f"{100 * score:.1f} %" if self.share else _number(score)

    def spread(self, mean: float | None, sd: float | None, seeds: int = 1) -> str:
        """``94.8 ± 0.3 % (3 seeds)``: mean and standard deviation, and over how many seeds."""
        if mean is None:
            return MISSING
        text = self.value(mean)
        if sd is not None:
            text = f"{text.removesuffix(' %')} ± {self.error(sd)}{' %' if self.share else ''}"
        return f"{text} ({seeds} seeds)" if seeds > 1 else text

    def difference(self, value: float) -> str:
        """A difference with its sign: ``+0.4`` points, or ``+0.0041``."""
        text = f"{100 * value:+.1f}" if self.share else f"{value:+.4f}"
        return text.replace("-", "−")

    def error(self, value: float) -> str:
        """A deviation: ``0.4`` points, or ``0.0041``."""
        return f"{100 * value:.1f}" if self.share else f"{value:.4f}"

    @property
    def tick(self) -> Callable[[float], str]:
        """Labels of an axis: ``95 %`` or ``0.95``."""
        return (lambda value: f"{100 * value:g} %") if self.share else (lambda value: f"{value:g}")


def _number(score: float) -> str:
    return f"{score:.3f}".replace("-", "−")
