"""Recordings without labels that fall into two groups all the same, by how strongly they move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml_nas.data.records import Recording

FEWEST = 3
"""Recordings of a group; fewer may be accidents."""
APART = 2.0
"""Ratio of two spreads from which they are another state, if none lies between them."""


def find_states(recordings: Sequence[Recording], channels: Sequence[str]) -> str:
    """What is said of the channel that divides ``recordings`` most clearly; empty if none does.

    Groups are divided by a gap between the spreads of the recordings, on a scale of ratios, that is
    wider than both groups are.
    """
    best, said = 0.0, ""
    for index, name in enumerate(channels):
        spreads = np.array([float(r.samples[:, index].std(dtype=np.float64)) for r in recordings])
        strengths = np.sort(np.log(spreads[spreads > 0]))
        if len(strengths) < 2 * FEWEST:
            continue
        gaps = np.diff(strengths)[FEWEST - 1 : len(strengths) - FEWEST]
        cut = FEWEST + int(gaps.argmax())
        gap = float(gaps.max())
        if gap > max(np.log(APART), best, np.ptp(strengths[:cut]), np.ptp(strengths[cut:])):
            best = gap
            said = (
                f"{name} moves {np.exp(gap):.2g} times more in {len(strengths) - cut} recordings "
                f"than in {cut}: are these states? Sort them into folders, one for each state, and "
                "init makes a classification of them"
            )
    return said
