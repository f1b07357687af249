"""The generated C on paper: what each kernel reads and writes, in the order of its loops.

A byte of the arena holds the number of the tensor's byte that was last written there.  A kernel
that reads another number than its input's has met a byte that was overwritten too early.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinyml_nas.cost.arena import Buffer, MemoryPlan
from tinyml_nas.cost.packing import PACKED_CHANNELS, PACKED_ROWS
from tinyml_nas.devices.cores import Backend
from tinyml_nas.export.c import calls
from tinyml_nas.export.c.layers import CLayer, resolve
from tinyml_nas.export.c.records import Code, KernelCall
from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import IntConcat, IntLayer, IntNetwork, IntReshape

Reads = list[tuple[int, int, int]]
"""(Source, first byte, bytes) each."""
Step = tuple[Reads, list[int]]
"""What is read before the next bytes are written, and these."""


ORDERS: tuple[Backend, ...] = ("one_row", "two_rows", "dsp")
"""Back-ends that read and write in different orders; the others walk as ``two_rows`` does."""


@dataclass
class Arena:
    """Numbers of bytes; ``numbers`` gives each tensor of ``plan`` its own, margins included."""

    plan: MemoryPlan
    bytes: np.ndarray
    numbers: dict[str, int]

    @classmethod
    def of(cls, plan: MemoryPlan) -> Arena:
        sizes = np.cumsum([0, *(b.size_bytes for b in plan.buffers.values())]).tolist()
        numbers = dict(zip(plan.buffers, sizes[:-1], strict=True))
        return cls(plan, np.full(plan.arena_bytes, -1), numbers)

    def write(self, name: str, start: int, count: int = 1) -> None:
        self.bytes[start : start + count] = self.expected(name, start, count)

    def spoil(self, scratch: Buffer | None) -> None:
        """Unpacked weights lie there now."""
        if scratch is not None:
            self.bytes[scratch.offset : scratch.offset + scratch.size_bytes] = -1

    def fill(self, start: int, count: int, names: tuple[str, ...]) -> None:
        """Margins of the one of ``names`` that lies there."""
        buffers = [self.plan.buffers[name] for name in names]
        around = {b.name for b in buffers if 0 <= start - b.offset < b.size_bytes}
        (name,) = around
        self.write(name, start, count)

    def holds(self, name: str, start: int, count: int) -> bool:
        buffer = self.plan.buffers[name]
        inside = buffer.offset <= start and start + count <= buffer.offset + buffer.size_bytes
        found = self.bytes[start : start + count]
        return inside and bool((found == self.expected(name, start, count)).all())

    def expected(self, name: str, start: int, count: int) -> np.ndarray:
        return self.numbers[name] + start - self.plan.buffers[name].offset + np.arange(count)


def overwritten(net: IntNetwork, backend: Backend) -> list[str]:
    """The layers of ``net`` that read, or leave, anything but what their tensors should hold."""
    model = resolve(net, "m")
    arena = Arena.of(model.plan)
    whole = model.plan.buffers[INPUT]
    arena.write(INPUT, whole.data_offset, whole.rows * whole.row_bytes)
    return [
        layer.name
        for layer, int_layer in zip(model.layers, net.layers, strict=True)
        if not _survives(arena, layer, int_layer, backend)
    ]


def _survives(arena: Arena, layer: CLayer, int_layer: IntLayer, backend: Backend) -> bool:
    name, inputs, op = int_layer.name, int_layer.inputs, int_layer.op
    copies = isinstance(op, IntReshape) or (isinstance(op, IntConcat) and op.axis == "length")
    code = layer.dsp if backend == "dsp" and layer.dsp else layer.portable
    if copies:  # in C without those that would change nothing
        buffers = arena.plan.buffers
        code = Code(calls.copies([buffers[source] for source in inputs], buffers[name]))
    first = (code if copies else layer.portable).calls[0]
    shape = _numbers(first)  # the assembly's record tells no window
    good = True
    for margin in layer.margins:
        arena.fill(margin.offset, margin.size_bytes, inputs)
    scratch = arena.plan.scratch.get(name)
    arena.spoil(scratch)
    for index, call in enumerate(code.calls):
        sources = (inputs[index],) if call.kernel == "concat" else inputs
        for reads, writes in walk(call, shape | _numbers(call), backend):
            good &= all(arena.holds(sources[source], at, count) for source, at, count in reads)
            for address in writes:
                arena.write(name, address)
    arena.spoil(scratch)
    output = arena.plan.buffers[name]
    return good and arena.holds(name, output.data_offset, output.rows * output.row_bytes)


def walk(call: KernelCall, field: dict[str, int], backend: Backend) -> Iterator[Step]:
    """The steps of one call."""
    y, x = call.target, call.sources[0] if call.sources else 0
    match call.kernel:
        case "conv" | "conv_dsp" | "gathered_conv" | "gathered_conv_dsp":
            starts = range(0, field["channels"], 2)
            pairs = [(c, min(c + 1, field["channels"] - 1)) for c in starts]
            if call.kernel.endswith("conv_dsp"):  # the last pair of an odd number shares a channel
                pairs[-1] = (field["channels"] - 2, field["channels"] - 1)
            strip = 2 if call.kernel.startswith("gathered") or backend != "one_row" else 1
            yield from _conv(field, x, y, strip, pairs)
        case "packed_conv" | "packed_conv_dsp":
            yield from _packed(call, field, backend)
        case "depthwise_conv":
            strip = 1 if backend == "one_row" else 2
            yield from _depthwise(field, x, y, strip, [(c, 1) for c in range(field["channels"])])
        case "depthwise_dsp":  # the last four channels may share some with those before them
            last = field["channels"] - 4
            quads = [(min(c, last), 4) for c in range(0, field["channels"], 4)]
            yield from _depthwise(field, x, y, 1, quads)
        case "avg_pool":
            step = field["stride"] * field["channels"]
            yield from _by_channel(field, x, y, field["kernel"], step)
        case "max_pool":
            yield from _max_pool(field, x, y)
        case "add" | "wide_add":
            for i in range(field["count"]):
                yield [(s, start + i, 1) for s, start in enumerate(call.sources)], [y + i]
        case "concat":
            for row in range(field["rows"]):
                for c in range(field["channels"]):
                    yield (
                        [(0, x + row * field["channels"] + c, 1)],
                        [y + row * field["row_bytes"] + c],
                    )
        case "upsample":
            channels, factor = field["channels"], field["factor"]
            for row in range(field["rows_in"] * factor):
                for c in range(channels):
                    yield [(0, x + row // factor * channels + c, 1)], [y + row * channels + c]
        case "interpolate":
            yield from _interpolate(field, x, y)
        case "clamp":
            pass  # of the output alone
        case _:
            raise AssertionError(call.kernel)


def _conv(
    field: dict[str, int], x: int, y: int, strip: int, pairs: list[tuple[int, int]]
) -> Iterator[Step]:
    for row in range(0, field["rows"], strip):
        rows = range(row, min(row + strip, field["rows"]))
        for pair in pairs:
            run = field.get("run", field["window"])
            pitch = run + field.get("jump", 0)
            taps = [tap * pitch for tap in range(field["window"] // run)]
            reads = [(0, x + r * field["step"] + tap, run) for r in rows for tap in taps]
            yield reads, [y + r * field["channels"] + c for r in rows for c in pair]


def _packed(call: KernelCall, field: dict[str, int], backend: Backend) -> Iterator[Step]:
    """A kernel of unpacked weights for every strip of rows and group of channels."""
    x, y = call.sources[0], call.target
    last = field["channels"] - 2 if call.kernel == "packed_conv_dsp" else field["channels"]
    for row in range(0, field["rows"], PACKED_ROWS):
        rows = min(PACKED_ROWS, field["rows"] - row)
        for channel in range(0, field["channels"], PACKED_CHANNELS):
            group = range(channel, min(channel + PACKED_CHANNELS, field["channels"]))
            firsts = [min(c, last) for c in group[::2]]
            pairs = [(c, min(c + 1, field["channels"] - 1)) for c in firsts]
            part = field | {"rows": rows}
            at = (x + row * field["step"], y + row * field["channels"])
            yield from _conv(part, *at, 1 if backend == "one_row" else 2, pairs)


def _depthwise(
    field: dict[str, int], x: int, y: int, strip: int, groups: list[tuple[int, int]]
) -> Iterator[Step]:
    channels = field["channels"]
    for row in range(0, field["rows"], strip):
        rows = range(row, min(row + strip, field["rows"]))
        for first, count in groups:
            taps = range(first, field["window"], channels + field.get("jump", 0))
            reads = [(0, x + r * field["step"] + tap, count) for r in rows for tap in taps]
            yield reads, [y + r * channels + first + c for r in rows for c in range(count)]


def _by_channel(field: dict[str, int], x: int, y: int, taps: int, step: int) -> Iterator[Step]:
    channels = field["channels"]
    for row in range(field["rows"]):
        for c in range(channels):
            reads = [(0, x + row * step + c + tap * channels, 1) for tap in range(taps)]
            yield reads, [y + row * channels + c]


def _max_pool(field: dict[str, int], x: int, y: int) -> Iterator[Step]:
    channels = field["channels"]
    for row in range(field["rows"]):
        first = row * field["stride"] - field["pad"]
        rows = range(max(first, 0), min(first + field["kernel"], field["rows_in"]))
        for c in range(channels):
            yield [(0, x + r * channels + c, 1) for r in rows], [y + row * channels + c]


def _interpolate(field: dict[str, int], x: int, y: int) -> Iterator[Step]:
    channels, position, at = field["channels"], field["start"], 0
    for row in range(field["rows"]):
        steps = (at, min(at + 1, field["rows_in"] - 1))
        for c in range(channels):
            yield [(0, x + s * channels + c, 1) for s in steps], [y + row * channels + c]
        position += field["step"]
        if position >= field["whole"]:
            position, at = position - field["whole"], at + 1


def _numbers(call: KernelCall) -> dict[str, int]:
    """The numbers in a call's record, products multiplied."""
    return {
        name.split(".")[-1]: math.prod(map(int, text.split(" * ")))
        for name, text in call.fields
        if text[0] in "-0123456789"
    }
