"""``init --from``: for every way in which people keep recordings, a YAML that reads them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import yaml

from tinyml_nas import cli
from tinyml_nas.console import Console
from tinyml_nas.data import prepare_data
from tinyml_nas.features import extract_features
from tinyml_nas.init.file_names import find_labels, find_owner
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

QUIET = Console(quiet=True)
CLASSES = {"walk": 2.0, "run": 4.0, "rest": 0.5}
Make = Callable[[Path], Path]


def motion(hertz: float, seed: int, rows: int = 400, channels: int = 3) -> np.ndarray:
    """A recording [T, C] at 100 samples per second."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * hertz * np.arange(rows) / 100 + rng.uniform(0, 6)
    clean = np.stack([(1 + k) * np.sin(angle + k) for k in range(channels)], axis=1)
    return clean + 0.2 * rng.standard_normal(clean.shape)


def table(values: np.ndarray, header: str = "time,x,y,z", mark: str = ",") -> str:
    rows = [[f"{v:.4f}" for v in row] for row in values]
    if header.startswith("time"):
        rows = [[f"{index / 100:.2f}", *row] for index, row in enumerate(rows)]
    lines = [mark.join(row) for row in rows]
    return "\n".join([header.replace(",", mark), *lines] if header else lines) + "\n"


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def each(root: Path, name: str, files: int = 6, **form: str) -> Path:
    """Files of every class, at ``name`` with {label} and {index} filled in."""
    for label, hertz in CLASSES.items():
        for index in range(files):
            path = root / "set" / name.format(label=label, index=index, owner=index % 3)
            put(path, table(motion(hertz, crc32(f"{label}{index}".encode())), **form))
    return root / "set"


def arrays(root: Path) -> Path:
    for path in each(root, "{label}/{index}.csv", header="").rglob("*.csv"):
        np.save(path.with_suffix(".npy"), np.loadtxt(path, delimiter=",", dtype=np.float32))
        path.unlink()
    return root / "set"


def zipped(root: Path) -> Path:
    folder = each(root, "classes/{label}/{index}.csv")
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        for path in folder.rglob("*.csv"):
            archive.write(path, path.relative_to(root))
    return root / "set.zip"


def one_table(root: Path) -> Path:
    """Runs of an activity, four times, by four people."""
    rows = ["time_ms,x,y,z,subject,activity"]
    for number, (person, label) in enumerate((p, c) for p in "abcd" for c in CLASSES):
        for row in motion(CLASSES[label], number).tolist():
            cells = [f"{v:.4f}" for v in row]
            rows.append(",".join([str(10 * len(rows)), *cells, person, label]))
    put(root / "log.csv", "\n".join(rows) + "\n")
    return root / "log.csv"


def tables(root: Path) -> Path:
    """A table for each subject, with a column of labels."""
    for subject in range(4):
        rows = ["x,y,label"]
        for label, hertz in CLASSES.items():
            rows += [f"{a:.4f},{b:.4f},{label}" for a, b, _ in motion(hertz, subject).tolist()]
        put(root / "set" / f"subject_{subject}.csv", "\n".join(rows) + "\n")
    return root / "set"


def sides(root: Path) -> Path:
    for side, files in (("train", 4), ("val", 2), ("test", 2)):
        each(root, f"{side}/{{label}}/{side}_{{index}}.csv", files)
    for path in (root / "set").glob("*/*/*.csv"):  # no recording twice
        put(path, table(motion(2, crc32(str(path.parts[-3:]).encode()))))
    return root / "set"


