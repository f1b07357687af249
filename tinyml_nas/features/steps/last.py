"""Taking the last sample off a frame, so that a series is told by its changes.

Zeng et al., "Are transformers effective for time series forecasting?" (AAAI 2023): their NLinear
does this to follow a level that drifts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyml_nas.features.integer.fixed import FixedOp, Int64, OfLength, Signal
from tinyml_nas.features.signal import Array, Settings
from tinyml_nas.features.steps.frame_step import FrameStep


def _remove_last(x: Array, settings: Settings) -> Array:
    """Each sample less the last one of its frame, which becomes zero."""
    return np.asarray(x - x[..., -1:])


@dataclass(frozen=True)
class RemoveLast(OfLength):
    """x minus its last value: exact."""

    length: int
    kernel: str = "remove_last"

    def apply(self, x: Int64) -> Int64:
        """The frames without their last values."""
        return np.asarray(x - x[..., -1:])


def _remove_last_twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
    return RemoveLast(signal.length), replace(signal, bound=2 * signal.bound)


LAST_REMOVE = FrameStep(
    "LAST_REMOVE",
    "Take the last sample off each frame: what is left are its changes.",
    ("samples",),
    None,
    _remove_last,
    _remove_last_twin,
)
