"""The run folder: complete or not there, resumable by its fingerprint, never overwritten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tinyml_nas.console import Console
from tinyml_nas.errors import ToolError
from tinyml_nas.results import folder as folder_module
from tinyml_nas.results.folder import RunFolder, fingerprint, named_run

pytestmark = pytest.mark.fast
QUIET = Console(quiet=True)
ROOT = Path(__file__).parents[2]


def _open(root: Path, identity: str = "a", *, resume: bool = False) -> RunFolder:
    return RunFolder.open(root, "My run/1", identity, resume=resume, console=QUIET)


def test_a_run_is_partial_until_it_is_finished(tmp_path: Path) -> None:
    folder = _open(tmp_path)
    assert folder.path.parent == tmp_path / "My_run_1"
    assert folder.path.name.endswith(".partial")
    folder.write_json("data/manifest.json", {"ok": True})
    final = folder.finish()
    assert (final / "data" / "manifest.json").exists()
    assert not final.name.endswith(".partial")
    assert (final.parent / "latest").resolve() == final


def test_two_runs_in_one_second_do_not_clash(tmp_path: Path) -> None:
    paths = [_open(tmp_path).finish() for _ in range(3)]
    assert len(set(paths)) == 3
    assert (paths[-1].parent / "latest").resolve() == paths[-1]


def test_latest_is_a_text_file_where_links_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for _ in range(2):
        final = _open(tmp_path).finish()
        assert named_run(final.parent / "latest") == final
    assert named_run(final) == final


def test_resume_takes_the_stopped_run_of_the_same_configuration(tmp_path: Path) -> None:
    with _open(tmp_path, "a") as stopped, _open(tmp_path, "b") as other:
        pass
    with _open(tmp_path, "a", resume=True) as resumed:
        assert resumed.path == stopped.path
    assert _open(tmp_path, "c", resume=True).path not in (stopped.path, other.path)
    assert _open(tmp_path, "a").path != stopped.path


def test_the_newest_stopped_run_is_gone_on_with(tmp_path: Path) -> None:
    for number in ("2", "10", "9"):
        folder = tmp_path / "My_run_1" / f"20300101-000000-{number}.partial"
        folder.mkdir(parents=True)
        (folder / "fingerprint.txt").write_text("a")
    with _open(tmp_path, resume=True) as resumed:
        assert resumed.path.name == "20300101-000000-10.partial"


def test_two_never_work_in_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _open(tmp_path) as working:
        with pytest.raises(ToolError, match="Another process works in") as caught:
            _open(tmp_path, resume=True)
        assert f"{working.path}: process {os.getpid()} on " in caught.value.message
        assert "beside it" in str(caught.value.hint)
        with RunFolder.open(tmp_path, "My run/1", "a", resume=False, console=Console()) as beside:
            assert beside.path != working.path
        assert "stopped run" not in capsys.readouterr().out
    with _open(tmp_path, resume=True) as resumed:
        assert resumed.path == beside.path


# -- killed at each step of the first and the last moment ------------------------------------------

STEPS = """\
import importlib.util, os, signal, sys
from pathlib import Path
from tinyml_nas.console import Console

file, root, name, argument = sys.argv[1:]
spec = importlib.util.spec_from_file_location("folder", file)  # without torch: the others' package
folders = importlib.util.module_from_spec(spec)
spec.loader.exec_module(folders)

def kill_before(module, name, argument):
    function = getattr(module, name)
    def killing(*arguments, **keywords):
        if any(argument in str(word) for word in arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **keywords)
    setattr(module, name, killing)

