"""One file of somebody's data, read as it is: what is no number is noted, and stops nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.readers.tables import is_time, read_npy
from tinyml_nas.data.readers.text_table import read_cells
from tinyml_nas.errors import DataError

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One file: text by column and the lines it stands in, or the numbers of an array (T, C)."""

    name: str
    header: tuple[str, ...] | None
    texts: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    values: Numbers | None = None

    @property
    def width(self) -> int:
        return len(self.texts) if self.values is None else self.values.shape[1]

    @property
    def rows(self) -> int:
        """Rows below the header."""
        return len(self.lines) if self.values is None else len(self.values)

    def place(self, name: str, number: int) -> int:
        """Where the column called ``name`` stands, or the one of that ``number`` without names."""
        return number if self.header is None else self.header.index(name)

    def numbers(self, place: int) -> Numbers:
        """The column (T,), NaN where a cell is no number."""
        if self.values is not None:
            return self.values[:, place]
        texts = self.texts[place]
        try:
            return np.array(texts, dtype=np.float64)
        except ValueError:
            return np.array([_number(text) for text in texts])

    def texts_of(self, place: int) -> list[str]:
        """The cells of a column that are not empty."""
        if self.values is not None:
            return [str(value) for value in self.values[:, place]]
        return [text for text in self.texts[place] if text]

    def words(self, place: int) -> list[str]:
        """The column as text, empty for an array."""
        return [] if self.values is not None else self.texts[place]

    def cell(self, place: int, row: int) -> str:
        """The place and content of a cell that is no number, so that a user finds it."""
        text = self.texts[place][row]
        return f"{self.name}:{self.lines[row]} {f'holds {text[:20]!r}' if text else 'is empty'}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def read_part(data: bytes, name: str) -> Part:
    """The file ``name``; raises ``DataError`` where it is no table."""
    if name.lower().endswith(".npy"):
        table = read_npy(data, name)
        return Part(name, None, values=table.read([*range(table.width)]))
    cells = read_cells(data, name)
    rows = [cells.row(index) for index in range(len(cells.lines))]
    for line, row in zip(cells.line_numbers, rows, strict=True):
        if len(row) != cells.width:
            raise DataError(
                f"{name}, line {line}: {len(row)} columns where the first line has {cells.width}."
            )
    texts = [list(column) for column in zip(*rows, strict=True)]
    return Part(name, cells.header, texts, cells.line_numbers)


def matched(parts: list[Part]) -> tuple[list[Part], tuple[str, ...] | None, list[str]]:
    """The files that belong together, the names of the columns that all of them have, and what is
    to be said of the others.  Their order does not matter; without names, the number of columns.
    """
    usual = max((part.header for part in parts), key=[part.header for part in parts].count)
    alike = [part for part in parts if _akin(part, usual)]
    strange = [part for part in parts if not _akin(part, usual)]
    notes = [_strange(part) for part in strange[:3]]
    if usual is None:
        return alike, None, notes
    everywhere = set.intersection(*(set(part.header or ()) for part in alike))
    for name in dict.fromkeys(name for part in alike for name in part.header or ()):
        lacking = [part.name for part in alike if name not in (part.header or ())]
        if lacking and not is_time((name,), 0):
            notes.append(_lacks(name, lacking, len(alike)))
    return alike, tuple(name for name in usual if name in everywhere), notes


def _akin(part: Part, usual: tuple[str, ...] | None) -> bool:
    """Whether a file has at least half of the usual columns."""
    if part.header is None or usual is None:
        return part.header == usual
    return 2 * len({*part.header} & {*usual}) >= len(usual)


def _strange(part: Part) -> str:
    names = "no names" if part.header is None else ", ".join(part.header[:6])
    return f"{part.name} has other columns than the rest ({names}): move it elsewhere"


def _lacks(name: str, lacking: list[str], files: int) -> str:
    """What is said of a column that some files do not have."""
    if 2 * len(lacking) > files:
        return f"{files - len(lacking)} of {files} files have a column {name}: it is left out"
    more = f" and {len(lacking) - 1} more files" if len(lacking) > 1 else ""
    verb, them = ("lack", "these files") if more else ("lacks", "the file")
    return f"{lacking[0]}{more} {verb} {name}: {name} is left out (or remove {them})"
