"""Numbers out of one file: text tables with or without a header, and NumPy arrays.

Text is first given to NumPy's fast reader; only a file that it rejects is read cell by cell, to
name the line, the column and the value at fault.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyml_nas.errors import DataError

DELIMITERS = (",", ";", "\t")
TEXT_SUFFIXES = (".csv", ".txt")
SUFFIXES = (*TEXT_SUFFIXES, ".npy", ".wav")


@dataclass(frozen=True)
class Table:
    """Values [T, C] in float64, and the column names where the file has a header."""

    values: NDArray[np.float64]
    header: tuple[str, ...] | None


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


def _looks_like_header(cells: list[str]) -> bool:
    words = [cell for cell in cells if not is_number(cell)]
    return any("time" in word.lower() for word in words) or 2 * len(words) > len(cells)


def decode(data: bytes, name: str) -> str:
    """The file's text; UTF-8 with or without a byte order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is not text: byte {error.start} is not UTF-8.",
            hint="Save it as CSV in UTF-8, or as .npy.",
        ) from None


def read_cells(data: bytes, name: str) -> Cells:
    """The cells of a text table; blank lines are skipped."""
    numbered = [
        (n, line) for n, line in enumerate(decode(data, name).splitlines(), 1) if line.strip()
    ]
    if not numbered:
        raise DataError(f"{name} is empty.", hint="Remove the file or record it again.")
    first = numbered[0][1]
    delimiter = next((mark for mark in DELIMITERS if mark in first), None)
    cells = split_line(first, delimiter)
    header = tuple(cells) if _looks_like_header(cells) else None
    body = numbered[0 if header is None else 1 :]
    if not body:
        raise DataError(
            f"{name} has a header and no rows.", hint="Remove the file or record it again."
        )
    return Cells([line for _, line in body], [n for n, _ in body], header, delimiter)


def _check_row_lengths(cells: Cells, name: str) -> None:
    width = cells.width
    for index, line in enumerate(cells.line_numbers):
        found = len(cells.lines[index].split(cells.delimiter))
        if found != width:
            raise DataError(
                f"{name}, line {line}: {found} columns where the first line has {width}.",
                hint="Every line of a file needs the same number of columns.",
            )


def to_numbers(cells: Cells, name: str, columns: list[int]) -> NDArray[np.float64]:
    """Values [T, len(columns)] of the named columns; the first cell at fault is named."""
    _check_row_lengths(cells, name)
    if not columns:
        raise DataError(
            f"{name} has no column of samples.", hint="Columns named time are left out."
        )
    try:
        values = np.loadtxt(
            cells.lines,
            delimiter=cells.delimiter,
            usecols=columns,
            ndmin=2,
            comments=None,
            quotechar='"',
            dtype=np.float64,
        )
    except ValueError:
        raise _cell_error(cells, name, columns) from None
    if not fits_float32(values).all():
        raise _cell_error(cells, name, columns)
    return values


def fits_float32(values: ArrayLike) -> NDArray[np.bool_]:
    """Which of ``values`` are finite, and stay so as the float32 that windows hold."""
    return np.asarray(np.abs(values) <= np.finfo(np.float32).max)


def _cell_error(cells: Cells, name: str, columns: list[int]) -> DataError:
    """The error for the first cell that is no finite number."""
    for index, line in enumerate(cells.line_numbers):
        row = cells.row(index)
        for column in columns:
            text = row[column]
            if is_number(text) and fits_float32(float(text)):
                continue
            title = f" ({cells.header[column]})" if cells.header else ""
            kind = f"holds {text!r}, which is no finite float32 number" if text else "is empty"
            hint = "Repair or remove that line; missing values cannot be guessed."
            if "," in text and is_number(text.replace(",", ".")):
                hint = "Write decimals with a point."
            return DataError(f"{name}, line {line}, column {column + 1}{title} {kind}.", hint=hint)
    return DataError(f"{name} cannot be read as numbers.", hint="Check its quotes and delimiters.")


def read_text(data: bytes, name: str) -> Table:
    """A table from CSV or text; columns named after time are still in it."""
    cells = read_cells(data, name)
    columns = [i for i in range(cells.width) if not is_time(cells.header, i)]
    numbers = to_numbers(cells, name, columns)
    names = None if cells.header is None else tuple(cells.header[i] for i in columns)
    return Table(numbers, names)


def is_time(header: tuple[str, ...] | None, column: int) -> bool:
    """True for a column called ``date``, or whose name contains ``time``: a clock is no signal."""
    if header is None or column >= len(header):
        return False
    name = header[column].lower()
    return "time" in name or name == "date"


def load_npy(data: bytes, name: str) -> NDArray[np.generic]:
    """An array from .npy bytes; arrays of Python objects are refused, for they can run code."""
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise DataError(
            f"{name} is no readable NumPy array: {error}.",
            hint="Save plain numbers with numpy.save(path, array, allow_pickle=False).",
        ) from None
    return np.asarray(array)


def read_npy(data: bytes, name: str) -> Table:
    """A table from a .npy array [T] or [T, C]."""
    array = load_npy(data, name)
    if array.ndim not in (1, 2) or array.size == 0 or array.dtype.kind not in "iufb":
        raise DataError(
            f"{name} holds an array of shape {array.shape} and type {array.dtype}.",
            hint="A recording is an array of numbers [samples, channels].",
        )
    values = array.astype(np.float64).reshape(len(array), -1)
    check_finite(values, name)
    return Table(values, None)


def check_finite(values: NDArray[np.float64], name: str) -> None:
    """Raise for the first value [T, C] that is not finite in float32."""
    bad = np.argwhere(~fits_float32(values))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise DataError(
            f"{name}, row {row}, column {column + 1} holds {values[row, column]}.",
            hint="Repair or remove that row; missing values cannot be guessed.",
        )


def read_table(data: bytes, name: str) -> Table:
    """The table of a file, by its suffix."""
    return read_npy(data, name) if name.lower().endswith(".npy") else read_text(data, name)
