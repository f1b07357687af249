"""Receiver operating characteristics: how scores tell positives from negatives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

POINTS = 41
"""Points of a curve that the record keeps."""


def roc_curve(scores: Values, positive: Flags) -> list[tuple[float, float]]:
    """[share of negatives, share of positives] above falling thresholds; empty without both."""
    if not positive.any() or positive.all():
        return []
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores pass together
    false, true = np.cumsum(~positive[order])[last], np.cumsum(positive[order])[last]
    curve = np.stack([np.append(0, false) / false[-1], np.append(0, true) / true[-1]], axis=1)
    kept = np.unique(np.linspace(0, len(curve) - 1, POINTS).astype(int))
    return [(round(float(x), 4), round(float(y), 4)) for x, y in curve[kept]]
