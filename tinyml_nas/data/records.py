"""What the data stage speaks: recordings, windows and splits, all immutable.

A recording is one uninterrupted stretch: a file of a folder, a row of an array, a run of equal
labels in a table.  It belongs to one class, or has the values of its targets at every sample.
Windows are cut only after the recordings were split.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config.sections.common import Task

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True)
class Source:
    """One file that was read, with the SHA-256 of its bytes."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Recording:
    """One stretch of samples (T, C) in time order, of one class or with targets (T, K)."""

    name: str
    label: str
    samples: NDArray[np.float32]
    group: str | None = None
    side: Side | None = None  # fixed by the data set's own lists
    targets: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True)
class RecordingSet:
    """All recordings of a data set, sorted by name, and where they came from.

    It has classes or targets.  For anomaly detection the normal class comes first.
    """

    recordings: tuple[Recording, ...]
    channel_names: tuple[str, ...]
    class_names: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    target_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Segment:
    """Samples [start, stop) of a recording that belong to one side."""

    recording: int
    start: int
    stop: int
    side: Side


@dataclass(frozen=True)
class WindowSet:
    """Windows of equal length: x (N, C, L); label, recording, first sample and group of each.

    ``y`` numbers the classes (N,), or holds values: of the targets (N, K), or of their last sample
    in the window and the next ones after it, [N, (1 + horizon) * K], ordered by step.
    ``group`` numbers what must never be torn between two sides of a split: the groups of the data
    set (a person, a machine) where it names them, else the recordings.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    recording: NDArray[np.int64]
    start: NDArray[np.int64]
    group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class DataSplits:
    """The windows of the three sides, and the manifest that says where they came from.

    Consecutive windows of a stretch of a recording begin ``hop`` samples apart.  ``recordings``
    has the name of each recording, and its group where the data set names one, by number.
    """

    train: WindowSet
    validation: WindowSet
    test: WindowSet
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    hop: int
    task: Task = "classification"
    target_names: tuple[str, ...] = ()
    recordings: tuple[tuple[str, str | None], ...] = ()
    manifest: dict[str, Any] = field(default_factory=dict)

    def side(self, name: Side) -> WindowSet:
        """The windows of one side."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]
