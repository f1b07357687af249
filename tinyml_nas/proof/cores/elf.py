"""What the flash of a linked model holds: each function and table, by section and by kind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinyml_nas.proof.cores import machine
from tinyml_nas.proof.cores.machine import Function, read_sections, read_symbols

Group = Literal["API", "layers", "kernels", "compiler library", "tables", "filling"]
"""``layers`` has a function and a constant record for each layer, ``tables`` has weights and what
belongs to them, ``filling`` is the bytes without a name, most of them for alignment."""

LIBRARY = "compiler_rt."
"""Start of one of the names of each function that the compiler brings along."""


@dataclass(frozen=True)
class Symbol:
    """A function or table and its bytes of flash; names of the file's own lack the prefix."""

    section: str
    group: Group
    name: str
    size_bytes: int


def flash_symbols(program: Path, prefix: str) -> tuple[Symbol, ...]:
    """Flash of an ELF, symbol by symbol in the order of addresses; all bytes of it are counted."""
    aliases: defaultdict[Function, list[machine.Symbol]] = defaultdict(list)
    places: defaultdict[str, set[Function]] = defaultdict(set)
    for symbol in read_symbols(program):
        aliases[symbol.place].append(symbol)
        places[symbol.section].add(symbol.place)
    symbols = []
    for part in read_sections(program):
        rest = len(part.data)
        for place in sorted(places[part.name], key=lambda place: place.address):
            group = _group(aliases[place], prefix)
            names = [alias.name for alias in aliases[place]]
            name = min(names, key=lambda alias: (alias.startswith(LIBRARY), alias))
            if group in ("layers", "kernels"):
                name = name.removeprefix(f"{prefix}_")
            symbols.append(Symbol(part.name, group, name, place.size_bytes))
            rest -= place.size_bytes
        if rest:
            symbols.append(Symbol(part.name, "filling", "", rest))
    return tuple(symbols)


def _group(aliases: list[machine.Symbol], prefix: str) -> Group:
    if any(alias.name.startswith((LIBRARY, "__")) for alias in aliases):
        return "compiler library"
    first = aliases[0]
    if first.name.startswith(f"{prefix}_layer_"):
        return "layers"
    if first.local:
        return "kernels"
    return "API" if first.section == ".text" else "tables"
