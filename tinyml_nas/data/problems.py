"""A list of everything that is wrong with a data set, raised as one error.

Whoever repairs a data set wants all the broken files at once, not one per run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tinyml_nas.errors import DataError

MOST_SHOWN = 10


class Problems:
    """Collects data errors; ``raise_any`` throws them as one."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._hints: list[str] = []

    def add(self, message: str, hint: str) -> None:
        """Remember one problem and the way to mend it."""
        self._messages.append(message)
        if hint not in self._hints:
            self._hints.append(hint)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Remember a DataError of the block instead of raising it."""
        try:
            yield
        except DataError as error:
            self.add(error.message, error.hint or "")

    def raise_any(self) -> None:
        """Raise one DataError for everything remembered, if there is anything."""
        if not self._messages:
            return
        hint = " ".join(hint for hint in self._hints[:3] if hint) or None
        if len(self._messages) == 1:
            raise DataError(self._messages[0], hint=hint)
        shown = self._messages[:MOST_SHOWN]
        left = len(self._messages) - len(shown)
        lines = [f"The data set has {len(self._messages)} problems:", *(f"  - {m}" for m in shown)]
        if left:
            lines.append(f"  - and {left} more")
        raise DataError("\n".join(lines), hint=hint)
