"""Bad input as a user meets it: one message with place and remedy, the exit code, nothing broken.

Every case runs the real pipeline on a small data set, checks that no run folder is left behind,
then mends what was wrong and runs again.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyml_nas.cli import main
from tinyml_nas.locks import Lock

pytestmark = pytest.mark.fast

GOOD = """\
common: {task_type: generic_timeseries_classification}
dataset: {input_data_path: set}
data_processing_feature_extraction:
  data_proc_transforms: [SimpleWindow]
  variables: 2
  frame_size: 32
  stride_size: 0.5
training: {model_name: CLS_500, training_epochs: 1, quantization: 0}
"""
Capture = pytest.CaptureFixture[str]
Damage = Callable[[Path], object]


def write_class(folder: Path, seed: int) -> None:
    """Four recordings of 100 samples with a time column and two channels."""
    folder.mkdir(parents=True)
    for index in range(4):
        samples = np.random.default_rng(10 * seed + index).normal(size=(100, 2))
        rows = [f"{t},{a:.4f},{b:.4f}" for t, (a, b) in enumerate(samples)]
        (folder / f"{index}.csv").write_text("\n".join(["time,a,b", *rows]), encoding="utf-8")


def write_project(folder: Path) -> None:
    """A good configuration and its data, in place of whatever is there."""
    config = folder / "config.yaml"
    shutil.rmtree(folder / "set", ignore_errors=True)
    if config.is_dir():
        config.rmdir()
    for number, label in enumerate(("up", "down")):
        write_class(folder / "set" / "classes" / label, number)
    config.write_text(GOOD, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good project, and the working folder of the test."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    return tmp_path


def refused(capsys: Capture, code: int, *arguments: str) -> str:
    """The message of a run that must end with ``code`` and leave no run folder."""
    assert main(["run", "config.yaml", *arguments]) == code
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert "Internal error" not in message
    assert not list(Path().glob("runs/**/*.partial"))
    return message


def assert_good_run(*arguments: str) -> None:
    assert main(["run", "config.yaml", "--quiet", *arguments]) == 0


# -- the configuration: exit code 2 ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "place", "words", "remedy"),
    [
        ("training: {", "trainin: {", "8:1", "'trainin' is not a known section", "'training'"),
        ("frame_size", "frame_sise", "6:3", "'frame_sise' is not a known key", "'frame_size'"),
        (
            "training_epochs",
            "training_epoch",
            "8:33",
            "'training_epoch' is not a known",
            "epochs'?",
        ),
        ("task_type", "task_typ", "1:10", "'task_typ' is not a known key", "'task_type'?"),
        (
            "quantization: 0",
            "augmentation: {jiter: 0.1}",
            "8:68",
            "'jiter' is not a known key",
            "did you mean 'jitter'?",
        ),
        ("dataset: {input_data_path: set}\n", "", "1:1", "'dataset' is missing", "add dataset:"),
        ("{input_data_path: set}", "[set]", "2:10", "must be a group of keys", "key: value"),
        ("epochs: 1", "epochs: many", "8:50", "'many' is not a whole number", "Passes over"),
        ("epochs: 1", "epochs: [1]", "8:50", "this list is not a whole number", "Passes over"),
        ("size: 32", "size: -1", "6:15", "greater than or equal to 1", "Samples per frame"),
        ("tion}", "tion, target_device: F28P5}", "1:71", "no device 'F28P5'", "'F28P55'?"),
        ("tion}", "tion, target_device: toaster}", "1:71", "no device 'toaster'", "info devices"),
        ("CLS_500", "CLS_5000k", "8:24", "no model 'CLS_5000k'", "did you mean"),
        ("path: set", "path: ''", "2:", "input_data_path is missing", "name a folder, a zip"),
        ("path: set}", "path: set", "3:35", "not valid YAML", "config.yaml:2:10: note:"),
        ("  variables", "\tvariables", "5:1", "cannot start any token", "YAML takes no tabs"),
        ("  stride", "  frame_size: 4\n  stride", "7:3", "written twice", "keep one of the two"),
    ],
)
def test_mistakes_in_the_yaml(
    project: Path, capsys: Capture, old: str, new: str, place: str, words: str, remedy: str
) -> None:
    assert GOOD.count(old) == 1
    (project / "config.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    message = refused(capsys, 2)
    assert f"config.yaml:{place}" in message
    assert words in message
    assert remedy in message
    assert "1 error in config.yaml" in message
    write_project(project)
    assert_good_run()


@pytest.mark.parametrize(
    ("content", "words", "remedy"),
    [
        (b"", "The file is empty", "examples/"),
        (b"# later\n", "The file is empty", "examples/"),
        (b"hello\n", "must be sections with keys", ""),
        (GOOD.encode() + b"# caf\xe9\n", "config.yaml:9:6: error: The file is not UTF-8", "UTF-8"),
        (GOOD.encode("utf-16"), "config.yaml:1:1: error: The file is not UTF-8", "save it as"),
        (GOOD.encode() + b"\0", "9:1: error: This is not valid YAML", "not allowed"),
    ],
)
def test_files_that_are_no_yaml(
    project: Path, capsys: Capture, content: bytes, words: str, remedy: str
) -> None:
    (project / "config.yaml").write_bytes(content)
    message = refused(capsys, 2)
    assert words in message
    assert remedy in message
    assert message.count("error:") == 1
    write_project(project)
    assert_good_run()


def test_a_folder_or_nothing_instead_of_the_yaml(project: Path, capsys: Capture) -> None:
    (project / "config.yaml").rename(project / "conf.yaml")
    message = refused(capsys, 2)
    assert "There is no file config.yaml." in message
    assert "did you mean 'conf.yaml'?" in message
    (project / "config.yaml").mkdir()
    assert "config.yaml is a folder, not a file." in refused(capsys, 2)
    write_project(project)
    assert_good_run()


@pytest.mark.parametrize(
    ("arguments", "words", "remedy"),
    [
        (["--set", "training.nas_epoch=3"], "'nas_epoch' is not a known key", "'nas_epochs'?"),
        (["--set", "trainin.nas_epochs=3"], "'trainin' is not a known section", "'training'?"),
        (["--set", "training.training_epochs=lots"], "'lots' is not a whole number", "Passes"),
        (["--set", "training.training_epochs=["], "not valid YAML", "^"),
        (["--set", "training=3"], "This is not section.key=value", "write it like"),
        (["--set"], "--set: expected one argument", "run --help"),
        (["--output"], "--output: expected one argument", "run --help"),
        (["--output", ""], "the name of the folder is empty", "run --help"),
        (["--ouput", "x"], "Unrecognized arguments: --ouput x.", "did you mean '--output'?"),
        (["--resum"], "Unrecognized arguments: --resum.", "did you mean '--resume'?"),
        (["again"], "Unrecognized arguments: again.", "--help"),
    ],
)
def test_mistakes_on_the_command_line(
    project: Path, capsys: Capture, arguments: list[str], words: str, remedy: str
) -> None:
    message = refused(capsys, 2, *arguments)
    assert words in message
    assert remedy in message
    assert message.count("error:") == 1
    assert not (project / "runs").exists()


# -- the data: exit code 5 -------------------------------------------------------------------------


def cell(line: str) -> Damage:
    """Put ``line`` in place of line 6 of one recording."""

    def damage(root: Path) -> None:
        path = root / "set" / "classes" / "up" / "1.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([*lines[:5], line, *lines[6:]]), encoding="utf-8")

    return damage


def whole(content: bytes) -> Damage:
    """Put ``content`` in place of one recording."""
    return lambda root: (root / "set" / "classes" / "up" / "1.csv").write_bytes(content)


def one_file(root: Path) -> None:
    for index in (1, 2, 3):
        (root / "set" / "classes" / "up" / f"{index}.csv").unlink()


def other_header(root: Path) -> None:
    path = root / "set" / "classes" / "up" / "1.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("time,a,b", "time,a,c"))


@pytest.mark.parametrize(
    ("damage", "words", "remedy"),
    [
        (
            cell("4,nan,1.0"),
            "up/1.csv, line 6, column 2 (a) holds 'nan'",
            "Repair that cell",
        ),
        (
            cell("4,inf,1.0"),
            "up/1.csv, line 6, column 2 (a) holds 'inf'",
            "Repair that cell",
        ),
        (cell("4,oops,1.0"), "line 6, column 2 (a) holds 'oops'", "Repair that cell"),
        (cell("4,,1.0"), "line 6, column 2 (a) is empty", "Repair that cell"),
        (cell("4,1.0"), "line 6: 2 columns where the first line has 3", "same number of columns"),
        (whole(b"time,a\n0,1\n1,2\n"), "has 1 column of samples", "Lower data_processing"),
        (whole(b"time;a;b\n0;1.000,5;2\n"), "holds '1.000,5'", "decimals with a point"),
        (other_header, "has the columns a, c, the first file a, b", "same columns"),
        (whole(b""), "classes/up/1.csv is empty", "Remove the file"),
        (whole(b"time,a,b\n"), "has a header and no rows", "Remove the file"),
        (whole(b"\xff\xfe\x00"), "classes/up/1.csv is not text: byte 2 is not UTF-16", "UTF-8"),
        (one_file, "Class 'up' has 1 recording", "within_files"),
        (lambda r: (r / "set/classes/side").mkdir(), "classes/side/ is empty", "remove the folder"),
        (lambda r: shutil.rmtree(r / "set/classes/up"), "only one class folder, 'down'", "two"),
        (lambda r: (r / "set/classes").rename(r / "set/x"), "no folder 'classes'", "data_dir"),
        (lambda r: (r / "set").rename(r / "sets"), "no data at", "Did you mean 'sets'?"),
    ],
)
def test_damaged_data(
    project: Path, capsys: Capture, damage: Damage, words: str, remedy: str
) -> None:
    damage(project)
    message = refused(capsys, 5)
    assert words in message
    assert remedy in message
    assert message.count("error:") == 1
    write_project(project)
    assert_good_run()


def test_a_frame_longer_than_the_recording(project: Path, capsys: Capture) -> None:
    frame = "data_processing_feature_extraction.frame_size=128"
    message = refused(capsys, 5, "--set", frame)
    assert "takes 128 samples" in message
    assert "classes/down/0.csv, has 100" in message
    assert "hint: Lower frame_size" in message
    assert_good_run()


def write_zip(project: Path) -> bytes:
    with zipfile.ZipFile(project / "set.zip", "w") as archive:
        for path in sorted((project / "set").rglob("*.csv")):
            archive.write(path, path.relative_to(project).as_posix())
    return (project / "set.zip").read_bytes()


def test_corrupt_zips(project: Path, capsys: Capture) -> None:
    content = write_zip(project)
    flipped = bytearray(content)
    flipped[80] ^= 255
    use_zip = ("--set", "dataset.input_data_path=set.zip")
    for damaged, words in (
        (content[: len(content) // 2], "set.zip cannot be opened as a zip"),
        (b"", "set.zip cannot be opened as a zip"),
        (bytes(flipped), "in set.zip is damaged: Bad CRC-32"),
    ):
        (project / "set.zip").write_bytes(damaged)
        message = refused(capsys, 5, *use_zip)
        assert words in message
        assert "Copy or download the archive again" in message
    (project / "set.zip").write_bytes(content)
    assert_good_run(*use_zip)


def test_labels_with_spaces_accents_and_brackets_work(project: Path) -> None:
    classes = project / "set" / "classes"
    (classes / "up").rename(classes / "größer (1)! [b]")
    (classes / "down").rename(classes / "手 down")
    assert_good_run("--set", "common.run_name=../Prüfung 1")
    (final,) = project.glob("runs/Prüfung_1/2*")
    page = (final / "report" / "index.html").read_text(encoding="utf-8")
    assert "größer (1)! [b]" in page
    assert "手 down" in page


# -- the disk: exit code 6 -------------------------------------------------------------------------


@pytest.mark.parametrize("in_the_way", ["out", "out/config"])
def test_a_file_where_the_run_folder_should_be(
    project: Path, capsys: Capture, in_the_way: str
) -> None:
    path = project / in_the_way
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    message = refused(capsys, 6, "--output", "out")
    assert f"No folder for the run can be made in {Path('out/config')}" in message
    assert "--output" in message
    assert path.read_text() == "mine"
    assert_good_run("--output", "elsewhere")
    path.unlink()
    assert_good_run("--output", "out")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write(project: Path, capsys: Capture) -> None:
    (project / "out").mkdir(mode=0o500)
    assert "Permission denied" in refused(capsys, 6, "--output", "out")


def test_a_run_name_that_no_disk_takes(project: Path, capsys: Capture) -> None:
    assert "over 200 bytes" in refused(capsys, 2, "--set", f"common.run_name={'a' * 300}")
    assert_good_run("--set", "common.run_name=...")
    assert list(project.glob("runs/run/2*"))


# -- resuming what is no longer the same -----------------------------------------------------------


@pytest.fixture
def stopped(project: Path) -> Path:
    """A run that looks as if it had been stopped: complete, but under its partial name."""
    assert_good_run()
    (final,) = project.glob("runs/config/2*")
    (project / "runs" / "config" / "latest").unlink()
    return final.rename(final.with_name(final.name + ".partial"))


def test_resume_goes_on_where_nothing_changed(
    project: Path, stopped: Path, capsys: Capture
) -> None:
    assert main(["run", "config.yaml", "--resume"]) == 0
    assert f"resuming {stopped.relative_to(project)}" in capsys.readouterr().out
    assert not stopped.exists()


def test_two_never_resume_one_run(project: Path, stopped: Path, capsys: Capture) -> None:
    lock = Lock.take(stopped.with_name(f".{stopped.stem}.lock"))
    assert lock is not None
    assert main(["run", "config.yaml", "--resume"]) == 6
    error = capsys.readouterr().err
    assert f"Another process works in {stopped.relative_to(project)}: process " in error
    lock.release()
    assert main(["run", "config.yaml", "--resume"]) == 0


def test_resume_completes_a_run_that_lacks_only_latest(
    project: Path, stopped: Path, capsys: Capture
) -> None:
    final = stopped.rename(stopped.with_suffix(""))
    final.with_name(f".{final.name}.lock").touch()
    assert main(["run", "config.yaml", "--resume"]) == 0
    shown = capsys.readouterr().out
    assert f"{final.relative_to(project)} is finished: a kill left only latest to be set" in shown
    assert f"files   {final.relative_to(project)}" in shown
    assert (final.parent / "latest").resolve() == final
    assert len(list(final.parent.iterdir())) == 2


@pytest.mark.parametrize("what", ["data", "file", "--set"])
def test_resume_starts_anew_where_something_changed(
    project: Path, stopped: Path, capsys: Capture, what: str
) -> None:
    override = ["--set", "training.learning_rate=0.5"] if what == "--set" else []
    if what == "data":
        cell("4,1.0,1.0")(project)
    if what == "file":
        text = GOOD.replace("epochs: 1", "epochs: 2")
        (project / "config.yaml").write_text(text, encoding="utf-8")
    assert main(["run", "config.yaml", "--resume", *override]) == 0
    shown = capsys.readouterr().out
    assert f"changed since {stopped.relative_to(project)} was stopped: starting anew" in shown
    assert stopped.exists()
    assert list(project.glob("runs/config/latest"))
