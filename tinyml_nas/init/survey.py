"""A first look at somebody's data: what files there are, and what their columns hold."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.rhythm import Clock, dominant_period, mean_frequency, read_clock
from tinyml_nas.data.tables import (
    SUFFIXES,
    is_time,
    read_cells,
    read_npy,
)
from tinyml_nas.data.tree import TOP, open_tree
from tinyml_nas.errors import DataError
from tinyml_nas.init.layout import Layout, find_layout

MOST_READ = 48
"""Files whose values are looked at; of the others only the length is."""
MOST_DISTINCT = 64
NOTES = ("readme", "license", "licence", "notice", "notes", "changelog")
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

    @property
    def constant(self) -> bool:
        """A column that never changes."""
        return self.numeric and self.low == self.high


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

    def column(self, name: str) -> Column | None:
        """The column called ``name``, whatever the case of its letters."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)


@dataclass(frozen=True)
class Part:
    """One file that was read: text by column, or the numbers of an array [T, C]."""

    header: tuple[str, ...] | None
    texts: list[list[str]] = field(default_factory=list)
    values: NDArray[np.float64] | None = None

    @property
    def width(self) -> int:
        return len(self.texts) if self.values is None else self.values.shape[1]

    @property
    def rows(self) -> int:
        """Rows below the header."""
        return len(self.texts[0]) if self.values is None else len(self.values)

    def numbers(self, column: int) -> NDArray[np.float64] | None:
        """The column [T], None where a cell is no number."""
        if self.values is not None:
            return self.values[:, column]
        try:
            return np.array([float(text) for text in self.texts[column]])
        except ValueError:
            return None

    def words(self, column: int) -> list[str]:
        """The column as text."""
        return [] if self.values is not None else self.texts[column]


def survey(path: Path) -> Survey:
    """Look at a folder, a zip or one table; raises ``DataError`` where nothing can be read."""
    if path.is_dir() or path.suffix.lower() == ".zip":
        tree = open_tree(path, TOP)
        names = [name for name in tree.names() if _is_recording(name)]
        if not names:
            raise DataError(
                f"{path} holds no recordings.", hint=f"Recordings end in {', '.join(SUFFIXES)}."
            )
        return _look(path, find_layout(names), tree.read)
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{path} has the suffix {path.suffix!r}, which is not read here.",
            hint=f"Give a folder, a .zip, or a file that ends in {', '.join(SUFFIXES)}.",
        )
    layout = Layout("nowhere", (path.name,), seen=f"one table, {path.name}")
    return _look(path, layout, lambda _: path.read_bytes())


def _is_recording(name: str) -> bool:
    path = PurePosixPath(name)
    is_note = path.stem.lower().startswith(NOTES)
    return path.suffix.lower() in SUFFIXES and not is_note


def _look(path: Path, layout: Layout, read: Callable[[str], bytes]) -> Survey:
    """The survey of some files; only every so many are read whole."""
    chosen = {*layout.files[:: -(-len(layout.files) // MOST_READ)]}
    lengths: dict[str, int] = {}
    parts: list[Part] = []
    problems = []
    for name in layout.files:
        data = read(name)
        try:
            part = _read(data, name) if name in chosen else None
        except DataError as error:
            problems.append(error.message)
            continue
        parts += [part] if part is not None else []
        header = parts[0].header is not None if parts else False
        lengths[name] = _rows(data, name, header) if part is None else part.rows
    if not parts:
        raise DataError(problems[0], hint="None of the files can be read as a table.")
    alike = [part for part in parts if part.header == parts[0].header]
    alike = [part for part in alike if part.width == parts[0].width]
    if len(alike) < len(parts):
        problems.append(f"{len(parts) - len(alike)} of {len(parts)} files have other columns.")
    columns, clock, clock_name = _columns(alike)
    signals = [c for c in columns if c.numeric and not (c.counter or c.constant)]
    period, frequency = _rhythm(alike, [c.name for c in signals], columns)
    return Survey(
        path,
        layout,
        columns,
        parts[0].header is not None,
        lengths,
        clock,
        clock_name,
        period,
        frequency,
        tuple(problems),
    )


def _read(data: bytes, name: str) -> Part:
    if name.lower().endswith(".npy"):
        return Part(None, values=read_npy(data, name).values)
    cells = read_cells(data, name)
    rows = [cells.row(index) for index in range(len(cells.lines))]
    for index, row in enumerate(rows):
        if len(row) != cells.width:
            raise DataError(
                f"{name}, line {cells.line_numbers[index]}: {len(row)} columns where the first "
                f"line has {cells.width}."
            )
    return Part(cells.header, [list(column) for column in zip(*rows, strict=True)])


def _rows(data: bytes, name: str, header: bool) -> int:
    """Rows of a file, without a look at its cells."""
    if name.lower().endswith(".npy"):
        return len(read_npy(data, name).values)
    lines = sum(1 for line in data.splitlines() if line.strip())
    return max(0, lines - int(header))


def _columns(parts: Sequence[Part]) -> tuple[tuple[Column, ...], Clock | None, str]:
    """Every column that is no clock, and the clock of the first file."""
    header = parts[0].header
    columns: list[Column] = []
    clock, clock_name = None, ""
    for index in range(parts[0].width):
        name = header[index] if header else f"column {len(columns)}"
        if is_time(header, index):
            found = None if clock else read_clock(parts[0].words(index), name)
            clock, clock_name = (found, name) if found else (clock, clock_name)
            continue
        columns.append(_column(parts, index, name, len(columns)))
    return tuple(columns), clock, clock_name


def _column(parts: Sequence[Part], index: int, name: str, number: int) -> Column:
    words = [part.words(index) for part in parts]
    numbers = [part.numbers(index) for part in parts]
    distinct: set[str] = set()
    for column in words:
        distinct |= {*column} if len(distinct) <= MOST_DISTINCT else set()
    values = tuple(sorted(distinct)) if len(distinct) <= MOST_DISTINCT else ()
    runs = Counter(value for column in words for value, _ in groupby(column)) if values else {}
    rows = sum(part.rows for part in parts)
    found = [x for x in numbers if x is not None]
    if len(found) < len(numbers):
        return Column(name, number, False, values=values, runs=dict(runs), rows=rows)
    x = np.concatenate(found)
    counts = all(len(v) > 2 and bool((np.diff(v) == 1).all()) for v in found)
    whole = bool((x == np.rint(x)).all())
    stats = (float(x.min()), float(x.max()), float(x.mean()), float(x.std()))
    is_counter = counts and (name.lower() in COUNTERS or not words[0] or name.startswith("column "))
    return Column(name, number, True, *stats, whole, is_counter, values, dict(runs), rows)


def _rhythm(
    parts: Sequence[Part], wanted: list[str], columns: Sequence[Column]
) -> tuple[float | None, float]:
    """The period in samples that most columns show in most recordings, and the usual frequency."""
    header = parts[0].header
    clocks = [i for i in range(parts[0].width) if is_time(header, i)]
    place = [i for i in range(parts[0].width) if i not in clocks]
    periods: list[float] = []
    frequencies: list[float] = []
    for column in (c for c in columns if c.name in wanted):
        found = []
        for part in parts:
            x = part.numbers(place[column.number])
            if x is None or len(x) < 16:
                continue
            found.append(dominant_period(x))
            frequencies.append(mean_frequency(x))
        clear = [value for value in found if value is not None]
        if 2 * len(clear) > len(found):
            periods.append(statistics.median(clear))
    period = statistics.median(periods) if periods else None
    return period, statistics.median(frequencies) if frequencies else 0.0
