"""Numbers out of one file: text tables with or without a header, and NumPy arrays.

Only the columns that are asked for need to be numbers.  Text is first given to NumPy's fast reader;
only a file that it rejects is read cell by cell, to name the line, the column and the value at
fault.  What spreadsheets and loggers write around a table is read where it has one meaning
(``cells.py``).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyml_nas.data.readers.reading import readable
from tinyml_nas.data.readers.text_table import Cells, is_number, read_cells
from tinyml_nas.errors import DataError, quoted

TEXT_SUFFIXES = (".csv", ".txt")
SUFFIXES = (*TEXT_SUFFIXES, ".npy", ".wav")
NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Readers by version; the third, of names in UTF-8, is only written for records."""


@dataclass(frozen=True)
class Table:
    """A file by its columns: ``header`` where it has one, and ``read`` for the values of some.

    ``read`` takes numbers of columns and gives float64 [T, len]; it raises ``DataError`` where a
    cell of them is no finite number.
    """

    header: tuple[str, ...] | None
    width: int
    read: Callable[[list[int]], NDArray[np.float64]]

    @staticmethod
    def of(values: NDArray[np.float64]) -> Table:
        """A table of plain values (T, C) without a header."""
        return Table(None, values.shape[1], lambda columns: values[:, columns])


def _check_row_lengths(cells: Cells, name: str) -> None:
    width = cells.width
    for index, line in enumerate(cells.line_numbers):
        found = len(cells.lines[index].split(cells.delimiter))
        if found != width:
            raise DataError(
                f"{name}, line {line}: {found} columns where the first line has {width}.",
                hint="Every line needs the same number of columns; delete notes around the table.",
            )


def to_numbers(cells: Cells, name: str, columns: list[int]) -> NDArray[np.float64]:
    """Values [T, len(columns)] of the named columns; the first cell at fault is named."""
    _check_row_lengths(cells, name)
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
            kind = (
                f"holds {quoted(text)}, which is no finite float32 number" if text else "is empty"
            )
            hint = "Repair that cell, or cut the file in two there; do not splice it."
            if "," in text and is_number(text.replace(".", "").replace(",", ".")):
                hint = "Write decimals with a point."
            return DataError(f"{name}, line {line}, column {column + 1}{title} {kind}.", hint=hint)
    return DataError(f"{name} cannot be read as numbers.", hint="Check its quotes and delimiters.")


def read_text(data: bytes, name: str) -> Table:
    """A table from CSV or text; columns named after time are still in it."""
    cells = read_cells(data, name)
    columns = [i for i in range(cells.width) if not is_time(cells.header, i)]
    if not columns:
        raise DataError(
            f"{name} has no column of samples.", hint="Columns named time are left out."
        )
    names = None if cells.header is None else tuple(cells.header[i] for i in columns)
    return Table(names, len(columns), lambda w: to_numbers(cells, name, [columns[i] for i in w]))


def is_time(header: tuple[str, ...] | None, column: int) -> bool:
    """True for a column called ``date``, or whose name contains ``time``: a clock is no signal."""
    if header is None or column >= len(header):
        return False
    name = header[column].lower()
    return "time" in name or name == "date"


def load_npy(data: bytes, name: str) -> NDArray[np.generic]:
    """An array from .npy bytes; arrays of Python objects are refused, because they can run code.

    What the header states is compared with what there is before any memory is taken for it.
    """
    hint = "Save plain numbers with numpy.save(path, array, allow_pickle=False)."
    with readable(f"{name} is no readable NumPy array", hint):
        header = io.BytesIO(data)
        read_header = NPY_HEADERS.get(np.lib.format.read_magic(header))
        if read_header is None:
            raise ValueError("its header has names that are not Latin-1")
        shape, _, dtype = read_header(header)
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        stated, there = math.prod(shape) * dtype.itemsize, len(data) - header.tell()
        if min(shape, default=0) < 0 or stated > there:
            raise ValueError(f"its header states the shape {shape}, {there:,} bytes follow")
        return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))


def read_npy(data: bytes, name: str) -> Table:
    """A table from a .npy array (T,) or (T, C)."""
    array = load_npy(data, name)
    if array.ndim not in (1, 2) or array.size == 0 or array.dtype.kind not in "iufb":
        raise DataError(
            f"{name} holds an array of shape {array.shape} and type {quoted(str(array.dtype))}.",
            hint="A recording is an array of numbers [samples, channels].",
        )
    values = array.astype(np.float64).reshape(len(array), -1)
    check_finite(values, name)
    return Table.of(values)


def check_finite(values: NDArray[np.float64], name: str) -> None:
    """Raise for the first value (T, C) that is not finite in float32."""
    bad = np.argwhere(~fits_float32(values))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise DataError(
            f"{name}, row {row}, column {column + 1} holds {values[row, column]}.",
            hint="Repair that value, or cut the array in two there; do not splice it.",
        )


def read_table(data: bytes, name: str) -> Table:
    """The table of a file, by its suffix."""
    return read_npy(data, name) if name.lower().endswith(".npy") else read_text(data, name)
