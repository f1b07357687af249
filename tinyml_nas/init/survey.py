"""A first look at somebody's data: what files there are, and what their columns hold."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np

from tinyml_nas.data.doctor.dead import dead_channels
from tinyml_nas.data.doctor.rhythm import (
    Clock,
    dominant_period,
    is_clock,
    mean_frequency,
    read_clock,
    tells_time,
)
from tinyml_nas.data.readers.reading import check_regular, read_file
from tinyml_nas.data.readers.tables import SUFFIXES, is_time
from tinyml_nas.data.readers.tree import TOP, open_tree
from tinyml_nas.data.records import Recording
from tinyml_nas.errors import DataError
from tinyml_nas.init.layout import Layout, find_layout
from tinyml_nas.init.parts import Part, matched, read_part
from tinyml_nas.init.states import find_states

MOST_READ = 48
"""Files whose values are looked at; of the others only the length is."""
MOST_DISTINCT = 64
MOST_MISSING = 0.01
"""Share of cells that may be no number in a column of numbers."""
MOST_SHOWN = 3
NOTES = ("readme", "license", "licence", "notice", "notes", "changelog")
SHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
COUNTERS = ("", "index", "idx", "row", "sample", "n", "id", "unnamed: 0")


@dataclass(frozen=True)
class Column:
    """One column over all files that were read; ``number`` counts as ``variables`` does."""

    name: str
    number: int
    numeric: bool
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    whole: bool = False
    counter: bool = False
    values: tuple[str, ...] = ()  # the different ones, sorted; empty beyond MOST_DISTINCT
    runs: dict[str, int] = field(default_factory=dict)  # stretches of each of these values
    rows: int = 0
    clock: Clock | None = None  # of a column that tells the time
    missing: int = 0  # cells that are no finite numbers
    missing_cells: tuple[str, ...] = ()  # the first of them

    @property
    def constant(self) -> bool:
        """A column that never changes."""
        return self.numeric and self.low == self.high

    @property
    def signal(self) -> bool:
        """A column that a network may read."""
        return self.numeric and not (self.constant or self.counter or self.clock)


@dataclass(frozen=True)
class Survey:
    """What is there.  ``lengths`` counts the rows of each file, ``periods`` samples."""

    path: Path
    layout: Layout
    columns: tuple[Column, ...]
    header: bool
    lengths: dict[str, int]
    clock: Clock | None = None
    clock_name: str = ""
    period: float | None = None
    frequency: float = 0.0
    problems: tuple[str, ...] = ()
    states: str = ""  # what is said of recordings that fall into two groups

    def column(self, name: str) -> Column | None:
        """The column called ``name``, whatever the case of its letters."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)


def survey(path: Path) -> Survey:
    """Look at a folder, a zip or one table; raises ``DataError`` where nothing can be read."""
    check_regular(path)
    if path.is_dir() or path.suffix.lower() == ".zip":
        tree = open_tree(path, TOP)
        names = [name for name in tree.names() if _is_recording(name)]
        if not names:
            raise DataError(f"{path} holds no recordings.", hint=_other_files(tree.names()))
        return _look(path, find_layout(names), tree.read)
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{path} has the suffix {path.suffix!r}, which is not read here.",
            hint=f"Give a folder, a .zip, or a file that ends in {', '.join(SUFFIXES)}.",
        )
    layout = Layout("nowhere", (path.name,), seen=f"one table, {path.name}")
    return _look(path, layout, lambda _: read_file(path))


def _other_files(names: list[str]) -> str:
    """What to do with the files that are there instead of recordings."""
    found = Counter(PurePosixPath(name).suffix.lower() for name in names)
    usual, count = max(found.items(), key=lambda item: item[1], default=("", 0))
    if usual in SHEETS:
        return f"There are {count} {usual} files: save each sheet as CSV UTF-8."
    return f"Recordings end in {', '.join(SUFFIXES)}."


def _is_recording(name: str) -> bool:
    path = PurePosixPath(name)
    is_note = path.stem.lower().startswith(NOTES)
    return path.suffix.lower() in SUFFIXES and not is_note


