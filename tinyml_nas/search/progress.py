"""What a person sees of a search: the front as it grows, the time it takes, and what binds.

No decision of a search looks at a clock; the clocks here are for people alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyml_nas.console import Board, Console
from tinyml_nas.cost.budget import RESOURCES, Budget
from tinyml_nas.files import write_whole
from tinyml_nas.results.search import Point
from tinyml_nas.search import pareto

BINDS = 0.9
"""A resource binds where more than this share of its budget is used."""
CLOCK = "clock.json"
HEADER = ("id", "score", "weights", "MACs", "flash", "RAM", "latency")


class View:
    """Shows progress."""

    def __init__(self, console: Console, budget: Budget, limit: int | None) -> None:
        self._console, self._budget, self._limit = console, budget, limit
        self._start: float | None = None
        self._done = self._worked = 0.0

    def ran(self, work: float) -> None:
        """Note a trial that was trained just now; the first only starts the clock."""
        if self._start is None:
            self._start = time.monotonic()
            return
        self._done += 1
        self._worked += work

    def seconds_left(self, work_left: float, trials_left: float) -> float | None:
        """Expected wall time to the end at the pace so far."""
        if self._start is None or not self._done:
            return None
        elapsed = time.monotonic() - self._start
        by_trials = elapsed / self._done * trials_left
        by_work = elapsed / self._worked * max(work_left, 0.0)
        return min(by_trials, by_work)

    def headline(self, lines: Sequence[Mapping[str, Any]], left: float | None) -> str:
        """``12/40 trials, best c7 93.1 %, RAM binds, 55 s left``."""
        count = f"{len(lines)}/{self._limit}" if self._limit else str(len(lines))
        best = max(pareto.front(pareto.points(lines)), key=lambda point: point.score)
        parts = [f"{count} trials, best {best.id} {best.score:.1%}"]
        if binding := binding_resources(best, self._budget):
            names = " and ".join(RESOURCES[name] for name in binding)
            parts.append(f"{names} bind{'s' if len(binding) == 1 else ''}")
        if left is not None:
            parts.append(f"{left:.0f} s left")
        return ", ".join(parts)

    def line(self, lines: Sequence[Mapping[str, Any]], left: float | None) -> None:
        """The headline as a plain line."""
        self._console.info(self.headline(lines, left))

    def draw(self, board: Board, lines: Sequence[Mapping[str, Any]], left: float | None) -> None:
        """The front as a live table."""
        if self._console.live and lines:
            board.show(self.headline(lines, left), HEADER, rows(pareto.points(lines)))


def rows(points: Sequence[Point]) -> list[tuple[str, ...]]:
    """The front of ``points`` as the cells of a table."""
    return [_row(point) for point in pareto.front(points)]


def _row(point: Point) -> tuple[str, ...]:
    latency = point.latency_seconds
    return (
        point.id,
        f"{point.score:.1%}",
        f"{point.parameters:,}",
        f"{point.macs:,}",
        f"{point.flash_bytes:,} B",
        f"{point.ram_bytes:,} B",
        "–" if latency is None else f"{1e3 * latency:.3g} ms",
    )


def binding_resources(point: Point, budget: Budget) -> list[str]:
    """The resources of which ``point`` uses nearly all that the budget grants, tightest first."""
    shares = {
        name: getattr(point, name) / limit
        for name in RESOURCES
        if (limit := getattr(budget, name)) is not None
    }
    return sorted((n for n, share in shares.items() if share > BINDS), key=lambda n: -shares[n])


class Clock:
    """Wall and CPU time of a search over all its sessions; counts on from what was saved."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CLOCK
        before = _read(self._path)
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
