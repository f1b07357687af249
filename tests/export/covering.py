"""A covering array: few rows in which each pair of levels occurs that occurs in any row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Row = tuple[str, ...]
"""A level of each factor."""


def pairs_of(row: Row) -> list[tuple[int, str, int, str]]:
    """Each pair of levels in ``row``, with the places of their factors."""
    return [(i, a, j, b) for (i, a), (j, b) in combinations(enumerate(row), 2)]


def covering(rows: Sequence[Row]) -> list[Row]:
    """Some of ``rows`` that have every pair that ``rows`` have.

    Greedy: the row with the most new pairs comes next; of equals the one whose levels came least.
    """
    pairs = _numbered([pairs_of(row) for row in rows])
    levels = _numbered([list(enumerate(row)) for row in rows])
    missing = np.ones(pairs.max() + 1, bool)
    came = np.zeros(levels.max() + 1, int)
    chosen = []
    while missing.any():
        new = missing[pairs].sum(axis=1)
        equals = np.flatnonzero(new == new.max())
        best = equals[came[levels[equals]].sum(axis=1).argmin()]
        missing[pairs[best]] = False
        came[levels[best]] += 1
        chosen.append(rows[best])
    return chosen


def _numbered(rows: Sequence[Sequence[Hashable]]) -> NDArray[np.int64]:
    """Equal things get equal numbers, from 0."""
    numbers: dict[Hashable, int] = {}
    return np.array([[numbers.setdefault(x, len(numbers)) for x in row] for row in rows])
