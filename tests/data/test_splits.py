"""Splits: seeded, by shares, independent of the file system, and without a leak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import signal, write_config, write_folder
from hypothesis import given
from hypothesis import strategies as st

from tinyml_nas.console import Console
from tinyml_nas.data import SIDES, DataSplits, Side, prepare_data
from tinyml_nas.data.checks import check_no_leak
from tinyml_nas.data.readers.tree import FolderTree
from tinyml_nas.data.records import Recording, RecordingSet, Segment
from tinyml_nas.data.split import allocate, split
from tinyml_nas.data.windows import Framing
from tinyml_nas.errors import DataError

pytestmark = pytest.mark.fast
QUIET = Console(quiet=True)
BY_SUBJECT = {"split_type": "by_group", "group_by": r"/s(\d+)_"}


def prepare(root: Path, **keys: dict[str, Any]) -> DataSplits:
    return prepare_data(write_config(root, **keys), QUIET)


def names(data: DataSplits, side: Side) -> set[str]:
    return {r["name"] for r in data.manifest["recordings"] if r["side"] == side}


def sample_keys(data: DataSplits, side: Side) -> set[tuple[int, int]]:
    """(recording, sample) of every sample in the windows of a side."""
    windows = data.side(side)
    length = windows.x.shape[-1]
    return {
        (int(r), int(s) + i)
        for r, s in zip(windows.recording, windows.start, strict=True)
        for i in range(length)
    }


@given(st.integers(3, 400), st.lists(st.floats(0.05, 1), min_size=3, max_size=3))
def test_shares_are_met_within_one_and_nobody_is_empty(count: int, shares: list[float]) -> None:
    sizes = allocate(count, shares)
    assert sum(sizes) == count
    assert min(sizes) >= 1
    if count * min(shares) / sum(shares) >= 1:
        exact = [count * share / sum(shares) for share in shares]
        assert all(abs(size - want) < 1 for size, want in zip(sizes, exact, strict=True))


def test_files_are_stratified_and_on_one_side(tmp_path: Path) -> None:
    write_folder(tmp_path, files=10)
    data = prepare(tmp_path)
    sides = [names(data, side) for side in SIDES]
    assert [len(side) for side in sides] == [12, 6, 2]
    assert len(set.union(*sides)) == 20
    for side in sides:
        ups = sum("/up/" in name for name in side)
        assert 2 * ups == len(side)


def test_another_seed_splits_otherwise_and_the_same_seed_alike(tmp_path: Path) -> None:
    write_folder(tmp_path, files=10)
    config = write_config(tmp_path)
    other = config.model_copy(update={"common": config.common.model_copy(update={"seed": 8})})
    first, again, third = (prepare_data(c, QUIET) for c in (config, config, other))
    assert names(first, "test") == names(again, "test")
    assert any(names(first, side) != names(third, side) for side in SIDES)


def test_the_order_of_the_file_system_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path, files=6)
    plain = prepare(tmp_path)
    rglob = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: reversed(list(rglob(self, pattern))))
    assert FolderTree(tmp_path).names()
    turned = prepare(tmp_path)
    assert plain.manifest == turned.manifest
    assert np.array_equal(plain.train.x, turned.train.x)


@pytest.mark.parametrize(
    "dataset", [{}, {"split_type": "within_files"}, BY_SUBJECT], ids=["files", "time", "group"]
)
def test_no_sample_is_on_two_sides(tmp_path: Path, dataset: dict[str, Any]) -> None:
    write_folder(tmp_path, files=6)
    frames = {"stride_size": 0.25, "frame_size": 8}
    data = prepare(tmp_path, dataset=dataset, processing=frames)
    train, validation, test = (sample_keys(data, side) for side in SIDES)
    assert train
    assert validation
    assert test
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_within_files_the_past_trains_and_the_future_tests(tmp_path: Path) -> None:
    write_folder(tmp_path, files=1)
    factors = {"split_type": "within_files", "split_factor": [0.5, 0.25, 0.25]}
    data = prepare(tmp_path, dataset=factors)
    assert data.train.start.max() + 16 <= 50 <= data.validation.start.min()
    assert data.validation.start.max() + 16 <= 75 <= data.test.start.min()


def test_groups_stay_whole_and_every_class_is_everywhere(tmp_path: Path) -> None:
    write_folder(tmp_path, files=8, labels=("one", "two", "three"))
    data = prepare(tmp_path, dataset=BY_SUBJECT)
    groups = data.manifest["split"]["groups"]
    assert sorted(name for side in groups.values() for name in side) == [str(i) for i in range(8)]
    assert all(min(counts) > 0 for counts in data.manifest["class_counts"].values())


def test_named_groups_go_where_they_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path, files=6)
    named = {**BY_SUBJECT, "split_groups": {"test": ["5", "0"]}}
    groups = prepare(tmp_path, dataset=named).manifest["split"]["groups"]
    assert groups["test"] == ["0", "5"]
    assert len(groups["train"]) + len(groups["validation"]) == 4
    every = {"train": ["0", "1"], "validation": ["2"], "test": ["3"]}
    data = prepare(tmp_path, dataset={**BY_SUBJECT, "split_groups": every})
    assert data.manifest["split"]["groups"] == every
    assert any("left out: ['4', '5']" in note for note in data.manifest["notes"])


def test_annotation_lists_fix_the_split(tmp_path: Path) -> None:
    root = write_folder(tmp_path, files=3)
    (root / "annotations").mkdir()
    wanted = {"train": "0", "val": "1", "test": "2"}
    for word, index in wanted.items():
        lines = f"classes/up/s{index}_r0.csv\ndown/s{index}_r1.csv\n"
        (root / "annotations" / f"instances_{word}_list.txt").write_text(lines)
    data = prepare(tmp_path)
    assert names(data, "validation") == {"classes/up/s1_r0.csv", "classes/down/s1_r1.csv"}
    assert data.manifest["split"]["type"] == "annotation_lists"


LEAK_FRAME = Framing(length=4, hop=2, shortest=4)


def two_recordings(group: str | None) -> RecordingSet:
    recordings = tuple(Recording(f"r{i}", "up", signal(i, 20), group) for i in range(2))
    return RecordingSet(recordings, ("a", "b"), ("up",))


@pytest.mark.parametrize(
    ("segments", "group", "kind", "words"),
    [
        ([(0, 0, 12, "train"), (0, 10, 20, "test")], None, "within_files", "r0 is on two sides"),
        ([(0, 0, 10, "train"), (0, 10, 20, "test")], None, "amongst_files", "r0 is on two sides"),
        ([(0, 0, 20, "train"), (1, 0, 20, "test")], "ann", "by_group", "'ann' is on two sides"),
    ],
)
def test_a_leak_is_caught_at_run_time(
    segments: list[tuple[Any, ...]], group: str | None, kind: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        check_no_leak(two_recordings(group), [Segment(*s) for s in segments], LEAK_FRAME, kind)


def test_the_checked_split_of_one_more_file_keeps_whole_files(tmp_path: Path) -> None:
    write_folder(tmp_path, files=3)
    config = write_config(tmp_path)
    recordings = tuple(
        Recording(f"{label}/{i}", label, signal(i + 10 * k, 30))
        for k, label in enumerate(("down", "up"))
        for i in range(4)
    )
    data = RecordingSet(recordings, ("a", "b"), ("down", "up"))
    segments = split(data, config, LEAK_FRAME)
    assert [s.recording for s in segments] == list(range(8))
    assert all((s.start, s.stop) == (0, 30) for s in segments)
