"""Files as bytes, and what a library says of a file that it cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyml_nas.errors import MOST_QUOTED, DataError, quoted
from tinyml_nas.files import unusual_kind

LONGEST_NAME = 255
"""Characters of a column, a label or a part of a file's name, as most file systems have it."""


def check_regular(path: Path) -> None:
    """Raise ``DataError`` where ``path`` is a device, a pipe or a socket: they may never end."""
    kind = unusual_kind(path)
    if kind not in (None, "a folder"):
        raise DataError(
            f"{path} is {kind}, not a file.", hint="Copy the data into a file and name that."
        )


def read_file(path: Path) -> bytes:
    """The bytes of a regular file; raises ``DataError`` for anything else."""
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the permissions of the file."
        ) from None


def check_name(text: str, what: str) -> None:
    """Raise ``DataError`` for a name out of the data that is too long, or no text.

    ``what`` says where it is: "x.csv, line 3, column 2".
    """
    if len(text) > LONGEST_NAME:
        raise DataError(
            f"{what} holds a name of {len(text):,} characters: {text[:MOST_QUOTED]!r}...",
            hint=f"Names have up to {LONGEST_NAME} characters; check the quotes and line ends.",
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # Python's way to keep such bytes
        raise DataError(
            f"{what} holds {quoted(text)}, whose bytes are no UTF-8.", hint="Rename the file."
        )


@contextmanager
def readable(what: str, hint: str) -> Iterator[None]:
    """Call a library that reads a file of the user: whatever it raises is said as ``DataError``.

    ``what`` begins the sentence.  Only calls of the library belong into the block, since a damaged
    file makes them raise nearly anything.  Memory that runs out is no fault of the file.
    """
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        shown = reason if len(reason) <= 3 * MOST_QUOTED else quoted(reason)
        raise DataError(f"{what}: {shown.rstrip('.')}.", hint=hint) from error
