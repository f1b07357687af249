"""What the flash of a linked model holds: each function and table, by section and by kind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinyml_nas.export.machine import Function, read_sections, read_symbols

Group = Literal["API", "layers", "kernels", "compiler library", "tables", "filling"]
"""``layers`` has a function and a constant record for each layer, ``tables`` has weights and what
belongs to them, ``filling`` is the bytes without a name, most of them for alignment."""

LIBRARY = "compiler_rt."
"""Start of one of the names of each function that the compiler brings along."""


@dataclass(frozen=True)
class Symbol:
    """A function or table and its bytes of flash."""

    section: str
    group: Group
    name: str
    size_bytes: int


def flash_symbols(program: Path, prefix: str) -> tuple[Symbol, ...]:
    """Flash of an ELF, symbol by symbol in the order of addresses; all bytes of it are counted."""
    names: defaultdict[Function, list[str]] = defaultdict(list)
    places: defaultdict[str, set[Function]] = defaultdict(set)
    for section, name, place in read_symbols(program):
        names[place].append(name)
        places[section].add(place)
    symbols = []
    for part in read_sections(program):
        rest = len(part.data)
        for place in sorted(places[part.name], key=lambda place: place.address):
            group = _group(names[place], prefix, part.name)
            name = min(names[place], key=lambda alias: (alias.startswith(LIBRARY), alias))
            symbols.append(Symbol(part.name, group, name, place.size_bytes))
            rest -= place.size_bytes
        if rest:
            symbols.append(Symbol(part.name, "filling", "", rest))
    return tuple(symbols)


def _group(aliases: list[str], prefix: str, section: str) -> Group:
    if any(alias.startswith((LIBRARY, "__")) for alias in aliases):
        return "compiler library"
    if aliases[0].startswith(f"{prefix}_"):
        return "API" if section == ".text" else "tables"
    return "layers" if aliases[0].startswith("layer_") else "kernels"
