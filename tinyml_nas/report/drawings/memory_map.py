"""The arena over time: which buffer lies where while which layer runs, and what makes the peak.

Where a layer's output overwrites its input, their blocks overlap in the column of that layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyml_nas.report.drawings.axes import Tick, nice_ticks
from tinyml_nas.results.export import Buffer
from tinyml_nas.results.format import size
from tinyml_nas.results.trained import Model

WIDTH, HEIGHT = 940, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 10, 16, 36
CHARACTER_WIDTH = 6.2  # of the small monospaced labels, in SVG units


@dataclass(frozen=True)
class Block:
    """One buffer as a rectangle; ``label`` is empty where it does not fit."""

    x: float
    y: float
    width: float
    height: float
    label: str
    title: str
    at_peak: bool


@dataclass(frozen=True)
class MemoryMap:
    """Blocks with axes, the peak step and a sentence on it."""

    blocks: tuple[Block, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    peak_x: float
    peak_width: float
    sentence: str
    width: int = WIDTH
    height: int = HEIGHT


def memory_map(model: Model) -> MemoryMap | None:
    """The drawing of ``model``'s memory plan, or ``None`` without one."""
    buffers = model.memory
    if not buffers:
        return None
    steps = range(min(b.first for b in buffers), max(b.last for b in buffers) + 1)
    top = max(b.offset + b.size_bytes for b in buffers) or 1
    step_width = (WIDTH - LEFT - RIGHT) / len(steps)
    per_byte = (HEIGHT - TOP - BOTTOM) / top
    peak = max(steps, key=lambda step: (_live(buffers, step), -step))

    def x(step: int) -> float:
        return round(LEFT + (step - steps[0]) * step_width, 1)

    def y(offset: float) -> float:
        return round(HEIGHT - BOTTOM - offset * per_byte, 1)

    def block(b: Buffer) -> Block:
        width, height = (b.last - b.first + 1) * step_width, b.size_bytes * per_byte
        fits = height >= 11 and len(b.name) * CHARACTER_WIDTH + 8 <= width
        title = f"{b.name}: {b.size_bytes:,} B at offset {b.offset:,}, layers {b.first} to {b.last}"
        return Block(
            x(b.first),
            y(b.offset + b.size_bytes),
            round(width, 1),
            round(height, 1),
            b.name if fits else "",
            title,
            b.first <= peak <= b.last,
        )

    every = -(-len(steps) // 32)
    return MemoryMap(
        tuple(map(block, buffers)),
        tuple(
            Tick(round(x(s) + step_width / 2, 1), _step_label(s, len(model.cost.layers)))
            for s in steps[::every]
        ),
        tuple(Tick(y(t), size(t)) for t in nice_ticks([0, top]) if t <= top),
        x(peak),
        round(step_width, 1),
        _sentence(model, peak),
    )


def _live(buffers: Sequence[Buffer], step: int) -> int:
    """Bytes of the arena that some buffer holds; those that two share count once."""
    live, end = 0, 0
    for b in sorted(buffers, key=lambda b: b.offset):
        if b.first <= step <= b.last:
            top = b.offset + b.size_bytes
            live += max(0, top - max(end, b.offset))
            end = max(end, top)
    return live


def _step_label(step: int, layers: int) -> str:
    if step < 0:
        return "in"
    return "out" if layers and step >= layers else str(step)


def _sentence(model: Model, peak: int) -> str:
    live = [b for b in model.memory if b.first <= peak <= b.last]
    layers = model.cost.layers
    place = (
        f"layer {peak} ({layers[peak].name})" if 0 <= peak < len(layers) else "the edge of the run"
    )
    names = ", ".join(f"{b.name} ({b.size_bytes:,} B)" for b in live)
    needed, arena = _live(model.memory, peak), model.cost.ram_bytes
    shared = sum(b.size_bytes for b in live) - needed
    names += f" that share {shared:,} B" if shared else ""
    lost = f", {arena - needed:,} of them lost to placement" if arena > needed else ""
    return (
        f"Most bytes are alive at {place}: {needed:,}, in {names}. "
        f"The arena takes {arena:,} B{lost}; a smaller tensor here is what lowers it."
        + (
            ""
            if model.ram_bytes == arena
            else f" A byte of the target has more bits: there the "
            f"arena takes {model.ram_bytes:,} octets."
        )
    )
