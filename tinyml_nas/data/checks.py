"""Assertions on the finished split, made in every run: no leak, no class left without examples."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from tinyml_nas.data.faults import Problems
from tinyml_nas.data.records import SIDES, DataSplits, RecordingSet, Segment, Side
from tinyml_nas.data.windows import Framing, starts
from tinyml_nas.errors import DataError, listed


def check_no_leak(data: RecordingSet, segments: list[Segment], frame: Framing, kind: str) -> None:
    """Raise if samples, files (unless divided by time) or groups are on two sides."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    sides_of_group: dict[str | None, set[str]] = {}
    for segment in segments:
        first = starts(segment, frame)
        if not len(first):
            continue
        spans.setdefault(segment.recording, []).append(
            (first[0], first[-1] + frame.length + frame.ahead, segment.side)
        )
        group = data.recordings[segment.recording].group
        sides_of_group.setdefault(group, set()).add(segment.side)
    for recording, parts in spans.items():
        parts.sort()
        overlap = any(a[1] > b[0] and a[2] != b[2] for a, b in pairwise(parts))
        divided = kind != "within_files" and len({side for _, _, side in parts}) > 1
        if overlap or divided:
            raise DataError(f"{data.recordings[recording].name} is on two sides of the split.")
    for name, sides in sides_of_group.items():
        if name is not None and len(sides) > 1:
            raise DataError(f"Group {name!r} is on two sides of the split: {sorted(sides)}.")


def check_sides(splits: DataSplits, counts: Mapping[Side, list[int]], kind: str) -> list[str]:
    """Notes on what a side lacks; an error where it could and must have it."""
    match splits.task:
        case "classification":
            return check_classes(counts, splits.class_names, kind)
        case "anomaly":
            return _check_anomalies(splits, counts)
        case _:
            _check_filled({side: len(splits.side(side)) for side in SIDES}, "window", kind)
            return []


HINTS = {
    "amongst_files": "Add longer recordings, or shorten frame_size.",
    "within_files": "The recordings are too short for three stretches: shorten frame_size.",
    "by_group": "Name the groups in dataset.split_groups, or record more groups.",
}


def _check_filled(counts: Mapping[Side, int], what: str, kind: str) -> None:
    problems = Problems()
    for side in SIDES:
        if not counts[side]:
            problems.add(f"No {what} is on the {side} side of the split.", HINTS[kind])
    problems.raise_any()


def _check_anomalies(splits: DataSplits, counts: Mapping[Side, list[int]]) -> list[str]:
    """Every side needs normal windows; without anomalies there is little to report."""
    normal, *others = splits.class_names
    _check_filled({side: counts[side][0] for side in SIDES}, f"window of {normal}", "amongst_files")
    if sum(counts["test"][1:]):
        return []
    what = f"anomalies ({listed(others)})" if others else "anomalies"
    return [f"There are no {what} to test on: only false alarms can be counted."]


def check_classes(
    counts: Mapping[Side, list[int]], class_names: tuple[str, ...], kind: str
) -> list[str]:
    """Notes on absent classes; an error where a side could and must have one."""
    problems, notes = Problems(), []
    hint = HINTS[kind]
    for side in SIDES:
        missing = [name for name, n in zip(class_names, counts[side], strict=True) if not n]
        if not missing:
            continue
        message = f"No window of {listed(missing)} is on the {side} side of the split."
        if side == "train" or kind != "by_group" or len(missing) == len(class_names):
            problems.add(message, hint)
        else:
            notes.append(message)
    problems.raise_any()
    return notes
