"""Did you mean: the known word that is nearest to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

CUTOFF = 0.6


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``, letter case aside; None when nothing is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower()[:100], by_lower, n=1, cutoff=CUTOFF)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` or None."""
    near = closest(word, known)
    return f"did you mean {near!r}?" if near is not None else None
