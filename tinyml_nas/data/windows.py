"""From recordings to windows: scale, downsample, frames of equal length at equal steps.

Windows are cut inside the segments that the split has made, so none can reach over a border.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.data.records import Recording, RecordingSet, Segment, WindowSet
from tinyml_nas.errors import ConfigError, DataError

Float32 = NDArray[np.float32]

WHOLE_RECORDING = 1
"""``frame_size`` as it is when nobody has set it: a recording is one window."""
STRIDE_NOT_SET = 0.01
"""Default of ``stride_size``: a hundredfold overlap, meant only where SimpleWindow asks for it."""


@dataclass(frozen=True)
class Framing:
    """Window length, step between windows, and the shortest useful stretch, all in samples.

    ``ahead`` samples after a window are what a forecast is about.  Where values are ``averaged``, a
    window is to tell the mean of its targets, not their last values.
    """

    length: int
    hop: int
    shortest: int
    ahead: int = 0
    averaged: bool = False


def framing(config: Config, data: RecordingSet) -> Framing:
    """How to cut the recordings.

    SimpleWindow takes ``stride_size`` as it is; without it frames follow one another unless a
    stride is written that is not that of the windows within a frame.  Without a ``frame_size`` each
    recording is one window.
    """
    processing = config.data_processing_feature_extraction
    length, stride = processing.frame_size, processing.stride_size
    if length == WHOLE_RECORDING and "SimpleWindow" not in processing.data_proc_transforms:
        length = _common_length(data)
    of_frames = stride != STRIDE_NOT_SET and processing.window_count == 1
    if "SimpleWindow" not in processing.data_proc_transforms and not of_frames:
        stride = 1.0
    hop = max(1, int(stride * length + 0.5))
    ahead = processing.forecast_horizon if config.common.task == "forecasting" else 0
    shortest = length + (processing.num_frame_concat - 1) * hop + ahead
    averaged = config.common.task == "regression" and processing.target_as == "mean"
    return Framing(length, hop, shortest, ahead, averaged)


def _common_length(data: RecordingSet) -> int:
    lengths = {len(recording) for recording in data.recordings}
    if len(lengths) == 1:
        return lengths.pop()
    raise DataError(
        f"The recordings have {min(lengths)} to {max(lengths)} samples and frame_size is not set.",
        hint="Set data_processing_feature_extraction.frame_size to the samples of one window.",
    )


def process(data: RecordingSet, config: Config) -> RecordingSet:
    """The recordings divided by ``scale`` and, with Downsample, thinned to ``new_sr``."""
    processing = config.data_processing_feature_extraction
    scale = np.float32(processing.scale or 1)
    factor = 1.0
    if "Downsample" in processing.data_proc_transforms:
        factor = processing.sampling_rate / processing.new_sr
        if factor < 1:
            raise ConfigError(
                f"Downsample cannot go from {processing.sampling_rate:g} Hz up to "
                f"{processing.new_sr:g} Hz.",
                hint="new_sr must not exceed sampling_rate.",
            )
    return replace(data, recordings=tuple(_thin(r, scale, factor) for r in data.recordings))


def _thin(recording: Recording, scale: np.float32, factor: float) -> Recording:
    """Every factor-th sample, as on a device that simply reads its converter less often."""
    picked = (np.arange(int(np.ceil(len(recording) / factor))) * factor).astype(np.int64)
    targets = None if recording.targets is None else recording.targets[picked]
    return replace(recording, samples=recording.samples[picked] / scale, targets=targets)


def starts(segment: Segment, frame: Framing) -> range:
    """First samples of the windows that lie wholly inside a segment."""
    return range(segment.start, segment.stop - frame.length - frame.ahead + 1, frame.hop)


def shifted(segments: list[Segment], frame: Framing, offset: int) -> list[Segment]:
    """``segments``, and what is left of each from every ``offset``-th sample of a hop on."""
    if not offset:
        return segments
    shifts = range(0, frame.hop, offset)
    return [
        replace(segment, start=segment.start + shift)
        for segment in segments
        for shift in shifts
        if segment.start + shift + frame.shortest <= segment.stop
    ]


def stretches(windows: WindowSet, hop: int) -> NDArray[np.int64]:
    """A number of each window: those that follow at ``hop`` samples in a recording share it."""
    begins = (np.diff(windows.start, prepend=-hop - 1) != hop) | (
        np.diff(windows.recording, prepend=-1) != 0
    )
    return np.asarray(np.cumsum(begins) - 1)


def cut(data: RecordingSet, segments: list[Segment], frame: Framing) -> WindowSet:
    """All windows of the segments, in their order."""
    places = [(s.recording, start) for s in segments for start in starts(s, frame)]
    recordings = data.recordings
    label = {name: index for index, name in enumerate(data.class_names)}
    x = np.empty((len(places), len(data.channel_names), frame.length), dtype=np.float32)
    for index, (recording, start) in enumerate(places):
        x[index] = recordings[recording].samples[start : start + frame.length].T
    y = (
        np.array([label[recordings[r].label] for r, _ in places], dtype=np.int64)
        if not data.target_names
        else _values(data, places, frame)
    )
    where = np.array(places, dtype=np.int64).reshape(-1, 2)
    owner, sample = where[:, 0].copy(), where[:, 1].copy()
    return WindowSet(x, y, owner, sample, _group_numbers(data)[owner])


def _values(data: RecordingSet, places: list[tuple[int, int]], frame: Framing) -> Float32:
    """What a window is to tell: the mean of its targets, or their last values and the next ones."""
    steps = 1 + frame.ahead
    y = np.empty((len(places), steps * len(data.target_names)), dtype=np.float32)
    for index, (recording, start) in enumerate(places):
        targets = data.recordings[recording].targets
        assert targets is not None
        stop = start + frame.length
        if frame.averaged:
            y[index] = targets[start:stop].mean(axis=0, dtype=np.float64)
        else:
            y[index] = targets[stop - 1 : stop + frame.ahead].ravel()
    return y


def _group_numbers(data: RecordingSet) -> NDArray[np.int64]:
    """Number of the group of each recording; a recording without one stands alone."""
    numbers: dict[str | int, int] = {}
    groups = (r.group if r.group is not None else i for i, r in enumerate(data.recordings))
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)
