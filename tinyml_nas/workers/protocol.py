"""What runs trainings: one function, and payloads that go to whichever worker is free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

Function = Callable[[Any], Any]


class Workers(Protocol):
    """Workers for one function."""

    @property
    def count(self) -> int:
        """How many payloads run at a time."""

    def map(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Index and result of each payload as they finish; handed out in the order given."""