def _look(path: Path, layout: Layout, read: Callable[[str], bytes]) -> Survey:
    """The survey of some files; only every so many are read whole."""
    chosen = {*layout.files[:: -(-len(layout.files) // MOST_READ)]}
    lengths: dict[str, int] = {}
    parts: list[Part] = []
    problems: list[str] = []
    for name in layout.files:
        data = read(name)
        try:
            part = read_part(data, name) if name in chosen else None
        except DataError as error:
            problems.append(error.message)
            continue
        parts += [part] if part is not None else []
        header = parts[0].header is not None if parts else False
        lengths[name] = _rows(data, name, header) if part is None else part.rows
    if not parts:
        others = len(problems) - 1
        hint = f"So it is with {others} more files." if others else "Fix that first."
        raise DataError(problems[0], hint=hint)
    parts, names, notes = matched(parts)
    columns, clock, clock_name = _columns(parts, names)
    signals = [c for c in columns if c.signal]
    period, frequency = _rhythm(parts, signals)
    recordings = _recordings(parts, signals, layout)
    titles = tuple(column.name for column in signals)
    dead = [f"{finding.what} {finding.mend}" for finding in dead_channels(recordings, titles)]
    return Survey(
        path,
        layout,
        columns,
        names is not None,
        lengths,
        clock,
        clock_name,
        period,
        frequency,
        tuple(problems + notes + dead),
        find_states(recordings, titles),
    )


def _rows(data: bytes, name: str, header: bool) -> int:
    """Rows of a file, without a look at its cells."""
    if name.lower().endswith(".npy"):
        return read_part(data, name).rows
    lines = sum(1 for line in data.splitlines() if line.strip())
    return max(0, lines - int(header))


def _columns(
    parts: Sequence[Part], names: tuple[str, ...] | None
) -> tuple[tuple[Column, ...], Clock | None, str]:
    """Every column that a run would read, and the first clock of the first file."""
    width = min(part.width for part in parts)
    titles = names or tuple(f"column {index}" for index in range(width))
    columns: list[Column] = []
    clock, clock_name = None, ""
    for index, name in enumerate(titles):
        places = [part.place(name, index) for part in parts]
        texts = [part.texts_of(place) for part, place in zip(parts, places, strict=True)]
        dropped = is_time(names, index)  # by a run, too
        ticks = dropped or all(is_clock(column, name) for column in texts if len(column) > 2)
        found = read_clock(texts[0], name) if ticks else None
        if found and clock is None and names and (tells_time(name) or found.unit):
            clock, clock_name = found, name
        if not dropped:
            columns.append(_column(parts, places, name, len(columns), found))
    return tuple(columns), clock, clock_name


def _column(
    parts: Sequence[Part], places: list[int], name: str, number: int, clock: Clock | None
) -> Column:
    words = [part.words(place) for part, place in zip(parts, places, strict=True)]
    distinct: set[str] = set()
    for column in words:
        distinct |= {*column} if len(distinct) <= MOST_DISTINCT else set()
    values = tuple(sorted(distinct)) if len(distinct) <= MOST_DISTINCT else ()
    runs = Counter(value for column in words for value, _ in groupby(column)) if values else {}
    rows = sum(part.rows for part in parts)
    numbers = [part.numbers(place) for part, place in zip(parts, places, strict=True)]
    bad = [(part, place, np.flatnonzero(~np.isfinite(x)))
           for part, place, x in zip(parts, places, numbers, strict=True)]  # fmt: skip
    missing = sum(len(found) for _, _, found in bad)
    if missing > MOST_MISSING * rows:
        return Column(name, number, False, values=values, runs=dict(runs), rows=rows, clock=clock)
    cells = [part.cell(place, int(row)) for part, place, found in bad for row in found[:MOST_SHOWN]]
    x = np.concatenate(numbers)
    x = x[np.isfinite(x)]
    counts = all(len(v) > 2 and bool((np.diff(v) == 1).all()) for v in numbers)
    whole = bool((x == np.rint(x)).all())
    stats = (float(x.min()), float(x.max()), float(x.mean()), float(x.std()))
    is_counter = counts and (name.lower() in COUNTERS or not words[0] or name.startswith("column "))
    return Column(
        name, number, True, *stats, whole, is_counter, values, dict(runs), rows, clock,
        missing, tuple(cells[:MOST_SHOWN]),
    )  # fmt: skip


def _rhythm(parts: Sequence[Part], signals: Sequence[Column]) -> tuple[float | None, float]:
    """The period in samples that most columns show in most recordings, and the usual frequency."""
    periods: list[float] = []
    frequencies: list[float] = []
    for column in signals:
        found = []
        paces = []
        for part in parts:
            x = part.numbers(part.place(column.name, column.number))
            x = x[np.isfinite(x)]
            if len(x) < 16 or np.ptp(x) == 0:
                continue
            found.append(dominant_period(x))
            paces.append(mean_frequency(x))
        clear = [value for value in found if value is not None]
        if 2 * len(clear) > len(found):
            periods.append(statistics.median(clear))
        if paces:
            frequencies.append(statistics.median(paces))
    period = statistics.median(periods) if periods else None
    # a slow column beside it, such as a temperature, does not make a vibration slow
    return period, statistics.median_high(frequencies) if frequencies else 0.0


def _recordings(
    parts: Sequence[Part], signals: Sequence[Column], layout: Layout
) -> list[Recording]:
    """The files as recordings of the columns that a network may read, rows of numbers only."""
    recordings = []
    for part in parts:
        values = [part.numbers(part.place(c.name, c.number)) for c in signals]
        samples = np.stack(values, axis=1) if values else np.zeros((part.rows, 0))
        samples = samples[np.isfinite(samples).all(axis=1)]
        label = layout.labels.get(part.name, "")
        recordings += (
            [Recording(part.name, label, samples.astype(np.float32))] if len(samples) else []
        )
    return recordings
