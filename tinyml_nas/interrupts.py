"""Ctrl-C, SIGTERM and SIGHUP: an end at once while modules load, a tidy one while there is work.

A ``KeyboardInterrupt`` in the middle of loading a compiled library can come out as any other error,
or abort the process; nothing is lost then, so there the process ends without raising anything.
A second stop, while the first is being dealt with, ends the process at once too: every file
that counts is written whole or not at all.  A signal that was ignored from the start stays so:
Ctrl-C in the background of a shell, SIGHUP under nohup.  No variable remembers a stop: the
installed signal handler shows it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from tinyml_nas.errors import Interrupted

STDERR = 2
SAVED = "Finished work is saved; --resume continues from there."
STOPS = tuple(
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if name in signal.Signals.__members__  # Windows has no SIGHUP
)


Handler = Callable[[int, FrameType | None], NoReturn]


def stop_at_once() -> None:
    """From now on a stop ends the process; not where it is already ignored or handled."""
    for number in STOPS:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _end)


def stop_tidily() -> None:
    """From now on the first stop raises ``KeyboardInterrupt``; only after ``stop_at_once``."""
    _replace(_end, _raise_once)
    sys.unraisablehook = _unraisable


def was_asked() -> bool:
    """True after the first stop: compiled code may have turned it into any other error."""
    return any(signal.getsignal(number) is _end_again for number in STOPS)


def check() -> None:
    """Raise ``KeyboardInterrupt`` again if somebody swallowed it."""
    if was_asked():
        raise KeyboardInterrupt


@contextmanager
def kept() -> Iterator[None]:
    """Put the handlers back at the end, where a library sets its own."""
    before = {number: signal.getsignal(number) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) not in (handler, _end_again):
                signal.signal(number, handler)


def _replace(old: object, new: Handler) -> None:
    for number in STOPS:
        if signal.getsignal(number) is old:
            signal.signal(number, new)


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal may be what is gone
        os.write(STDERR, text.encode())


def _end(number: int, frame: FrameType | None) -> NoReturn:
    _say("error: Stopped.\n")
    os._exit(Interrupted.exit_code)


def _end_again(number: int, frame: FrameType | None) -> NoReturn:
    _say(f"error: Stopped.\n  hint: {SAVED}\n")
    os._exit(Interrupted.exit_code)


def _raise_once(number: int, frame: FrameType | None) -> NoReturn:
    _replace(_raise_once, _end_again)
    raise KeyboardInterrupt


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    """Python drops what a destructor raises; a stop that hits one still ends the process."""
    if what.exc_type is KeyboardInterrupt:
        _end_again(signal.SIGINT, None)
    sys.__unraisablehook__(what)
