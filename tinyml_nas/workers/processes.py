"""Worker processes of this machine, each with one torch thread.

They ignore Ctrl-C, which the parent turns into their end, and end by themselves when the parent is
gone.  A worker that dies (out of memory, killed) is replaced, and its payload handed out again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from tinyml_nas import interrupts
from tinyml_nas.errors import ToolError
from tinyml_nas.workers.protocol import Function

MAX_DEATHS = 3
"""Workers that may die of one payload before it is given up."""
POLL_S = 0.5


@dataclass
class _Worker:
    """A process, our end of its pipe, and the index of the payload that it is at."""

    process: BaseProcess
    pipe: Connection
    task: int | None = None


class Processes:
    """``count`` processes that run one function; started with the first payloads."""

    def __init__(self, function: Function, count: int) -> None:
        self.count = count
        self._function = function
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            _bury(worker)
        self._workers.clear()

    def map(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Index and result of each payload as they finish."""
        waiting = deque(range(len(payloads)))
        deaths = [0] * len(payloads)
        left = len(payloads)
        while left:
            self._hand_out(waiting, payloads)
            for worker in self._ready():
                index = worker.task
                assert index is not None
                answer = _receive(worker)
                if answer is None:
                    self._workers.remove(worker)
                    deaths[index] += 1
                    self._check_deaths(worker, deaths[index])
                    waiting.appendleft(index)
                    continue
                worker.task = None
                left -= 1
                yield index, _result(answer)

    def _hand_out(self, waiting: deque[int], payloads: Sequence[Any]) -> None:
        """Give each idle worker a payload, starting workers up to ``count``."""
        while waiting and (worker := self._idle()):
            worker.task = waiting.popleft()
            with suppress(OSError):  # it died while idle: its end is met in `_ready`
                worker.pipe.send(payloads[worker.task])

    def _idle(self) -> _Worker | None:
        for worker in self._workers:
            if worker.task is None:
                return worker
        if len(self._workers) < self.count:
            self._workers.append(self._start())
            return self._workers[-1]
        return None

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        with _no_sigint(), _no_script():
            process.start()
        theirs.close()  # so that the pipe ends when the worker does
        # not among `args`: start() would wait for ever for a child that dies while it reads them
        with suppress(OSError):
            ours.send(self._function)
        return _Worker(process, ours)

    def _ready(self) -> list[_Worker]:
        """The busy workers that have answered or died; waits for the first."""
        busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
        while True:
            interrupts.check()
            ready = wait(list(busy), POLL_S)
            if ready:
                return [worker for pipe, worker in busy.items() if pipe in ready]

    def _check_deaths(self, worker: _Worker, deaths: int) -> None:
        _bury(worker)
        if deaths >= MAX_DEATHS:
            raise ToolError(
                f"{deaths} worker processes ended during the same training, the last one with exit "
                f"code {worker.process.exitcode}",
                hint="Look whether memory runs out, or set training.nas_workers: 1.",
            )


def _receive(worker: _Worker) -> tuple[str, Any] | None:
    """What the worker answered; ``None`` where it died."""
    try:
        answer: tuple[str, Any] = worker.pipe.recv()
    except (EOFError, OSError):
        return None
    return answer


def _result(answer: tuple[str, Any]) -> Any:
    """The result of a payload, or the exception that it raised."""
    failure, value = answer
    if failure:
        raise value from RuntimeError(f"in a worker process:\n{failure}")
    return value


def _bury(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.join()


def _serve(pipe: Connection) -> None:
    """What a worker does until its pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:  # before the slow import: the parent waits until it is read
        function: Function = pipe.recv()
    except EOFError:
        return
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            payload = pipe.recv()
        except EOFError:
            return
        pipe.send(_answer(function, payload))


def _answer(function: Function, payload: Any) -> tuple[str, Any]:
    """An empty text and the result, or the text of a traceback and the exception."""
    try:
        return "", function(payload)
    except Exception as error:  # whatever it is, the parent raises it
        return traceback.format_exc(), error


def _end_with_parent() -> None:
    """A killed parent cannot end its workers: they watch it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _no_sigint() -> Iterator[None]:
    """Hold Ctrl-C back, for a child from its very first instruction on (not on Windows)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _no_script() -> Iterator[None]:
    """Let a child start without the user's script, which would run a second time in it.

    What a worker computes is defined in modules, never in the script.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
