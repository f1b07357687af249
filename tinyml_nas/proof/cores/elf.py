"""What the flash of a linked model holds: each function and table, by section and by kind."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tinyml_nas.proof.cores.machine import Function, Symbol, read_sections, read_symbols
from tinyml_nas.results.export import FlashGroup, FlashSymbol

LIBRARY = "compiler_rt."
"""Start of one of the names of each function that the compiler brings along."""


def flash_symbols(program: Path, prefix: str) -> tuple[FlashSymbol, ...]:
    """Flash of an ELF, symbol by symbol in the order of addresses; all bytes of it are counted."""
    aliases: defaultdict[Function, list[Symbol]] = defaultdict(list)
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
            symbols.append(_symbol(part.name, group, name, place.size_bytes))
            rest -= place.size_bytes
        if rest:
            symbols.append(_symbol(part.name, "filling", "", rest))
    return tuple(symbols)


def _symbol(section: str, group: FlashGroup, name: str, size_bytes: int) -> FlashSymbol:
    return FlashSymbol(section=section, group=group, name=name, size_bytes=size_bytes)


def _group(aliases: list[Symbol], prefix: str) -> FlashGroup:
    if any(alias.name.startswith((LIBRARY, "__")) for alias in aliases):
        return "compiler library"
    first = aliases[0]
    if first.name.startswith(f"{prefix}_layer_"):
        return "layers"
    if first.local:
        return "kernels"
    return "API" if first.section == ".text" else "tables"
