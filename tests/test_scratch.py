"""Locks that die with their process, and folders for builds that no kill leaves for good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinyml_nas.locks import Lock, holder
from tinyml_nas.scratch import scratch_folder

pytestmark = pytest.mark.fast
ROOT = Path(__file__).parents[1]


def hold(code: str, temporary: Path) -> subprocess.Popen[str]:
    """A process that has run ``code`` and waits for its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint(flush=True)\ninput()"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary),
             "TEMP": str(temporary), "TMP": str(temporary)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "\n"
    return process


def test_a_lock_is_held_until_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    code = f"from tinyml_nas.locks import *\nlock = Lock.take(Path({str(path)!r}))"
    process = hold(code, tmp_path)
    assert Lock.take(path) is None
    assert Lock.abandoned(path) is None
    assert f"process {process.pid} on " in holder(path)
    process.kill()
    process.communicate()
    lock = Lock.take(path)
    assert lock is not None
    assert f"process {os.getpid()} on " in holder(path)
    lock.remove()
    assert not path.exists()
    assert Lock.abandoned(path) is None


def test_a_new_lock_needs_a_free_name(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = Lock.take(path, new=True)
    assert lock is not None
    lock.release()
    assert Lock.take(path, new=True) is None
    assert Lock.take(path) is not None


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_lock_that_is_removed_while_it_is_waited_for_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.lock"
    monkeypatch.setattr("tinyml_nas.locks._lock", lambda descriptor: path.unlink())
    assert Lock.take(path) is None


def test_a_build_folder_is_gone_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as folder:
        (folder / "part").mkdir()
        (folder / "part" / "a.o").touch()
    assert not list(tmp_path.iterdir())


def test_the_next_build_removes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "tinyml_of_a_user").mkdir()
    code = (
        "from tinyml_nas.scratch import scratch_folder\n"
        "context = scratch_folder()\n"
        "(context.__enter__() / 'a.o').touch()"
    )
    killed, working = hold(code, tmp_path), hold(code, tmp_path)
    assert len(list(tmp_path.glob("*/a.o"))) == 2
    killed.kill()
    killed.communicate()
    with scratch_folder() as folder:
        assert len(list(tmp_path.glob("*/a.o"))) == 1
        assert folder.is_dir()
    working.kill()
    working.communicate()
    with scratch_folder():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["tinyml_of_a_user"]
