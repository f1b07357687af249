"""The cells of a text table, with what spreadsheets and loggers write around it.

Read is what has one meaning: UTF-8, UTF-16 with its mark, Latin-1; ``sep=;`` in the first line, as
Excel writes it; a decimal comma between semicolons or tabs; notes above a line of column names.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from tinyml_nas.data.readers.reading import check_name
from tinyml_nas.errors import DataError

DELIMITERS = ("\t", ";", ",")
"""The first one in the line of names divides; a comma may also stand in a number."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MOST_NOTES = 40
"""Lines above a table that may be notes."""
COMMA = re.compile(r"(?<![^;\t])([ \"]*[-+]?[0-9]*),([0-9]+(?:[eE][-+]?[0-9]+)?[ \"]*)(?![^;\t])")
"""A cell between semicolons or tabs that is a number with a decimal comma."""

Numbered = list[tuple[int, str]]


@dataclass(frozen=True)
class Cells:
    """A text table not yet turned into numbers; ``line_numbers`` count from 1 in the file."""

    lines: list[str]
    line_numbers: list[int]
    header: tuple[str, ...] | None
    delimiter: str | None

    def row(self, index: int) -> list[str]:
        """The cells of one line."""
        return split_line(self.lines[index], self.delimiter)

    @property
    def width(self) -> int:
        """Number of columns of the first line."""
        return len(self.header or self.row(0))

    def column(self, index: int) -> list[str]:
        """The text of one column."""
        return [self.row(i)[index] for i in range(len(self.lines))]


def is_number(text: str) -> bool:
    """True for everything that float() takes: ``1e-5`` and ``nan`` are numbers, not headers."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def split_line(line: str, delimiter: str | None) -> list[str]:
    """The cells of a line, without surrounding blanks and quotes."""
    return [cell.strip().strip('"').strip() for cell in line.split(delimiter)]


def decode(data: bytes, name: str) -> str:
    """The file's text: UTF-8, UTF-16 where its mark says so, else Latin-1."""
    try:
        return data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" not in data:  # a degree sign of an older program; the numbers are ASCII
            return data.decode("latin-1")
        raise DataError(
            f"{name} is not text: byte {error.start} is not {error.encoding.upper()}.",
            hint="Save it as CSV in UTF-8, or as .npy.",
        ) from None


def read_cells(data: bytes, name: str) -> Cells:
    """The cells of a text table; blank lines are skipped, and notes above its names."""
    text = decode(data, name)
    if "\0" in text:
        raise DataError(
            f"{name} is not text: it holds zero bytes.", hint="Save it as CSV in UTF-8."
        )
    numbered = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    given = re.fullmatch(r'"?sep=(.)"?', numbered[0][1].strip("\r\n ")) if numbered else None
    if given is not None:
        numbered = numbered[1:]
    if not numbered:
        raise DataError(f"{name} is empty.", hint="Remove the file or record it again.")
    if given is None:
        numbered = _without_notes(numbered)
    first = numbered[0][1]
    delimiter = given[1] if given else _delimiter(first)
    cells = split_line(first, delimiter)
    if delimiter in (";", "\t") and "," in text:
        numbered = [(n, COMMA.sub(r"\1.\2", line)) for n, line in numbered]
        cells = split_line(numbered[0][1], delimiter)
    header = tuple(cells) if _looks_like_header(cells) else None
    for index, text in enumerate(header or (), 1):
        check_name(text, f"{name}, line {numbered[0][0]}, column {index}")
    body = numbered[0 if header is None else 1 :]
    if not body:
        raise DataError(
            f"{name} has a header and no rows.", hint="Remove the file or record it again."
        )
    return Cells([line for _, line in body], [n for n, _ in body], header, delimiter)


def _delimiter(line: str) -> str | None:
    """The mark that divides a line; None: blanks do."""
    return next((mark for mark in DELIMITERS if mark in line), None)


def _looks_like_header(cells: list[str]) -> bool:
    words = [cell for cell in cells if not is_number(cell)]
    return any("time" in word.lower() for word in words) or 2 * len(words) > len(cells)


def _without_notes(lines: Numbered) -> Numbered:
    """``lines`` from the names of the columns on, where notes stand above them.

    Nothing is taken for a note unless a line of names and a line with as many cells, most of them
    numbers, follow: a header that lacks a name is no note.
    """
    if len(lines) < 2 or _begins(lines, 0):
        return lines
    start = next((i for i in range(1, min(MOST_NOTES, len(lines) - 1)) if _begins(lines, i)), 0)
    return lines[start:]


def _begins(lines: Numbered, index: int) -> bool:
    """Whether a table of at least two columns, all of them named, begins at a line."""
    delimiter = _delimiter(lines[index][1])
    names, values = (split_line(lines[i][1], delimiter) for i in (index, index + 1))
    numbers = sum(is_number(value.replace(",", ".")) for value in values)
    named = all(name and not is_number(name) for name in names)
    wanted = len(values) if delimiter is None else (len(values) + 1) // 2  # words have blanks, too
    return named and len(names) == len(values) > 1 and numbers >= wanted
