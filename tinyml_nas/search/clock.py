"""Wall and CPU time of a search over all its sessions; for reports, never for decisions."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tinyml_nas.files import write_whole

NAME = "clock.json"


class Clock:
    """Counts on from what an earlier session saved, where the search is resumed."""

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self._path = folder / NAME
        before = _read(self._path) if resume else {}
        self._seconds = before.get("seconds", 0.0)
        self._cpu_seconds = before.get("cpu_seconds", 0.0)
        self._start, self._cpu_start = time.monotonic(), time.process_time()

    def add_cpu(self, seconds: float) -> None:
        """CPU time of another process."""
        self._cpu_seconds += seconds

    @property
    def seconds(self) -> float:
        """Wall time."""
        return self._seconds + time.monotonic() - self._start

    @property
    def cpu_seconds(self) -> float:
        """CPU time of this process and of the workers."""
        return self._cpu_seconds + time.process_time() - self._cpu_start

    def save(self) -> None:
        """Write the times down, whole or not at all."""
        record = {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        write_whole(self._path, json.dumps(record))


def _read(path: Path) -> dict[str, float]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {name: float(record[name]) for name in ("seconds", "cpu_seconds")}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}  # times are worth a note, not an error
