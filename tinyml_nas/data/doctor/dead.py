"""Sensors that were dead in some recordings: a cable came loose, or a chip did not start.

All sides of the split are looked at, labels only to say whose recordings they are: this is about
whether the data are whole, and no choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.records import Recording
from tinyml_nas.errors import listed
from tinyml_nas.results.exploration import Finding

STILL = 1e-3
"""Share of a channel's usual spread below which it hardly moves."""
AWAKE = 0.1
"""Share of its usual spread from which another channel shows that the rest was recorded."""
LEVELS = 16
"""A channel that usually takes fewer values may well stand still: a switch, a temperature."""
MOST_LOOKED_AT, MOST_SAMPLES = 100, 2000


def dead_channels(recordings: Sequence[Recording], channels: tuple[str, ...]) -> list[Finding]:
    """A finding for each channel that stands still in some recordings and moves in others."""
    if not recordings:
        return []
    spreads = np.array([r.samples.std(axis=0, dtype=np.float64) for r in recordings])
    constant = np.array([np.ptp(r.samples, axis=0) == 0 for r in recordings])
    moving = [column[~still] for column, still in zip(spreads.T, constant.T, strict=True)]
    usual = np.array([np.median(column) if len(column) else 0.0 for column in moving])
    awake = (spreads >= AWAKE * usual) & ~constant
    findings = []
    for index, name in enumerate(channels):
        recorded = np.delete(awake, index, axis=1).any(axis=1)  # else all was at rest
        still = constant[:, index] | ((spreads[:, index] < STILL * usual[index]) & recorded)
        alive = [r for r, is_still in zip(recordings, still, strict=True) if not is_still]
        if still.any() and alive and _levels(alive, index) >= LEVELS:
            dead = [r for r, is_still in zip(recordings, still, strict=True) if is_still]
            findings.append(_finding(name, dead, alive, _value(dead, index)))
    return findings


def _levels(alive: Sequence[Recording], index: int) -> float:
    """Different values that a recording usually has."""
    some = alive[:: -(-len(alive) // MOST_LOOKED_AT)]
    return float(np.median([len(np.unique(r.samples[:MOST_SAMPLES, index])) for r in some]))


def _value(dead: Sequence[Recording], index: int) -> NDArray[np.float32]:
    """The values that the dead recordings keep, empty where one of them moves a little."""
    kept = [r.samples[:, index] for r in dead]
    return np.unique([x[0] for x in kept]) if all(np.ptp(x) == 0 for x in kept) else kept[0][:0]


def _finding(
    name: str, dead: list[Recording], alive: list[Recording], values: NDArray[np.float32]
) -> Finding:
    names = [recording.name for recording in dead]
    if len(names) > 3:
        where = f"{', '.join(names[:2])} and {len(names) - 2} more recordings"
    else:
        where = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    value = f" ({values[0]:g})" if len(values) == 1 else ""
    how = f"is constant{value}" if len(values) else "hardly moves"
    what = f"{name!r} {how} in {where}: a dead sensor?"
    alone = sorted({r.label for r in dead} - {r.label for r in alive})
    if alone:
        classes = listed(repr(label) for label in alone)
        what += (
            f" Among them is all of class {classes}: the network can recognize it by this alone."
        )
    files = "this file" if len(dead) == 1 else "these files"
    return Finding("warning", what, name, f"Remove {files}, or leave {name!r} out of variables.")
