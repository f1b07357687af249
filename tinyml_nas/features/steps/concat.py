"""Joining consecutive frames of one recording into one model input."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.features.signal import Domain, Frames, Settings, Shape
from tinyml_nas.features.steps.frame_step import require

JOINED: tuple[Domain, ...] = (
    "samples",
    "coefficients",
    "magnitude",
    "bins",
    "decibel",
    "cepstrum",
    "statistics",
)

T = TypeVar("T", bound=np.generic)


class Concat:
    """The CONCAT step: num_frame_concat frames in a row become one, along time."""

    name = "CONCAT"
    description = "Join num_frame_concat consecutive frames of a recording; then stack channels."
    reads = ("num_frame_concat", "frame_skip", "stacking")
    accepts = JOINED
    leaves: Domain = "frames"
    framed = False
    in_integers = "exact"

    def check(self, shape: Shape, settings: Settings) -> Shape:
        """The shape after joining and stacking."""
        require(self.name, self.accepts, shape.domain)
        length = shape.length * settings.frame_concat
        if settings.stacking == "1D":
            return Shape("frames", 1, length * shape.channels)
        return Shape("frames", shape.channels, length)

    def apply(self, frames: Frames, settings: Settings) -> Frames:
        """One input per run of frames; it never joins two recordings."""
        last = last_frames(frames.recording, settings.frame_concat, settings.frame_skip)
        x = join(frames.x, last, settings.frame_concat, settings.stacking == "1D")
        return Frames(x, frames.y[last], frames.recording[last])

    def channel_names(
        self, names: tuple[str, ...], shape: Shape, settings: Settings
    ) -> tuple[str, ...]:
        """One name for all channels where they are stacked."""
        return ("+".join(names),) if settings.stacking == "1D" else names


def join(x: NDArray[T], last: NDArray[np.int64], count: int, stacked: bool) -> NDArray[T]:
    """Inputs of ``count`` frames each from frames x (N, C, L); ``last`` numbers their last ones.

    [M, C, count * L], or [M, 1, C * count * L] where the channels are ``stacked`` end to end.
    """
    joined = x[last[:, None] + np.arange(1 - count, 1)]  # (M, K, C, L)
    m, k, c, length = joined.shape
    shape = (m, 1, c * k * length) if stacked else (m, c, k * length)
    return np.asarray(joined.transpose(0, 2, 1, 3).reshape(shape))


def last_frames(recording: NDArray[np.int64], concat: int, skip: int) -> NDArray[np.int64]:
    """Index of the last frame of each input.

    With ``concat`` > 1, counting a recording's frames from 1, an input ends at every frame that
    ``skip`` divides and that has ``concat`` - 1 frames before it.
    """
    index = np.arange(len(recording))
    if concat == 1:
        return index
    starts = np.flatnonzero(np.diff(recording, prepend=-1))
    first = np.repeat(starts, np.diff(np.append(starts, len(recording))))
    count = index - first + 1  # from 1 within the recording
    return np.asarray(index[(count >= concat) & (count % skip == 0)])


CONCAT = Concat()
