"""What goes to training, validation and test: whole files, stretches of time, or whole groups.

All choices come from one seed and from sorted names, never from the order of a file system.
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.data.faults import Problems
from tinyml_nas.data.records import SIDES, RecordingSet, Segment, Side
from tinyml_nas.data.windows import Framing, starts
from tinyml_nas.errors import DataError, listed

CANDIDATES = 256
"""Random divisions of the groups that are compared; the most even one is taken."""
MISSING_CLASS = 10.0
"""Cost of a class absent from a side in that comparison; 1 is a whole class misplaced."""


def split(data: RecordingSet, config: Config, frame: Framing) -> list[Segment]:
    """Every used stretch of every recording with its side, in the order of the recordings.

    For anomaly detection what is not normal goes to the test side, or nowhere where that side has
    nothing of its group.
    """
    if config.common.task != "anomaly":
        return _split(data, config, frame)
    normal = [i for i, r in enumerate(data.recordings) if r.label == data.class_names[0]]
    known = replace(
        data,
        recordings=tuple(data.recordings[i] for i in normal),
        class_names=data.class_names[:1],
    )
    segments = [replace(s, recording=normal[s.recording]) for s in _split(known, config, frame)]
    seen = {data.recordings[s.recording].group for s in segments if s.side != "test"} - {None}
    segments += [
        Segment(index, 0, len(recording), "test")
        for index, recording in enumerate(data.recordings)
        if recording.label != data.class_names[0] and recording.group not in seen
    ]
    return sorted(segments, key=lambda s: (s.recording, s.start))


def _split(data: RecordingSet, config: Config, frame: Framing) -> list[Segment]:
    if any(recording.side for recording in data.recordings):
        return [
            Segment(index, 0, len(recording), recording.side)
            for index, recording in enumerate(data.recordings)
            if recording.side
        ]
    if config.dataset.split_type == "within_files":
        return _within_files(data, config.dataset.split_factor)
    by_group = config.dataset.split_type == "by_group"
    sides = _by_group(data, config, frame) if by_group else _amongst_files(data, config)
    return [
        Segment(index, 0, len(data.recordings[index]), side)
        for index, side in sorted(sides.items())
    ]


def seeded(seed: int, purpose: str) -> np.random.Generator:
    """A generator for one purpose, independent of all others."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def allocate(count: int, shares: Sequence[float]) -> list[int]:
    """``count`` divided by ``shares``; each share gets at least one if there are enough.

    The largest remainders are rounded up; an empty side takes one from whoever has most over
    its share.
    """
    exact = [count * share / sum(shares) for share in shares]
    sizes = [int(value) for value in exact]
    by_rest = sorted(range(len(shares)), key=lambda i: (sizes[i] - exact[i], i))
    for index in by_rest[: count - sum(sizes)]:
        sizes[index] += 1
    while 0 in sizes and max(sizes) > 1:
        givers = [i for i in range(len(shares)) if sizes[i] > 1]
        sizes[max(givers, key=lambda i: sizes[i] - exact[i])] -= 1
        sizes[sizes.index(0)] += 1
    return sizes


def _within_files(data: RecordingSet, shares: Sequence[float]) -> list[Segment]:
    """The first stretch of each recording trains, the last one tests."""
    segments = []
    for index, recording in enumerate(data.recordings):
        borders = [round(len(recording) * float(s)) for s in np.cumsum([0.0, *shares])]
        for side, start, stop in zip(SIDES, borders, borders[1:], strict=False):
            segments.append(Segment(index, start, stop, side))
    return segments


