"""The flash of the linked model as a tree: code and constants, their groups, every symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from tinyml_nas.report.drawings.axes import Tick, nice_ticks
from tinyml_nas.results.export import FlashSymbol
from tinyml_nas.results.format import core_order, core_title, size
from tinyml_nas.results.trained import Model

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 940, 132, 10, 4, 24
STRIP_HEIGHT, STRIP_GAP = 24, 18  # two strips per kind of core: groups above their symbols
CHARACTER_WIDTH = 6.2  # of the small monospaced labels, in SVG units
SECTIONS = {".text": "code", ".rodata": "constants"}
GROUPS = ("API", "layers", "kernels", "compiler library", "tables", "filling")


@dataclass(frozen=True)
class Block:
    """A group or a symbol as a rectangle; ``label`` is empty where it does not fit."""

    x: float
    width: float
    label: str
    title: str
    tone: str


@dataclass(frozen=True)
class Strip:
    """Cores with the same code, from the top of their blocks on."""

    cores: str
    total: str
    y: int
    groups: tuple[Block, ...]
    symbols: tuple[Block, ...]


@dataclass(frozen=True)
class Branch:
    """One group with its bytes per kind of core, and those of its symbols by name."""

    section: str
    group: str
    sizes: tuple[int | None, ...]
    symbols: Mapping[str, tuple[int | None, ...]]


@dataclass(frozen=True)
class FlashMap:
    """Strips over one axis of bytes, and the same as a table."""

    strips: tuple[Strip, ...]
    ticks: tuple[Tick, ...]
    branches: tuple[Branch, ...]
    height: int
    width: int = WIDTH
    strip_height: int = STRIP_HEIGHT


def flash_map(model: Model) -> FlashMap | None:
    """The drawing of ``model``'s linked flash, or ``None`` where nothing was linked."""
    images: dict[tuple[FlashSymbol, ...], list[str]] = {}
    for core in sorted(model.flash_symbols, key=core_order):
        symbols = sorted(model.flash_symbols[core], key=_order)
        images.setdefault(tuple(symbols), []).append(core)
    if not images:
        return None
    most = max(sum(s.size_bytes for s in symbols) for symbols in images)
    ticks = [tick for tick in nice_ticks([0, most], wanted=8) if tick <= most]
    per_byte = (WIDTH - LEFT - RIGHT) / (most or 1)
    step = 2 * STRIP_HEIGHT + STRIP_GAP
    return FlashMap(
        tuple(
            Strip(
                _title(cores),
                size(sum(s.size_bytes for s in symbols)),
                TOP + i * step,
                _blocks(_groups(symbols), per_byte),
                _blocks(symbols, per_byte),
            )
            for i, (symbols, cores) in enumerate(images.items())
        ),
        tuple(Tick(round(LEFT + tick * per_byte, 1), size(tick)) for tick in ticks),
        _branches(list(images)),
        TOP + len(images) * step - STRIP_GAP + BOTTOM,
    )


def _title(cores: Sequence[str]) -> str:
    """``Cortex-M4, M33``."""
    first, *others = map(core_title, cores)
    family, dash, _ = first.rpartition("-")
    return ", ".join([first, *(other.removeprefix(family + dash) for other in others)])


def _order(symbol: FlashSymbol) -> tuple[bool, int]:
    """Code first, then by group; within a group symbols stay in the order of their addresses."""
    return symbol.section != ".text", GROUPS.index(symbol.group)


def _groups(symbols: Sequence[FlashSymbol]) -> list[FlashSymbol]:
    """One entry for each section and group, named like the group."""
    groups = []
    for _, found in groupby(symbols, key=_order):
        first, *others = found
        total = first.size_bytes + sum(s.size_bytes for s in others)
        groups.append(first.model_copy(update={"name": first.group, "size_bytes": total}))
    return groups


def _blocks(symbols: Sequence[FlashSymbol], per_byte: float) -> tuple[Block, ...]:
    starts = accumulate((s.size_bytes for s in symbols), initial=0)
    return tuple(_block(s, start, per_byte) for s, start in zip(symbols, starts, strict=False))


def _block(symbol: FlashSymbol, start: int, per_byte: float) -> Block:
    section = SECTIONS.get(symbol.section, symbol.section)
    name = symbol.name or symbol.group
    width = symbol.size_bytes * per_byte
    fits = len(name) * CHARACTER_WIDTH + 8 <= width
    return Block(
        round(LEFT + start * per_byte, 2),
        round(width, 2),
        name if fits else "",
        f"{name}: {symbol.size_bytes:,} B of {section}",
        "filling" if symbol.group == "filling" else section,
    )


def _branches(images: Sequence[tuple[FlashSymbol, ...]]) -> tuple[Branch, ...]:
    """Every symbol of any image under its group; ``None`` where an image does not have it."""
    by_group: dict[tuple[bool, int], dict[str, list[int | None]]] = {}
    for column, symbols in enumerate(images):
        for s in symbols:
            row = by_group.setdefault(_order(s), {}).setdefault(s.name, [None] * len(images))
            row[column] = (row[column] or 0) + s.size_bytes
    branches = []
    for (constant, group), rows in sorted(by_group.items()):
        columns = zip(*rows.values(), strict=True)
        branches.append(
            Branch(
                "constants" if constant else "code",
                GROUPS[group],
                tuple(sum(filter(None, column)) or None for column in columns),
                {name: tuple(row) for name, row in rows.items() if name},
            )
        )
    return tuple(branches)