LABELED: dict[str, tuple[Make, dict[str, object]]] = {
    "class folders": (lambda r: each(r, "{label}/{index}.csv"), {"data_dir": "."}),
    "no header": (lambda r: each(r, "{label}/{index}.txt", header=""), {"data_dir": "."}),
    "TI's classes/": (lambda r: each(r, "classes/{label}/{index}.csv"), {"data_dir": None}),
    "a folder deeper": (lambda r: each(r, "v2/data/{label}/{index}.csv"), {"data_dir": "v2/data"}),
    "semicolons": (lambda r: each(r, "{label}/{index}.csv", mark=";"), {"data_dir": "."}),
    "subjects in names": (
        lambda r: each(r, "{label}/subject{owner}_{index}.csv"),
        {"split_type": "by_group"},
    ),
    "class in names": (
        lambda r: each(r, "{label}_{index:02d}.csv"),
        {"split_type": "amongst_files"},
    ),
    "class second": (
        lambda r: each(r, "p{owner}_{label}_{index}.csv"),
        {"split_type": "by_group"},
    ),
    "subject folders": (
        lambda r: each(r, "person{index}/{label}/a.csv", 4),
        {"split_type": "by_group"},
    ),
    "two files of a class": (
        lambda r: each(r, "{label}/{index}.csv", 2),
        {"split_type": "within_files"},
    ),
    "arrays": (arrays, {"data_dir": "."}),
    "a zip": (zipped, {}),
    "one table": (one_table, {"label_column": "activity", "group_by": "subject"}),
    "many tables": (tables, {"label_column": "label", "split_type": "by_group"}),
    "a split in folders": (sides, {"split_type": "by_group"}),
}


@pytest.mark.parametrize("layout", LABELED)
def test_labeled_recordings_can_be_read_at_once(tmp_path: Path, layout: str) -> None:
    make, expected = LABELED[layout]
    source, out = make(tmp_path), tmp_path / "here" / "config.yaml"
    assert cli.main(["init", "--from", str(source), "-o", str(out)]) == 0
    assert cli.main(["check", str(out)]) == 0
    loaded = load_config(out)
    assert loaded.warnings == []
    assert loaded.config.common.task == "classification"
    assert {key: getattr(loaded.config.dataset, key) for key in expected} == expected
    data = prepare_data(loaded.config, QUIET)
    assert set(data.class_names) == set(CLASSES)
    features = extract_features(data, loaded.config, QUIET)
    assert all(len(side) for side in (features.train, features.validation, features.test))
    if layout == "a split in folders":
        assert data.manifest["split"]["groups"]["test"] == ["test"]


def test_the_written_configuration_runs(tmp_path: Path) -> None:
    """With as little training as there is: what it says, it does."""
    source, out = each(tmp_path, "{label}/{index}.csv", 4), tmp_path / "config.yaml"
    assert cli.main(["init", "--from", str(source), "-o", str(out), "--quiet"]) == 0
    short = ["--set", "training.training_epochs=1", "--set", "training.quantization=0"]
    assert cli.main([str(out), *short, "--output", str(tmp_path / "runs"), "--quiet"]) == 0
    assert (tmp_path / "runs" / "set" / "latest" / "results.json").is_file()


def unlabeled(root: Path) -> Path:
    for index in range(5):
        put(root / "set" / f"log{index}.csv", table(motion(3, index)))
    return root / "set"


def normal_folder(root: Path) -> Path:
    for index in range(5):
        put(root / "set" / "normal" / f"{index}.csv", table(motion(3, index)))
    return root / "set"


def anomalies(root: Path) -> Path:
    for index in range(5):
        put(root / "set" / "classes" / "Normal" / f"{index}.csv", table(motion(3, index)))
        put(root / "set" / "classes" / "Anomaly" / f"{index}.csv", table(motion(9, index)))
    return root / "set"


def target(root: Path) -> Path:
    for index in range(5):
        put(root / "set" / f"{index}.csv", table(motion(3, index), header="current,voltage,target"))
    return root / "set"


def ti_files(root: Path) -> Path:
    for index in range(5):
        path = root / "set" / "files" / f"{index}.csv"
        put(path, table(motion(3, index), header="current,voltage,torque"))
    return root / "set"


def log(root: Path) -> Path:
    put(root / "set" / "log.csv", table(motion(0.5, 1, rows=3000), header="time,load,wind,heat"))
    return root / "set"


@pytest.mark.parametrize(
    ("make", "task", "words"),
    [
        (unlabeled, "anomaly", "To label: sort the recordings into the folders Normal"),
        (normal_folder, "anomaly", "folder 'normal' alone"),
        (anomalies, "anomaly", "learns what is normal"),
        (target, "regression", "target_variables: [target]"),
        (ti_files, "regression", "target_variables: [torque]"),
        (log, "forecasting", "forecast_horizon: 1"),
    ],
)
def test_other_tasks_are_told_apart(tmp_path: Path, make: Make, task: str, words: str) -> None:
    out = tmp_path / "config.yaml"
    assert cli.main(["init", "--from", str(make(tmp_path)), "-o", str(out)]) == 0
    assert load_config(out).config.common.task == task
    assert words in " ".join(out.read_text(encoding="utf-8").replace("#", "").split())


