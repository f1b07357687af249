"""The clock of the stages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tinyml_nas.console import Console


@contextmanager
def timed_stage(
    name: str, seconds: dict[str, float], console: Console, title: str | None = None
) -> Iterator[None]:
    """Head a stage with ``title`` (its name by default) and note its duration under ``name``."""
    console.stage(title or name)
    start = time.monotonic()
    yield
    seconds[name] = time.monotonic() - start
