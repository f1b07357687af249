"""The data doctor: what looks unusual in a data set that can be used."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from tinyml_nas.data.doctor.channels import channel_findings, label_leaks
from tinyml_nas.data.doctor.findings import sorted_findings
from tinyml_nas.data.doctor.twins import twin_findings
from tinyml_nas.data.records import DataSplits, Recording, RecordingSet
from tinyml_nas.data.windows import Framing
from tinyml_nas.errors import DataError, listed
from tinyml_nas.results.exploration import Finding

HORIZON = {True: ", forecast_horizon", False: ""}
FEWEST_WINDOWS = 20
"""Training windows of a class below which its accuracy is an accident."""
IMBALANCE = 3.0
"""Ratio of the largest to the smallest class from which a finding is made."""


def drop_copies(data: RecordingSet) -> RecordingSet:
    """The recordings without exact copies, because a copy on another side would be a leak."""
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
    one = "1 recording was left out as a copy"
    count = one if len(copies) == 1 else f"{len(copies)} recordings were left out as copies"
    note = f"{count}: {'; '.join(copies[:3])}."
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
    """Notes on the finished windows: the errors and warnings among ``findings``."""
    return [finding.what for finding in findings(splits) if finding.severity != "hint"]


def findings(splits: DataSplits) -> list[Finding]:
    """What stands out in the finished windows; the test side is only held against training."""
    train, names = splits.train, splits.channel_names
    found = [*_imbalance(splits), *channel_findings(train.x, names), *twin_findings(splits)]
    if len(splits.class_names) > 1:
        found += label_leaks(train.x, train.y, names, splits.class_names)
    return sorted_findings(found)


def _imbalance(splits: DataSplits) -> list[Finding]:
    if splits.task != "classification":
        return []
    counts = np.bincount(splits.train.y, minlength=len(splits.class_names))
    pairs = zip(splits.class_names, counts.tolist(), strict=True)
    few = {name: count for name, count in pairs if 0 < count < FEWEST_WINDOWS}
    found = []
    if few:
        counted = listed(f"{name} {count}" for name, count in few.items())
        what = f"Classes with fewer than {FEWEST_WINDOWS} training windows: {counted}."
        mend = "Record more, or lower stride_size."
        found = [Finding("warning", what, next(iter(few)), mend)]
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] < IMBALANCE * counts[least]:
        return found
    what = (
        f"Class {splits.class_names[most]!r} has {counts[most]} training windows, "
        f"{splits.class_names[least]!r} only {counts[least]}."
    )
    mend = "Record more of the rare class; the loss is balanced already."
    return [*found, Finding("warning", what, splits.class_names[least], mend)]
