"""Did you mean: the known word that is nearest to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import takewhile

CUTOFF = 0.6
LONGEST = 100


def closest(word: str, known: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """The known word most like ``word``, letter case aside; None when nothing is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    wanted = word.lower()[:LONGEST]
    near = difflib.get_close_matches(wanted, by_lower, n=3, cutoff=cutoff)

    def likeness(candidate: str) -> tuple[float, int]:
        # of two that are equally like it, the one that begins like it
        ratio = difflib.SequenceMatcher(None, candidate, wanted).ratio()
        return ratio, _same_start(candidate, wanted)

    return by_lower[max(near, key=likeness)] if near else None


def _same_start(one: str, other: str) -> int:
    """Letters with which both begin."""
    return len([*takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))])


def nearest_relative(word: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?``, x of the same family where there is one: names that begin alike."""
    known = [*known]
    begins = {name: _same_start(name.lower(), word.lower()) for name in known}
    longest = max(begins.values(), default=0)
    family = [name for name in known if begins[name] == longest]
    return did_you_mean(word, family if 2 * longest > len(word) else known)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` or None."""
    near = closest(word, known)
    return f"did you mean {near!r}?" if near is not None else None