kill_before(os if name == "replace" else Path, name, argument)
folder = folders.RunFolder.open(Path(root), "run", "a", resume=False, console=Console(quiet=True))
folder.write_text("results.json", "{}")
folder.finish()
"""
"""What a run does with its folder, up to a kill right before a call with such an argument."""


def _killed(root: Path, call: str, argument: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEPS, folder_module.__file__, str(root), call, argument],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize(
    ("call", "argument"),
    [
        ("mkdir", ".new"),  # the lock is there
        ("replace", "fingerprint.txt.tmp"),  # and a folder
        ("replace", ".new"),  # and its fingerprint
    ],
)
def test_a_start_that_is_killed_leaves_nothing_for_good(
    tmp_path: Path, call: str, argument: str
) -> None:
    _killed(tmp_path, call, argument)
    left = set((tmp_path / "run").iterdir())
    assert len(left) == (1 if call == "mkdir" else 2)
    with RunFolder.open(tmp_path, "run", "a", resume=True, console=QUIET) as folder:
        name = folder.path.name.removesuffix(".partial")
        now = {path.name for path in (tmp_path / "run").iterdir()}
        assert now == {f"{name}.partial", f".{name}.lock"}
        folder.finish()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {folder.path.name, "latest"}


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("argument", [".latest.tmp", ".lock"])
@pytest.mark.parametrize("resume", [True, False])
def test_an_end_that_is_killed_is_completed(
    tmp_path: Path, argument: str, resume: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    _killed(tmp_path, "replace" if argument == ".latest.tmp" else "unlink", argument)
    (final,) = (tmp_path / "run").glob("2*")
    with RunFolder.open(tmp_path, "run", "a", resume=resume, console=Console()) as folder:
        assert folder.finished == resume
    assert (tmp_path / "run" / "latest").resolve() == final
    assert "is finished: a kill left only latest to be set" in capsys.readouterr().out
    if resume:
        assert folder.path == final
        assert {path.name for path in (tmp_path / "run").iterdir()} == {final.name, "latest"}
    with RunFolder.open(tmp_path, "run", "a", resume=True, console=QUIET) as again:
        assert again.path != final  # a run whose end was told is not gone on with


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_a_run_that_is_killed_is_resumed(tmp_path: Path) -> None:
    _killed(tmp_path, "replace", "results.json.tmp")
    (partial,) = (tmp_path / "run").glob("*.partial")
    with RunFolder.open(tmp_path, "run", "a", resume=True, console=QUIET) as folder:
        assert folder.path == partial


def test_a_late_end_takes_nothing_from_a_newer_run(tmp_path: Path) -> None:
    older, newer = _open(tmp_path), _open(tmp_path)
    lock = tmp_path / "My_run_1" / f".{older.path.name.removesuffix('.partial')}.lock"
    older.finish()
    newer.finish()
    lock.touch()  # as a kill would have left it
    with _open(tmp_path, resume=True) as folder:
        assert folder.path == older.path
    assert (tmp_path / "My_run_1" / "latest").resolve() == newer.path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_all_is_on_the_disk_before_the_run_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _open(tmp_path)
    (folder.path / "export" / "c").mkdir(parents=True)
    (folder.path / "export" / "c" / "model.c").write_text("int x;")
    (folder.path / "run.log").write_text("said")
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        done.append(f"rename {source}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy)
    monkeypatch.setattr(os, "replace", rename)
    partial = folder.path
    final = folder.finish()
    inside = [partial, *(partial / path.relative_to(final) for path in final.rglob("*"))]
    before = done[: done.index(f"rename {partial}")]
    assert sorted(before) == sorted(map(str, inside))
    assert done[-1] == str(final.parent)


def test_a_half_written_file_is_never_seen(tmp_path: Path) -> None:
    folder = _open(tmp_path)
    folder.write_text("notes.txt", "whole")
    with pytest.raises(UnicodeEncodeError):
        folder.write_text("notes.txt", "half \udcff")
    assert (folder.path / "notes.txt").read_text() == "whole"


def test_the_fingerprint_follows_every_part() -> None:
    base = fingerprint({"seed": 1}, ["file", "hash"])
    assert base == fingerprint({"seed": 1}, ["file", "hash"])
    assert base != fingerprint({"seed": 2}, ["file", "hash"])
    assert base != fingerprint({"seed": 1}, ["file", "other"])
