"""The data doctor: what looks odd in a data set although it can be used."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from tinyml_nas.data.records import SIDES, DataSplits, Recording, RecordingSet
from tinyml_nas.data.windows import Framing
from tinyml_nas.errors import DataError

HORIZON = {True: ", forecast_horizon", False: ""}
IMBALANCE = 3.0
"""Largest over smallest class from which it is worth a word."""


def drop_copies(data: RecordingSet) -> RecordingSet:
    """The recordings without exact copies, for a copy on another side would be a leak."""
    seen: dict[str, Recording] = {}
    copies = []
    for recording in data.recordings:
        targets = b"" if recording.targets is None else recording.targets.tobytes()
        digest = hashlib.sha256(recording.samples.tobytes() + targets).hexdigest()
        first = seen.setdefault(digest, recording)
        if first is recording:
            continue
        if first.label != recording.label:
            raise DataError(
                f"{recording.name} ({recording.label}) holds the same samples as {first.name} "
                f"({first.label}).",
                hint="One of the two labels is wrong; remove that file.",
            )
        copies.append(f"{recording.name} is a copy of {first.name}")
    if not copies:
        return data
    note = f"{len(copies)} recordings were left out as copies: {'; '.join(copies[:3])}."
    return replace(data, recordings=tuple(seen.values()), notes=(*data.notes, note))


def drop_short(data: RecordingSet, frame: Framing) -> RecordingSet:
    """The recordings that hold at least one model input; a class without any is an error."""
    kept = tuple(r for r in data.recordings if len(r) >= frame.shortest)
    for label in data.class_names or ("",):
        own = [r for r in data.recordings if r.label == label]
        if own and max(len(r) for r in own) < frame.shortest:
            longest = max(own, key=len)
            raise DataError(
                f"One model input takes {frame.shortest} samples, but the longest recording"
                f"{f' of class {label!r}' if label else ''}, {longest.name}, has {len(longest)}.",
                hint=f"Lower frame_size{HORIZON[frame.ahead > 0]} or num_frame_concat, or record "
                "longer.",
            )
    short = [r for r in data.recordings if len(r) < frame.shortest]
    if not short:
        return data
    note = (
        f"{len(short)} recordings are shorter than the {frame.shortest} samples of one model input "
        f"and were left out, e.g. {short[0].name} with {len(short[0])}."
    )
    return replace(data, recordings=kept, notes=(*data.notes, note))


def examine(splits: DataSplits) -> list[str]:
    """Notes on the finished windows."""
    return [*_imbalance(splits), *_odd_channels(splits), *_twin_windows(splits)]


def _imbalance(splits: DataSplits) -> list[str]:
    if splits.task != "classification":
        return []
    counts = np.bincount(splits.train.y, minlength=len(splits.class_names))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] < IMBALANCE * counts[least]:
        return []
    return [
        f"Class {splits.class_names[most]!r} has {counts[most]} training windows, "
        f"{splits.class_names[least]!r} only {counts[least]}."
    ]


def _odd_channels(splits: DataSplits) -> list[str]:
    """Channels that never change, or that count up like a clock."""
    notes = []
    for index, name in enumerate(splits.channel_names):
        steps = np.diff(splits.train.x[:, index].astype(np.float64), axis=1)
        if not steps.size:
            continue
        if np.ptp(splits.train.x[:, index]) == 0:
            notes.append(f"Channel {name!r} is constant in the training windows.")
        elif steps.min() > 0 and np.ptp(steps) < 1e-3 * steps.max():
            notes.append(f"Channel {name!r} rises evenly like a clock; is it a time column?")
    return notes


def _twin_windows(splits: DataSplits) -> list[str]:
    """Validation and test windows that also exist, sample for sample, in training."""
    known = {hash(window.tobytes()) for window in splits.train.x}
    notes = []
    for side in SIDES[1:]:
        twins = sum(hash(window.tobytes()) in known for window in splits.side(side).x)
        if twins:
            notes.append(f"{twins} {side} windows equal a training window sample for sample.")
    return notes
