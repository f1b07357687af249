"""Training clips once more at other speeds, whose pitch and formants are those of other voices.

Speed perturbation: Ko et al., "Audio augmentation for speech recognition", Interspeech 2015.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml_nas.config import Config
from tinyml_nas.data.readers.wav import INT16, centered, resample
from tinyml_nas.data.records import Recording, RecordingSet, Segment

STEPS = 100
"""A speed is so many hundredths."""


def with_speeds(
    data: RecordingSet, segments: list[Segment], config: Config
) -> tuple[RecordingSet, list[Segment]]:
    """``data`` with a copy of each of ``segments`` at every one of ``speeds``, and all segments.

    A copy has the length and the group of what it is a copy of: folds keep the two together.
    """
    processing = config.data_processing_feature_extraction
    if not processing.speeds:
        return data, segments
    unit = processing.scale or 1.0
    recordings = [replace(r, group=r.group or r.name) for r in data.recordings]
    more: list[Segment] = []
    for speed in processing.speeds:
        for segment in segments:
            source = recordings[segment.recording]
            copy = _at_speed(source, segment, speed, unit)
            more.append(Segment(len(recordings), 0, len(copy), segment.side))
            recordings.append(copy)
    return replace(data, recordings=tuple(recordings)), [*segments, *more]


def _at_speed(source: Recording, segment: Segment, speed: float, unit: float) -> Recording:
    """A stretch of ``source`` at ``speed`` about its middle, in whole counts of the converter."""
    piece = source.samples[segment.start : segment.stop].astype(np.float64) * unit
    heard = centered(resample(piece, STEPS, round(STEPS * speed)), len(piece))
    counts = np.clip(np.rint(heard), INT16.min, INT16.max)
    return replace(
        source, name=f"{source.name}@{speed:g}", samples=(counts / unit).astype(np.float32)
    )
