"""The exception tree; each class carries the exit code of the process.

    TinymlError            1   a bug of ours: everything below is the user's to mend
    ├── ConfigError        2   the YAML, a ``--set`` or the command line is wrong
    ├── BudgetError        3   the model does not fit the device, or a budget is broken
    ├── ParityError        4   a carrier of the integer model gave other bits
    ├── DataError          5   a recording, a label or a split cannot be used
    ├── ToolError          6   a compiler, a library, disk space or a stored file is missing
    └── Interrupted      130   Ctrl-C; the state is saved and ``--resume`` goes on

A message is one sentence that names the value and the place, and a hint that says how to mend it.
"""

from __future__ import annotations


class TinymlError(Exception):
    """An error with an exit code, a message and, where there is one, the way to mend it."""

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
