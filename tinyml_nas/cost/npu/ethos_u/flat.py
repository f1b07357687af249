"""Flatbuffers, the binary format of TOSA files: as much of it as they need.

A file grows from its end, so that what is referred to lies behind what refers to it
(https://flatbuffers.dev/internals); a reference here counts from the end.  With the ``flatbuffers``
package a network took 2.5 times as long to write, and a search writes one for every candidate.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache

WIDTHS = {"B": 1, "I": 4, "R": 4}
"""Bytes of a field by its code: a flag or a small number, a number, a reference."""


@cache
def _layout(codes: str) -> tuple[struct.Struct, tuple[int, ...], tuple[int, ...], bytes]:
    """Of a table whose fields are ``codes``: its form, slots in its order, their places, vtable."""
    order = sorted(range(len(codes)), key=lambda slot: -WIDTHS[codes[slot]])
    places, end = [0] * len(codes), 4
    for slot in order:
        places[slot], end = end, end + WIDTHS[codes[slot]]
    rest = -end % 4
    form = "<i" + "".join(codes[slot].replace("R", "I") for slot in order) + "x" * rest
    vtable = struct.pack(f"<{2 + len(codes)}H", 4 + 2 * len(codes), end + rest, *places)
    return struct.Struct(form), tuple(order), tuple(places), vtable


class Flat:
    """A file that is being written."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._strings: dict[str, int] = {}
        self._vtables: dict[str, int] = {}

    def _start(self, length: int, multiple: int = 4, lead: int = 0) -> int:
        """Where ``length`` bytes will begin, of which byte ``lead`` lies at a ``multiple``."""
        if gap := -(self._size + length - lead) % multiple:
            self._chunks.append(bytes(gap))
            self._size += gap
        return self._size + length

    def _put(self, chunk: bytes) -> int:
        self._chunks.append(chunk)
        self._size += len(chunk)
        return self._size

    def string(self, value: str) -> int:
        """Text; equal ones are written once."""
        if value not in self._strings:
            encoded = value.encode()
            chunk = struct.pack("<I", len(encoded)) + encoded + b"\0"
            self._start(len(chunk))
            self._strings[value] = self._put(chunk)
        return self._strings[value]

    def data(self, data: bytes) -> int:
        """Bytes that begin at a multiple of 8."""
        self._start(4 + len(data), 8, lead=4)
        return self._put(struct.pack("<I", len(data)) + data)

    def numbers(self, numbers: Sequence[int]) -> int:
        """A vector of int32."""
        self._start(4 + 4 * len(numbers))
        return self._put(struct.pack(f"<I{len(numbers)}i", len(numbers), *numbers))

    def references(self, references: Sequence[int]) -> int:
        """A vector of tables or strings."""
        count = len(references)
        first = self._start(4 + 4 * count) - 4
        ahead = (first - 4 * i - reference for i, reference in enumerate(references))
        return self._put(struct.pack(f"<{1 + count}I", count, *ahead))

    def strings(self, values: Sequence[str]) -> int:
        """A vector of strings."""
        return self.references([self.string(value) for value in values])

    def table(self, codes: str, values: Sequence[int]) -> int:
        """A table with a field for each of ``codes``, see ``WIDTHS``."""
        form, order, places, vtable = _layout(codes)
        if codes not in self._vtables:
            self._start(len(vtable))
            self._vtables[codes] = self._put(vtable)
        start = self._start(form.size)
        fields = (
            start - places[slot] - values[slot] if codes[slot] == "R" else values[slot]
            for slot in order
        )
        return self._put(form.pack(self._vtables[codes] - start, *fields))

    def finish(self, table: int, identifier: bytes) -> bytes:
        """The file whose first table is ``table``."""
        start = self._start(8, 8)
        self._put(struct.pack("<I4s", start - table, identifier))
        return b"".join(reversed(self._chunks))


def _number(file: bytes, place: int) -> int:
    return int.from_bytes(file[place : place + 4], "little")


def root(file: bytes) -> int:
    """Place of the first table."""
    return _number(file, 0)


def field(file: bytes, table: int, slot: int) -> int:
    """Place of what field ``slot`` of the table at ``table`` refers to."""
    vtable = table - int.from_bytes(file[table : table + 4], "little", signed=True)
    at = table + int.from_bytes(file[vtable + 4 + 2 * slot : vtable + 6 + 2 * slot], "little")
    return at + _number(file, at)


def elements(file: bytes, vector: int) -> list[int]:
    """Places of what the vector at ``vector`` refers to."""
    places = range(vector + 4, vector + 4 + 4 * _number(file, vector), 4)
    return [place + _number(file, place) for place in places]


def text(file: bytes, string: int) -> str:
    """The string at ``string``."""
    return file[string + 4 : string + 4 + _number(file, string)].decode()
