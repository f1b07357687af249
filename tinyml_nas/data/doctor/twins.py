"""Windows of one side of the split that also are, nearly, on another: leaks that bytes don't show.

Two ways.  *Alike*: windows that match after offset and scale are taken off.  Their normalized
shape is projected on random lines and cut into coarse cells (locality-sensitive hashing); only
windows that share a cell in some table are compared.  *Overlapping*: recordings that were cut
before with an overlap hold the same samples at other places.  Stretches that begin at local maxima
are hashed, so that a shift does not hide them.  Both take O(n log n) in the number of windows.
Constant windows, as of silence or padding, are the same everywhere and no twins; many are told.

Source of the hashing: Datar et al., "Locality-Sensitive Hashing Scheme Based on p-Stable
Distributions", SoCG 2004.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.records import SIDES, DataSplits
from tinyml_nas.results.exploration import Finding

ALIKE = 0.03
"""Root mean square difference of normalized windows up to which they are one and the same."""
POINTS = 32
"""Samples of a channel that are compared."""
TABLES, LINES, CELL = 6, 8, 0.5
"""Hash tables, projections of each, and width of a cell in standard deviations of a projection."""
MOST_IN_CELL = 64
STRETCH = 24
"""Samples that must be the same, in every channel, to be no accident."""
NEIGHBORS = 8
"""A local maximum is larger than so many samples on each side."""
MOVES = 12
"""Steps in such a stretch that are not zero; a flat line is the same everywhere."""
MANY_CONSTANT = 0.1
"""Share of constant windows in a side from which a finding is made."""
FEWEST_MOVES = 0.25
"""Share of a window's steps that must not be zero for its shape to say anything."""


def twin_findings(splits: DataSplits) -> list[Finding]:
    """Validation and test windows that training knows."""
    findings = list(_constant_findings(splits))
    shapes = {side: _shapes(splits.side(side).x) for side in SIDES}
    known = {window.tobytes() for window in splits.train.x}
    starts = _stretches(splits.train.x)
    for side in SIDES[1:]:
        windows = splits.side(side).x
        exact = np.array([window.tobytes() in known for window in windows], dtype=bool)
        exact &= _moving(windows) > 0
        alike = _alike(shapes["train"], shapes[side]) & ~exact
        shared = _sharing(starts, windows) & ~alike & ~exact
        for count, how in (
            (int(exact.sum()), "equal a training window sample for sample"),
            (int(alike.sum()), "are a training window again, but for offset and scale"),
            (int(shared.sum()), "hold a stretch of samples of a training window"),
        ):
            if count:
                what = f"{count} {side} windows {how}."
                mend = (
                    "Cut recordings only here, or keep copies together with split_type: by_group."
                )
                findings.append(Finding("error", what, side, mend))
    return findings


def _constant_findings(splits: DataSplits) -> Iterator[Finding]:
    """Sides of which many windows never change."""
    for side in SIDES:
        windows = splits.side(side).x
        count = int((_moving(windows) == 0).sum())
        if len(windows) and count >= MANY_CONSTANT * len(windows):
            what = f"{count} of {len(windows)} {side} windows are constant: silence or padding."
            mend = "Cut them off, unless quiet is part of what is to be learned."
            yield Finding("warning", what, side, mend)


def _moving(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of the steps of windows (N, C, L) that are not zero, in the liveliest channel."""
    if x.shape[2] < 2:
        return np.ones(len(x))
    share = np.count_nonzero(np.diff(x, axis=2), axis=2) / (x.shape[2] - 1)
    return np.asarray(share.max(axis=1, initial=0))


def _shapes(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Windows (N, D) without offset, with unit power per value; zero where they hardly move."""
    step = max(1, x.shape[2] // POINTS)
    usable = x.shape[2] // step * step
    blocks = x[:, :, :usable].reshape(len(x), x.shape[1], -1, step).mean(axis=3, dtype=np.float64)
    blocks -= blocks.mean(axis=2, keepdims=True)
    spread = blocks.std(axis=2, keepdims=True)
    largest = np.abs(x).max(axis=2, initial=0)[:, :, None]
    flat = spread <= 1e-6 * largest
    flat |= (_moving(x) < FEWEST_MOVES)[:, None, None]
    shapes = np.where(flat, 0, blocks / np.where(flat, 1, spread))
    return shapes.reshape(len(x), -1).astype(np.float32)


def _alike(known: NDArray[np.float32], asked: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of ``asked`` (M, D) are nearly one of ``known`` (N, D)."""
    found = np.zeros(len(asked), dtype=bool)
    if not len(known) or not len(asked) or known.shape[1] < 8:
        return found
    rng = np.random.default_rng(0)
    for _ in range(TABLES):
        lines = rng.standard_normal((known.shape[1], LINES)) / np.sqrt(known.shape[1])
        shift = rng.uniform(0, CELL, LINES)
        cells: defaultdict[bytes, list[int]] = defaultdict(list)
        for index, key in enumerate(_keys(known, lines, shift)):
            if len(cells[key]) < MOST_IN_CELL:
                cells[key].append(index)
        for index, key in enumerate(_keys(asked, lines, shift)):
            if found[index] or key not in cells or not asked[index].any():
                continue
            difference = known[cells[key]] - asked[index]
            found[index] = np.sqrt((difference**2).mean(axis=1)).min() < ALIKE
    return found


def _keys(
    shapes: NDArray[np.float32], lines: NDArray[np.float64], shift: NDArray[np.float64]
) -> list[bytes]:
    cells = np.floor((shapes @ lines + shift) / CELL).astype(np.int16)
    return [row.tobytes() for row in cells]


def _anchors(window: NDArray[np.float32]) -> NDArray[np.int64]:
    """Local maxima of the first channel of a window (C, L)."""
    first = window[0]
    if len(first) < 2 * NEIGHBORS + 1:
        return np.zeros(0, dtype=np.int64)
    views = np.lib.stride_tricks.sliding_window_view(first, 2 * NEIGHBORS + 1)
    return np.flatnonzero(views.argmax(axis=1) == NEIGHBORS) + NEIGHBORS


def _stretches(x: NDArray[np.float32]) -> set[bytes]:
    """Hashes of the stretches behind every anchor of every window."""
    return {digest for window in x for digest in _digests(window)}


def _digests(window: NDArray[np.float32]) -> list[bytes]:
    digests = []
    for start in _anchors(window):
        stretch = window[:, start : start + STRETCH]
        if stretch.shape[1] == STRETCH and np.count_nonzero(np.diff(stretch[0])) >= MOVES:
            digests.append(hashlib.blake2b(stretch.tobytes(), digest_size=12).digest())
    return digests


def _sharing(known: set[bytes], windows: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.array([any(d in known for d in _digests(window)) for window in windows], dtype=bool)
