"""The exception tree; each class carries the exit code of the process.

    TinymlError            1   a bug of ours: everything below is the user's to fix
    ├── ConfigError        2   the YAML, a ``--set`` or the command line is wrong
    ├── BudgetError        3   the model does not fit the device, or a budget is broken
    ├── ParityError        4   a carrier of the integer model gave other bits
    ├── DataError          5   a recording, a label or a split cannot be used
    ├── ToolError          6   a compiler, a library, disk space or a stored file is missing
    └── Interrupted      130   Ctrl-C, SIGTERM or SIGHUP; ``--resume`` continues

A message is one sentence that names the value and the place, and a hint that says how to fix it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec

MOST_QUOTED, MOST_LISTED = 80, 10
PACKAGES = {"yaml": "pyyaml", "elftools": "pyelftools"} | {
    name: name
    for name in (
        *("numpy", "pydantic", "rich", "jinja2"),
        *("torch", "onnx", "onnxruntime", "safetensors", "scipy", "unicorn", "ziglang"),
    )
}
"""What a run imports, and the package that it comes with."""


class TinymlError(Exception):
    """An error with an exit code, a message and, where there is one, the way to fix it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(TinymlError):
    """The configuration or the command line cannot be used as written."""

    exit_code = 2


class BudgetError(TinymlError):
    """The model breaks a hard limit of the device or of the user."""

    exit_code = 3


class ParityError(TinymlError):
    """Two carriers of the same integer model disagree."""

    exit_code = 4


class DataError(TinymlError):
    """The data set cannot be read, or cannot be split as asked."""

    exit_code = 5


class ToolError(TinymlError):
    """Something outside the program is missing or broken: tool, disk, stored file."""

    exit_code = 6


class Interrupted(TinymlError):
    """The user stopped the run; finished work is kept."""

    exit_code = 130


def quoted(text: str) -> str:
    """``text`` as a message shows it: in quotes, a long one by its beginning and its length."""
    if len(text) <= MOST_QUOTED:
        return repr(text)
    return f"{text[:MOST_QUOTED]!r}... ({len(text):,} characters)"


def listed(names: Iterable[str]) -> str:
    """The first of ``names`` as a message lists them, and the number of the others."""
    shown = [name if len(name) <= MOST_QUOTED else quoted(name) for name in names]
    more = len(shown) - MOST_LISTED
    return ", ".join(shown[:MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def missing_package(error: ModuleNotFoundError) -> ToolError | None:
    """What is said where ``error`` is about a package that is not installed; else None."""
    if (error.name or "").partition(".")[0] not in PACKAGES:
        return None
    missing = sorted(package for name, package in PACKAGES.items() if find_spec(name) is None)
    return ToolError(
        f"This Python ({sys.executable}) lacks {', '.join(missing)}.",
        hint=f"Install them: {sys.executable} -m pip install {' '.join(missing)}; or start the "
        "launcher without TINYML_NO_BOOTSTRAP, which does it by itself.",
    )
