"""Ctrl-C: an end at once while modules load, a tidy one while there is work to save.

A ``KeyboardInterrupt`` in the middle of loading a compiled library can come out as any other error,
or abort the process; nothing is lost then, so there the process ends without raising anything.
Whoever presses Ctrl-C a second time, while the first is being dealt with, is obeyed at once too:
every file that counts is written whole or not at all.  What the handler of SIGINT is at a moment
is the only state.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from tinyml_nas.errors import Interrupted

STDERR = 2
SAVED = "finished work is saved; --resume goes on from there"


def stop_at_once() -> None:
    """From now on Ctrl-C ends the process; not where Ctrl-C is already ignored or handled."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def stop_tidily() -> None:
    """From now on the first Ctrl-C raises ``KeyboardInterrupt``; only after ``stop_at_once``."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, _raise_once)
        sys.unraisablehook = _unraisable


def was_asked() -> bool:
    """True after the first Ctrl-C: compiled code may have turned it into any other error."""
    return signal.getsignal(signal.SIGINT) is _end_again


def check() -> None:
    """Raise ``KeyboardInterrupt`` again if somebody swallowed it."""
    if was_asked():
        raise KeyboardInterrupt


def _end(number: int, frame: FrameType | None) -> NoReturn:
    os.write(STDERR, b"error: Stopped.\n")
    os._exit(Interrupted.exit_code)


def _end_again(number: int, frame: FrameType | None) -> NoReturn:
    os.write(STDERR, f"error: Stopped.\n  hint: {SAVED}\n".encode())
    os._exit(Interrupted.exit_code)


def _raise_once(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, _end_again)
    raise KeyboardInterrupt


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    """Python drops what a destructor raises; a Ctrl-C that hits one still ends the process."""
    if what.exc_type is KeyboardInterrupt:
        _end_again(signal.SIGINT, None)
    sys.__unraisablehook__(what)