def test_columns_frames_and_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A counter and a dead column are left out, the clock gives the rate, the period the frame."""
    for label, hertz in {"slow": 2.0, "fast": 2.1}.items():
        for index in range(6):
            x = motion(hertz, index, rows=2000, channels=1)
            rows = [f"{k},{k * 10},{v:.0f},7" for k, v in enumerate(1000 * x[:, 0])]
            put(tmp_path / label / f"{index}.csv", "\n".join(["n,time_ms,a b,dead", *rows]) + "\n")
    out = tmp_path / "c.yaml"
    assert cli.main(["init", "--from", str(tmp_path), "-o", str(out)]) == 0
    shown = capsys.readouterr().out
    for words in ("left out: counts the rows", "left out: is always 7", "100 samples per second"):
        assert words in shown
    keys = yaml.safe_load(out.read_text(encoding="utf-8"))
    processing = keys["data_processing_feature_extraction"]
    assert processing["variables"] == ["a b"]
    assert processing["frame_size"] == 256  # 4 periods of 48 to 50 samples, as a power of two
    assert processing["sampling_rate"] == 100
    assert keys["compilation"]["sample_lsb"] == 1


def test_vibration_gets_a_spectrum(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("good", "worn"):
        for index in range(6):
            np.save(_made(tmp_path / "set" / label) / f"{index}.npy", rng.normal(size=(4000, 1)))
    out = tmp_path / "c.yaml"
    assert cli.main(["init", "--from", str(tmp_path / "set"), "-o", str(out)]) == 0
    config = load_config(out).config
    assert "FFT_FE" in config.data_processing_feature_extraction.feat_ext_transform
    assert len(extract_features(prepare_data(config, QUIET), config, QUIET).train)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = each(tmp_path, "{label}/{index}.csv", 2)
    out = tmp_path / "config.yaml"
    out.write_text("mine", encoding="utf-8")
    assert cli.main(["init", "--from", str(source), "-o", str(out)]) == 2
    assert "is not overwritten" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "holds no recordings"),
        ({"README.txt": "hello"}, "holds no recordings"),
        ({"a.csv": "name\nanna\notto\n"}, "no column of numbers that change"),
        ({"a.csv": "x,y\n1,2\n3\n"}, "a.csv, line 3: 1 columns where the first line has 2"),
        ({"a.csv": "x\n\n"}, "has a header and no rows"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: dict[str, str], words: str
) -> None:
    _made(tmp_path / "set")
    for name, text in content.items():
        put(tmp_path / "set" / name, text)
    out = tmp_path / "c.yaml"
    assert cli.main(["init", "--from", str(tmp_path / "set"), "-o", str(out)]) == 5
    assert words in capsys.readouterr().err
    assert not out.exists()
    assert cli.main(["init", "--from", str(tmp_path / "gone"), "-o", str(out)]) == 5
    assert cli.main(["init"]) == 2


def test_strange_names_are_quoted(tmp_path: Path) -> None:
    for label in ("it's: a # class", "no"):
        for index in range(4):
            path = tmp_path / "5 sets, new" / label / f"{index}.csv"
            put(path, table(motion(2, index + 10 * len(label)), header="yes,a: b,'q' \"r\""))
    out = tmp_path / "c.yaml"
    assert cli.main(["init", "--from", str(tmp_path / "5 sets, new"), "-o", str(out)]) == 0
    config = load_config(out).config
    assert config.data_processing_feature_extraction.variables[:2] == ("yes", "a: b")
    assert len(prepare_data(config, QUIET).train)


def test_words_of_names() -> None:
    found = find_labels([f"s{i}_{word}_r{i % 3}.csv" for i in range(9) for word in ("up", "down")])
    assert found is not None
    assert found.counts == {"down": 9, "up": 9}
    assert find_labels([f"rec{i}.csv" for i in range(9)]) is None
    names = [f"up/Motor-{i % 4}_{i}.csv" for i in range(12)]
    owner = find_owner(names, dict.fromkeys(names, "up"))
    assert owner is not None
    assert owner.counts == {"0": 3, "1": 3, "2": 3, "3": 3}
    assert find_owner(["up/motor1.csv", "up/motor2.csv", "up/motor3.csv"], {}) is None