def _amongst_files(data: RecordingSet, config: Config) -> dict[int, Side]:
    """The side of each recording; every class is divided by the same shares."""
    problems = Problems()
    rng = seeded(config.common.seed, "split")
    sides: dict[int, Side] = {}
    for label in data.class_names or ("",):
        members = [i for i, recording in enumerate(data.recordings) if recording.label == label]
        if len(members) < len(SIDES):
            count = "1 recording" if len(members) == 1 else f"{len(members)} recordings"
            problems.add(
                f"{f'Class {label!r} has' if label else 'There is only'} {count}, too few for "
                "three sides.",
                "Record more files, or set dataset.split_type to within_files.",
            )
            continue
        shuffled = [members[i] for i in rng.permutation(len(members))]
        sizes = allocate(len(members), config.dataset.split_factor)
        for side, size in zip(SIDES, sizes, strict=True):
            sides.update(dict.fromkeys(shuffled[:size], side))
            shuffled = shuffled[size:]
    problems.raise_any()
    return sides


def _by_group(data: RecordingSet, config: Config, frame: Framing) -> dict[int, Side]:
    """The side of each recording; a group is never divided."""
    if any(recording.group is None for recording in data.recordings):
        raise DataError(
            "split_type by_group needs to know the group of each recording.",
            hint="Set dataset.group_by: a regular expression such as 'subject(\\d+)', or a column.",
        )
    counts = _group_counts(data, frame)
    named = _named_groups(config, list(counts))
    rest = [group for group in counts if group not in named]
    open_sides = [side for side in SIDES if side not in named.values()]
    if open_sides:
        shares = [config.dataset.split_factor[SIDES.index(side)] for side in open_sides]
        named |= _share_groups(rest, open_sides, shares, counts, config.common.seed)
    return {
        index: named[recording.group]
        for index, recording in enumerate(data.recordings)
        if recording.group in named
    }


def _group_counts(data: RecordingSet, frame: Framing) -> dict[str, NDArray[np.float64]]:
    """Windows per class of each group, groups sorted by name."""
    groups = sorted({str(recording.group) for recording in data.recordings})
    column = {label: index for index, label in enumerate(data.class_names or ("",))}
    counts = {group: np.zeros(len(column)) for group in groups}
    for index, recording in enumerate(data.recordings):
        windows = len(starts(Segment(index, 0, len(recording), "train"), frame))
        counts[str(recording.group)][column[recording.label]] += windows
    return counts


def _named_groups(config: Config, known: list[str]) -> dict[str, Side]:
    """The side of each group that ``split_groups`` names."""
    problems = Problems()
    sides: dict[str, Side] = {}
    wanted = config.dataset.split_groups
    for side in SIDES if wanted else ():
        for group in getattr(wanted, side) or ():
            near = difflib.get_close_matches(group, known, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            if group not in known:
                problems.add(
                    f"dataset.split_groups.{side} names {group!r}, which is no group.{guess}",
                    f"The groups are {listed(known)}.",
                )
            elif sides.setdefault(group, side) != side:
                problems.add(
                    f"dataset.split_groups names {group!r} under {sides[group]} and {side}.",
                    "A group belongs to one side only.",
                )
    problems.raise_any()
    return sides


def _share_groups(
    groups: list[str],
    sides: list[Side],
    shares: list[float],
    counts: dict[str, NDArray[np.float64]],
    seed: int,
) -> dict[str, Side]:
    """The groups divided so that each class comes closest to its share on every side."""
    if len(groups) < len(sides):
        raise DataError(
            f"{len(groups)} groups cannot be divided among {' and '.join(sides)}.",
            hint="At least one group per side is needed; check dataset.group_by.",
        )
    table = np.stack([counts[group] for group in groups])  # [groups, classes]
    side_of = np.repeat(np.arange(len(sides)), allocate(len(groups), shares))
    share = np.array(shares)[:, None] / sum(shares)
    total = np.maximum(table.sum(axis=0), 1)
    rng = seeded(seed, "split")

    def cost(order: NDArray[np.int64]) -> float:
        got = np.stack([table[order[side_of == s]].sum(axis=0) for s in range(len(sides))])
        return float(np.abs(got / total - share).sum() + MISSING_CLASS * (got == 0).sum())

    best = min((rng.permutation(len(groups)) for _ in range(CANDIDATES)), key=cost)
    return {groups[index]: sides[side] for index, side in zip(best, side_of, strict=True)}
