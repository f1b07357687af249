"""One worker: this very process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinyml_nas import interrupts
from tinyml_nas.workers.protocol import Function


class Inline:
    """Runs payloads here, one after the other."""

    count = 1

    def __init__(self, function: Function) -> None:
        self._function = function

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def map(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Index and result of each payload, in order."""
        for index, payload in enumerate(payloads):
            interrupts.check()
            yield index, self._function(payload)
