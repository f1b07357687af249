"""The data of the examples, and the script that cut the recordings."""

from __future__ import annotations

import importlib.util
import io
import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tinyml_nas.console import Console
from tinyml_nas.data import prepare_data
from tinyml_nas.features import extract_features
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast
QUIET = Console(quiet=True)
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def make_data() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_data", EXAMPLES / "watch_exercise" / "make_data.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_watch_recordings_are_split_by_person() -> None:
    config = load_config(EXAMPLES / "watch_exercise" / "config.yaml").config
    data = prepare_data(config, QUIET)
    assert data.class_names == ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
    assert data.train.x.shape[1:] == (6, 64)
    groups = data.manifest["split"]["groups"]
    assert [len(groups[side]) for side in ("train", "validation", "test")] == [6, 2, 2]
    assert all(min(counts) >= 70 for counts in data.manifest["class_counts"].values())
    assert not data.manifest["synthetic"]
    assert not data.manifest["notes"]


def test_the_watch_file_is_small_and_carries_its_license() -> None:
    folder = EXAMPLES / "watch_exercise"
    assert (folder / "watch_exercise.npz").stat().st_size <= 1_200_000
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "Copyright (c) 2018, David M. Burns" in readme
    assert "Redistributions in binary form must reproduce" in readme
    assert "arXiv:1802.01489" in readme


def test_the_arc_fault_example_gives_spectra() -> None:
    config = load_config(EXAMPLES / "hello_arc_fault" / "config.yaml").config
    data = prepare_data(config, QUIET)
    features = extract_features(data, config, QUIET)
    assert data.manifest["synthetic"]
    assert not data.manifest["notes"]
    assert features.train.x.shape == (768, 1, 256)
    mean = [features.train.x[features.train.y == label, 0, :64].mean() for label in (0, 1)]
    assert mean[0] > mean[1] + 3  # an arc is louder at low frequencies


@pytest.mark.parametrize("name", ["watch_exercise", "hello_arc_fault", "firmware_qemu"])
def test_an_editor_finds_the_schema(name: str) -> None:
    first = (EXAMPLES / name / "config.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../configs/schema.json"


def test_the_unpickler_builds_arrays_and_nothing_else(
    make_data: ModuleType, tmp_path: Path
) -> None:
    array = np.arange(6.0).reshape(2, 3)
    old = pickle.dumps(array, protocol=2).replace(b"numpy._core", b"numpy.core")
    assert np.array_equal(make_data.ArrayUnpickler(io.BytesIO(old)).load(), array)

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    with pytest.raises(pickle.UnpicklingError, match="is not allowed"):
        make_data.ArrayUnpickler(io.BytesIO(pickle.dumps(Bomb()))).load()
    assert not (tmp_path / "exploded").exists()


def test_the_wheel_must_be_the_right_one(make_data: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "other.whl").write_bytes(b"something else")
    with pytest.raises(SystemExit, match="has the SHA-256"):
        make_data.load(tmp_path / "other.whl")


def test_the_file_is_written_the_same_twice(make_data: ModuleType, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    raw = {
        "X": [rng.normal(size=(n, 6)) for n in (120, 81)],
        "y": [0, 1],
        "subject": [1, 2],
        "side": [0, 1],
        "y_labels": ["p", "q"],
        "X_labels": list("abcdef"),
    }
    for name in ("one", "two"):
        make_data.write(tmp_path / name, make_data.arrays(raw))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with np.load(tmp_path / "one", allow_pickle=False) as stored:
        assert stored["lengths"].tolist() == [60, 41]
        assert len(stored["X"]) == 101
        assert np.abs(stored["X"]).max() == 4095
