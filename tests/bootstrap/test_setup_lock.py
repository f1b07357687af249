"""Two set-ups at once, and killed ones: the lock, and what a killed set-up leaves at work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyml_nas import _bootstrap as bootstrap
from tinyml_nas._bootstrap import Lock

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from tinyml_nas._bootstrap import Lock
with Lock(sys.argv[1], beat_s=0.1):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock already, until its standard input is closed."""
    command = [sys.executable, "-c", HOLD, str(path)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    holder = subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def wait_for(condition: Callable[[], bool], limit_s: float = 300.0) -> None:
    """Return when ``condition()`` holds; fail after ``limit_s``."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_the_second_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, said = tmp_path / "lock", []

    def let_go(text: str) -> None:
        said.append(text)
        assert first.stdin is not None
        first.stdin.close()

    monkeypatch.setattr(bootstrap, "say", let_go)
    with hold(path) as first, Lock(str(path), beat_s=0.1, gone_s=0.2):
        assert first.wait(300) == 0
    (waiting,) = said  # and nothing of taking over
    assert "waiting for it" in waiting
    assert not path.exists()


def test_an_owner_shows_that_it_is_alive(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(str(path), beat_s=0.1):
        taken = path.stat().st_mtime_ns
        wait_for(lambda: path.stat().st_mtime_ns > taken)


def test_a_killed_owner_is_taken_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lock"
    with hold(path) as first:
        first.kill()
    assert path.exists()
    with Lock(str(path), gone_s=0.2):
        assert path.read_text().startswith(f"{os.getpid()} ")
    assert "taking over" in capsys.readouterr().err
    assert not path.exists()


def test_a_silent_owner_elsewhere_is_taken_over_late(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("1 another-host 1")
    start = time.monotonic()
    with Lock(str(path), gone_s=0.0, silent_s=0.5):
        assert time.monotonic() - start > 0.5


def test_a_killed_setup_takes_pip_with_it(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    )
    code = (
        "import os, sys; from tinyml_nas import _bootstrap as b; "
        "b.logged_runner(sys.argv[1], dict(os.environ))"
        "([sys.executable, '-c', b.GUARDED, 'slow'])"
    )
    log = tmp_path / "log"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    with subprocess.Popen([sys.executable, "-c", code, str(log)], env=environ) as setup:
        try:
            wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
        finally:
            setup.kill()
    owner = f"{log.read_text().strip()} {bootstrap.socket.gethostname()}"
    wait_for(lambda: bootstrap.process_is_gone(owner))
