"""Workers: every payload answered once, whoever dies; nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tinyml_nas.errors import DataError, ToolError
from tinyml_nas.workers import open_workers

POSIX = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
ROOT = Path(__file__).parents[2]
LONGEST_S = 300
"""Longer than anything here takes on a loaded machine."""


def double(payload: int) -> tuple[int, int, int]:
    return 2 * payload, os.getpid(), torch.get_num_threads()


def refuse(payload: int) -> int:
    raise DataError(f"payload {payload} is bad", hint="mend it")


@dataclass(frozen=True)
class DiesOnce:
    """Is killed by the first worker that meets payload 2, and leaves its number behind."""

    folder: Path

    def __call__(self, payload: int) -> int:
        mark = self.folder / str(os.getpid())
        if payload == 2 and not list(self.folder.iterdir()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * payload


def die(payload: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return payload


class Unreadable:
    """A large function whose reader dies, as one that runs out of memory does."""

    def __call__(self, payload: int) -> int:
        return payload

    def __reduce__(self) -> tuple[object, ...]:
        return _die_reading, (bytes(3_000_000),)


def _die_reading(content: bytes) -> None:
    os._exit(9)


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def alive(process: int) -> bool:
    """Whether a process still runs; an unburied one does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.fast
def test_one_worker_is_this_process():
    with open_workers(double, 1) as workers:
        assert workers.count == 1
        assert [(i, value[:2]) for i, value in workers.map([3, 1])] == [
            (0, (6, os.getpid())),
            (1, (2, os.getpid())),
        ]


def test_processes_answer_every_payload_once_and_have_one_thread():
    with open_workers(double, 2) as workers:
        for payloads in ([5, 6, 7, 8, 9], [], [1]):
            answers = dict(workers.map(payloads))
            assert [answers[i][0] for i in range(len(payloads))] == [2 * p for p in payloads]
            assert all(process != os.getpid() for _, process, _ in answers.values())
            assert all(threads == 1 for _, _, threads in answers.values())


def test_an_error_in_a_worker_is_raised_here():
    with (
        open_workers(refuse, 2) as workers,
        pytest.raises(DataError, match="payload 1 is bad") as caught,
    ):
        list(workers.map([1]))
    assert caught.value.hint == "mend it"
    assert "in refuse" in str(caught.value.__cause__)


@POSIX
def test_a_killed_worker_loses_nothing(tmp_path):
    with open_workers(DiesOnce(tmp_path), 2) as workers:
        answers = dict(workers.map(range(6)))
    assert answers == {i: 2 * i for i in range(6)}
    assert len(list(tmp_path.iterdir())) == 1


def test_workers_that_die_before_their_first_payload_are_given_up():
    with (
        open_workers(Unreadable(), 2) as workers,
        pytest.raises(ToolError, match="ended during the same training"),
    ):
        list(workers.map([1, 2]))


@POSIX
def test_a_payload_that_kills_three_workers_is_given_up():
    with (
        open_workers(die, 2) as workers,
        pytest.raises(ToolError, match="3 worker processes ended during the same training"),
    ):
        list(workers.map([1]))


@POSIX
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nobody_outlives_the_parent(how):
    code = (
        "import sys; sys.path.insert(0, 'tests/search')\n"
        "from test_workers import sleep\n"
        "from tinyml_nas.workers import open_workers\n"
        "if __name__ == '__main__':\n"
        "    with open_workers(sleep, 2) as workers:\n"
        "        for index, _ in workers.map([0, 0, 3000, 3000]):\n"
        "            print([w.process.pid for w in workers._workers], flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None
    parent.stdout.readline()
    workers = eval_list(parent.stdout.readline())
    assert len(workers) == 2
    assert all(alive(process) for process in workers)
    # as a terminal does it: the whole group hears of Ctrl-C
    os.killpg(parent.pid, how) if how is signal.SIGINT else os.kill(parent.pid, how)
    deadline = time.monotonic() + LONGEST_S
    parent.wait(timeout=LONGEST_S)
    while any(alive(process) for process in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    _, err = parent.communicate()
    assert err.count("Traceback") == (how is signal.SIGINT)  # the parent's own, none of workers


def eval_list(line: str) -> list[int]:
    return [int(text) for text in line.strip("[]\n").split(",")]
