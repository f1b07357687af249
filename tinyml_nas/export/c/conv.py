"""The convolutions in portable C: their tables, packed or not, and their calls."""

from __future__ import annotations

from tinyml_nas.cost.dilation import dilates
from tinyml_nas.cost.packing import PACKED_CHANNELS, is_packed
from tinyml_nas.export.c.gathered import gather
from tinyml_nas.export.c.packed import pack
from tinyml_nas.export.c.records import Code, KernelCall, Placed, Table, folded_bias
from tinyml_nas.graph.integer import IntConv


def conv(placed: Placed, op: IntConv) -> Code:
    """The layer for any core, Helium included."""
    tables = _tables(placed, op)
    call = _call(placed, op, tables)
    if placed.gathers:
        call = gather(call, op, placed)
    elif placed.scratch is not None:
        unit = op.weight[0].size
        call, packed = pack(call, tables[0], unit, PACKED_CHANNELS, op, placed.scratch)
        tables = (packed, *tables[1:])
    return Code((call,), tables)


def _tables(placed: Placed, op: IntConv) -> tuple[Table, ...]:
    out, kernel, channels = op.weight.shape
    (zero_point,) = placed.zero_points
    bias = folded_bias(op, zero_point)
    weight = op.weight
    axes = f"[{out} output channels][{kernel} steps][{channels} input channels]"
    if op.groups > 1:
        weight, axes = weight.transpose(1, 0, 2), f"[{kernel} steps][{out} channels]"
    stem = placed.stem
    return (
        Table(f"{stem}_weight", "int8_t", weight.reshape(-1), axes),
        Table(f"{stem}_bias", "int32_t", bias, f"input zero point {zero_point} folded in"),
        Table(f"{stem}_multiplier", "int32_t", op.requantize.multiplier, "Q31 mantissas"),
        Table(f"{stem}_shift", "uint8_t", op.requantize.shift, "right shifts"),
    )


def _call(placed: Placed, op: IntConv, tables: tuple[Table, ...]) -> KernelCall:
    out, kernel, _ = op.weight.shape
    row_bytes = placed.source.row_bytes
    names = tuple(
        (field, table.name)
        for field, table in zip(("weight", "bias", "multiplier", "shift"), tables, strict=True)
    )
    network = placed.net.network
    gaps = (kernel - 1) * placed.gap if op.groups > 1 else 0
    fields = (
        *names,
        ("window", f"{kernel + gaps} * {row_bytes}"),
        ("step", f"{op.stride} * {row_bytes}"),
        ("rows", str(placed.target.rows)),
        ("channels", str(out)),
        *placed.limits(op.requantize),
        *(_taps(placed, op) if dilates(network) else ()),
        *((("row_bytes", str(out)),) if any(map(is_packed, network.nodes)) else ()),
    )
    kernel_name = "conv" if op.groups == 1 else "depthwise_conv"
    start = placed.first_window(op.pad[0])
    return KernelCall(kernel_name, fields, (start,), placed.target.data_offset)


def _taps(placed: Placed, op: IntConv) -> tuple[tuple[str, str], ...]:
    """The fields that say how a window lies where taps lie apart: bytes of each, and between."""
    row_bytes = placed.source.row_bytes
    run = row_bytes if placed.gap or op.groups > 1 else op.weight.shape[1] * row_bytes
    return ("run", str(run)), ("jump", f"{placed.gap} * {row_bytes}")
