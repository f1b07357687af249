"""Quantities with a unit, read from text: ``8 kB`` is 8000 bytes, ``8 KiB`` is 8192.

Decimal prefixes are powers of 1000 and binary ones (Ki, Mi) powers of 1024, as the standards say.
"""

from __future__ import annotations

import math
import re

from tinyml_nas.errors import quoted

QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]*)\s*")
BYTES = {"": 1, "B": 1, "kB": 1000, "MB": 1000**2, "KiB": 1024, "MiB": 1024**2}
SECONDS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0}
COUNTS = {"": 1.0, "k": 1e3, "M": 1e6}
HERTZ = {"": 1, "Hz": 1, "k": 1e3, "kHz": 1e3, "M": 1e6, "MHz": 1e6}


def _scaled(text: str, units: dict[str, int] | dict[str, float], what: str) -> float:
    match = QUANTITY.fullmatch(text)
    known = ", ".join(unit for unit in units if unit)
    if match is None:
        raise ValueError(f"{quoted(text)} is not {what}: a number, then one of {known}")
    if match[2] not in units:
        raise ValueError(f"{match[2]!r} is no unit of {what}; use {known}")
    value = float(match[1]) * units[match[2]]
    if not math.isfinite(value):
        raise ValueError(f"{quoted(text)} is too large for {what}")
    return value


def parse_bytes(value: object) -> object:
    """Whole bytes where ``value`` is text; anything else as it is, for the schema to judge."""
    if not isinstance(value, str):
        return value
    size = _scaled(value, BYTES, "a size")
    if size != int(size):
        raise ValueError(f"{quoted(value)} is not a whole number of bytes")
    return int(size)


def parse_size(value: object) -> object:
    """Whole bytes of a text with a unit; ``ValueError`` for a bare number: which unit was meant?"""
    if number := _bare(value):
        larger = number / 1000 if number >= 1000 else number
        meant = f"{number:.12g} B or {larger:.12g} kB"
        raise ValueError(f"{quoted(str(value))} has no unit: write {meant}")
    return parse_bytes(value)


def parse_clock(value: object) -> object:
    """Hertz of a text with a unit; ``ValueError`` for a bare number: which unit was meant?"""
    if number := _bare(value):
        million = number / 1e6 if number >= 1e5 else number
        raise ValueError(f"{quoted(str(value))} has no unit: write {million:.12g} MHz")
    return parse_frequency(value)


def parse_frequency(value: object) -> object:
    """Hertz where ``value`` is text; anything else as it is, for the schema to judge."""
    return _scaled(value, HERTZ, "a frequency") if isinstance(value, str) else value


def parse_seconds(value: object) -> object:
    """Seconds where ``value`` is text; anything else as it is, for the schema to judge."""
    return _scaled(value, SECONDS, "a time") if isinstance(value, str) else value


def parse_duration(value: object) -> object:
    """Seconds of a text with a unit; ``ValueError`` for a bare number: which unit was meant?"""
    if number := _bare(value):
        seconds = f"{number:.12g} s or {1000 * number:.12g} ms"
        meant = seconds if number < 1 else f"{number:.12g} ms"
        raise ValueError(f"{quoted(str(value))} has no unit: write {meant}")
    return parse_seconds(value)


def parse_count(value: object) -> object:
    """A whole number where ``value`` is text such as ``30k``; anything else as it is."""
    if not isinstance(value, str):
        return value
    count = _scaled(value, COUNTS, "a count")
    if count != int(count):
        raise ValueError(f"{quoted(value)} is not a whole number")
    return int(count)


def _bare(value: object) -> float | None:
    """The positive number that ``value`` is, or is the text of; ``None`` for anything else."""
    if isinstance(value, str):
        match = QUANTITY.fullmatch(value)
        value = float(match[1]) if match and not match[2] else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 < value < 1e15 else None
