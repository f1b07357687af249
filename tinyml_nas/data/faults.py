"""A list of everything that is wrong with a data set, raised as one error.

A user who repairs a data set wants to see all broken files at once, not one per run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tinyml_nas.data.readers.columns import NAMES_HINT, MissingColumn
from tinyml_nas.errors import DataError

MOST_SHOWN = 10


class Problems:
    """Collects data errors; ``raise_any`` throws them as one."""

    def __init__(self) -> None:
        self._hints: dict[str, str] = {}  # of each message
        self._missing: dict[tuple[str, str], list[str]] = {}  # files that lack a column alike
        self._files: set[str] = set()

    def add(self, message: str, hint: str) -> None:
        """Remember one problem and the way to fix it."""
        self._hints[message] = hint

    @contextmanager
    def collect(self, file: str) -> Iterator[None]:
        """Remember a DataError of the block, which looks at ``file``, instead of raising it."""
        self._files.add(file)
        try:
            yield
        except MissingColumn as error:
            self._missing.setdefault((error.column, error.rest), []).append(error.where)
        except DataError as error:
            self.add(error.message, error.hint or "")

    def raise_any(self) -> None:
        """Raise one DataError for everything remembered, if there is anything."""
        hint_of = self._hints | dict.fromkeys(self._without_column(), NAMES_HINT)
        messages = [*hint_of]
        if not messages:
            return
        shown = messages[:MOST_SHOWN]
        hints = dict.fromkeys(hint_of[message] for message in shown)
        hint = " ".join([hint for hint in hints if hint][:3]) or None
        if len(messages) == 1:
            raise DataError(messages[0], hint=hint)
        left = len(messages) - len(shown)
        lines = [f"The data set has {len(messages)} problems:", *(f"  - {m}" for m in shown)]
        if left:
            lines.append(f"  - and {left} more")
        raise DataError("\n".join(lines), hint=hint)

    def _without_column(self) -> list[str]:
        """One line for all the files that lack the same column."""
        lines = []
        for column in dict.fromkeys(column for column, _ in self._missing):
            alike = {rest: files for (c, rest), files in self._missing.items() if c == column}
            if sum(map(len, alike.values())) == len(self._files) > 1:
                lines.append(f"No file has a {column}; their {next(iter(alike))}")
                continue
            for rest, files in alike.items():
                more = f" and {len(files) - 1} more of {len(self._files)} files have"
                verb, whose = (" has", "its") if len(files) == 1 else (more, "their")
                lines.append(f"{files[0]}{verb} no {column}; {whose} {rest}")
        return lines
