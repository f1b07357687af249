"""Assertions on the finished split, made in every run: no leak, no class left without examples."""

from __future__ import annotations

from itertools import pairwise

from tinyml_nas.data.problems import Problems
from tinyml_nas.data.records import SIDES, RecordingSet, Segment, Side
from tinyml_nas.data.windows import Framing, starts
from tinyml_nas.errors import DataError


def check_no_leak(data: RecordingSet, segments: list[Segment], frame: Framing, kind: str) -> None:
    """Raise if samples, files (unless divided by time) or groups are on two sides."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    sides_of_group: dict[str | None, set[str]] = {}
    for segment in segments:
        first = starts(segment, frame)
        if not len(first):
            continue
        spans.setdefault(segment.recording, []).append(
            (first[0], first[-1] + frame.length, segment.side)
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


def check_classes(
    counts: dict[Side, list[int]], class_names: tuple[str, ...], kind: str
) -> list[str]:
    """Notes on absent classes; an error where a side could and must have one."""
    problems, notes = Problems(), []
    hint = {
        "amongst_files": "Add longer recordings, or shorten frame_size.",
        "within_files": "The recordings are too short for three stretches: shorten frame_size.",
        "by_group": "Name the groups in dataset.split_groups, or record more groups.",
    }[kind]
    for side in SIDES:
        missing = [name for name, n in zip(class_names, counts[side], strict=True) if not n]
        if not missing:
            continue
        message = f"No window of {', '.join(missing)} is on the {side} side of the split."
        if side == "train" or kind != "by_group" or len(missing) == len(class_names):
            problems.add(message, hint)
        else:
            notes.append(message)
    problems.raise_any()
    return notes
