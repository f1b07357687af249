"""The data stage on good data: layouts, columns, windows, and the manifest."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import signal, write_config, write_csv, write_folder

from tinyml_nas.console import Console
from tinyml_nas.data import SIDES, DataSplits, prepare_data

pytestmark = pytest.mark.fast
QUIET = Console(quiet=True)


def prepare(root: Path, **keys: dict[str, Any]) -> DataSplits:
    return prepare_data(write_config(root, **keys), QUIET)


def same(one: DataSplits, two: DataSplits) -> bool:
    return all(
        np.array_equal(one.side(side).x, two.side(side).x)
        and np.array_equal(one.side(side).y, two.side(side).y)
        for side in SIDES
    )


def test_a_folder_of_csv_becomes_windows(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    data = prepare(tmp_path)
    assert data.class_names == ("down", "up")
    assert data.channel_names == ("a", "b")
    windows_per_file = (100 - 16) // 8 + 1
    assert data.manifest["class_counts"] == {
        "train": [3 * windows_per_file] * 2,
        "validation": [windows_per_file] * 2,
        "test": [windows_per_file] * 2,
    }
    assert data.train.x.shape == (6 * windows_per_file, 2, 16)
    assert data.train.x.dtype == np.float32
    source = data.manifest["sources"][0]
    content = (root / source["path"]).read_bytes()
    assert source["sha256"] == hashlib.sha256(content).hexdigest()
    json.dumps(data.manifest)


def test_windows_hold_the_samples_of_their_recording(tmp_path: Path) -> None:
    write_folder(tmp_path)
    data = prepare(tmp_path)
    written = {"up": 0, "down": 100}
    for index in range(0, len(data.test), 5):
        label = data.class_names[data.test.y[index]]
        start = data.test.start[index]
        found = any(
            np.allclose(data.test.x[index], signal(written[label] + k)[start : start + 16].T)
            for k in range(5)
        )
        assert found


def test_text_npy_and_archives_give_the_same_windows(tmp_path: Path) -> None:
    for kind in ("csv", "npy", "txt"):
        root = tmp_path / kind
        for label in ("down", "up"):
            for index in range(3):
                path = root / "set" / "classes" / label / f"{index}.{kind}"
                path.parent.mkdir(parents=True, exist_ok=True)
                values = signal(10 * len(label) + index)
                if kind == "npy":
                    np.save(path, values)
                else:
                    write_csv(path, values, header="")
    archive = tmp_path / "zip" / "set.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in (tmp_path / "csv" / "set").rglob("*.csv"):
            packed.write(path, "top/" + path.relative_to(tmp_path / "csv" / "set").as_posix())
    with tarfile.open(tmp_path / "zip" / "set.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "csv" / "set", "./top")
    csv, npy, txt = (prepare(tmp_path / kind) for kind in ("csv", "npy", "txt"))
    zipped = prepare(tmp_path / "zip", dataset={"input_data_path": "set.zip"})
    assert same(csv, npy)
    assert same(csv, txt)
    assert same(csv, zipped)
    assert same(csv, prepare(tmp_path / "zip", dataset={"input_data_path": "set.tar.gz"}))
    assert zipped.manifest["sources"][0]["path"] == "set.zip"
    assert sorted(p.name for p in archive.parent.iterdir()) == [
        "config.yaml",
        "set.tar.gz",
        "set.zip",
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", " "])
def test_other_delimiters_and_exponents_are_read(tmp_path: Path, delimiter: str) -> None:
    for label in ("down", "up"):
        for index in range(3):
            path = tmp_path / "set" / "classes" / label / f"{index}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [[1e-5 * (i + index), -2.0 + len(label)] for i in range(20)]
            path.write_text("\n".join(delimiter.join(f"{v:e}" for v in row) for row in rows))
    data = prepare(tmp_path)
    assert data.channel_names == ("channel_0", "channel_1")
    assert data.train.start.min() == 0  # the first row, 1e-5 and the like, is no header
    assert data.train.x[0, 0, 1] - data.train.x[0, 0, 0] == pytest.approx(1e-5, rel=1e-3)


@pytest.mark.parametrize(
    ("variables", "names"),
    [(1, ("a",)), ([1], ("b",)), (["b", "a"], ("b", "a")), ([1, "a"], ("b", "a"))],
)
def test_variables_by_count_number_and_name(
    tmp_path: Path, variables: int | list[int | str], names: tuple[str, ...]
) -> None:
    write_folder(tmp_path)
    both = prepare(tmp_path)
    data = prepare(tmp_path, processing={"variables": variables})
    assert data.channel_names == names
    order = ["ab".index(name) for name in names]
    assert np.array_equal(data.train.x, both.train.x[:, order])


def test_labels_and_groups_from_one_table(tmp_path: Path) -> None:
    lines = ["time,x,y,who,label"]
    for who in range(6):
        for label in ("still", "moving"):
            lines += [f"{i},{v[0]},{v[1]},p{who},{label}" for i, v in enumerate(signal(who, 40))]
            lines.append(f"99,{who},{len(label)},p{who},{label}")
    (tmp_path / "one.csv").write_text("\n".join(lines))
    keys = {"input_data_path": "one.csv", "split_type": "by_group", "group_by": "who"}
    data = prepare(tmp_path, dataset=keys)
    assert data.class_names == ("moving", "still")
    assert data.channel_names == ("x", "y")
    groups = data.manifest["split"]["groups"]
    assert sorted(name for side in groups.values() for name in side) == [f"p{i}" for i in range(6)]
    assert {record["name"] for record in data.manifest["recordings"]} >= {"one.csv:2"}


def test_concatenated_and_stacked_arrays_agree(tmp_path: Path) -> None:
    x = np.stack([np.rint(100 * signal(i, 32)) for i in range(12)]).astype(np.int16)
    y = np.arange(12) % 2
    common = {"y": y, "classes": np.array(["no", "yes"]), "channels": np.array(["p", "q"])}
    scale = np.array([0.5, 0.25], dtype=np.float32)
    np.savez(tmp_path / "stacked.npz", X=x, scale=scale, **common)
    lengths = np.full(12, 32)
    np.savez(tmp_path / "flat.npz", X=x.reshape(-1, 2), lengths=lengths, scale=scale, **common)
    stacked = prepare(tmp_path, dataset={"input_data_path": "stacked.npz"})
    flat = prepare(tmp_path, dataset={"input_data_path": "flat.npz"})
    assert same(stacked, flat)
    assert stacked.class_names == ("no", "yes")
    first = stacked.train.recording[0]
    assert np.array_equal(stacked.train.x[0], (x[first, :16] * scale).T)


def test_without_a_frame_size_each_recording_is_a_window(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "set.npz", X=np.stack([signal(i, 20)[:, 0] for i in range(8)]), y=[0, 1] * 4
    )
    keys = {"frame_size": 1, "stride_size": 0.01, "variables": 1, "data_proc_transforms": []}
    data = prepare(tmp_path, dataset={"input_data_path": "set.npz"}, processing=keys)
    assert data.train.x.shape[1:] == (1, 20)
    assert sum(data.manifest["windows"].values()) == 8


def test_without_simple_window_and_stride_frames_do_not_overlap(tmp_path: Path) -> None:
    write_folder(tmp_path)
    data = prepare(tmp_path, processing={"data_proc_transforms": [], "stride_size": 0.01})
    assert sorted(set(data.train.start.tolist())) == list(range(0, 96, 16))


def test_downsample_takes_every_nth_sample_and_scale_divides(tmp_path: Path) -> None:
    write_folder(tmp_path)
    keys = {
        "data_proc_transforms": ["Downsample", "SimpleWindow"],
        "sampling_rate": 100,
        "new_sr": 50,
    }
    thin = prepare(tmp_path, processing={**keys, "scale": 4, "stride_size": 1.0})
    full = prepare(tmp_path, processing={"frame_size": 32, "stride_size": 1.0})
    assert np.allclose(thin.train.x, full.train.x[:, :, ::2] / 4)


def test_the_data_is_only_read(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    config = write_config(tmp_path)
    folders = [root, *(p for p in root.rglob("*") if p.is_dir())]
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in root.rglob("*.csv")}
    for path in (*before, *folders):
        os.chmod(path, 0o444 if path.is_file() else 0o555)
    try:
        assert len(prepare_data(config, QUIET).train)
    finally:
        for folder in folders:
            os.chmod(folder, 0o755)
    after = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in root.rglob("*") if p.is_file()}
    assert after == before


def test_the_doctor_speaks_up(tmp_path: Path) -> None:
    root = write_folder(tmp_path, files=12)
    for index in range(3, 12):
        (root / "classes" / "up" / f"s{index}_r0.csv").unlink()
    for path in root.rglob("*.csv"):
        values = np.loadtxt(path, delimiter=",", skiprows=1)[:, 1:]
        values[:, 1] = 1.5
        write_csv(path, values)
    write_csv(root / "classes" / "up" / "short.csv", signal(900, 9))
    copy = root / "classes" / "down" / "twin.csv"
    copy.write_bytes((root / "classes" / "down" / "s0_r1.csv").read_bytes())
    notes = " ".join(prepare(tmp_path).manifest["notes"])
    assert "short.csv with 9" in notes
    assert "twin.csv is a copy of" in notes
    assert "Channel 'b' is constant" in notes
    assert "Class 'down' has" in notes


def test_the_synthetic_signal_is_seeded_and_called_synthetic(tmp_path: Path) -> None:
    keys = {"generator": "arc_fault", "input_data_path": None}
    frames = {"variables": 1, "frame_size": 1024, "stride_size": 1.0}
    data = prepare(tmp_path, dataset=keys, processing=frames)
    assert data.manifest["synthetic"] is True
    assert data.class_names == ("arc", "normal")
    assert same(data, prepare(tmp_path, dataset=keys, processing=frames))
