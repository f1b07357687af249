"""The calls of the kernels that have no weights, with the numbers of their constant records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyml_nas.cost.arena import Buffer
from tinyml_nas.export.c.records import KernelCall, Placed
from tinyml_nas.graph.integer import (
    IntAdd,
    IntAvgPool,
    IntInterpolate,
    IntMaxPool,
    IntUpsample,
)

FAST_SHIFT = 33
"""From this shift on the rounding fits the high word of the product: no 64-bit add or shift."""

ADD_SHIFTS = range(16, 46)
"""Shifts with which a sum of two products, shifted by 16 first, fits an int32."""


def raised_bits(op: IntAvgPool) -> int:
    """Bits by which sum and shift both grow to reach ``FAST_SHIFT``; the result is the same.

    The sums of a pool are small, so this spares most networks the code for small shifts.
    """
    bits = max(0, FAST_SHIFT - int(op.requantize.shift[0]))
    return bits if (op.kernel * 255) << bits < 1 << 31 else 0


def avg_pool(placed: Placed, op: IntAvgPool) -> KernelCall:
    """The mean of each window, padding included."""
    (zero_point,) = placed.zero_points
    bits = raised_bits(op)
    fields = (
        ("offset", str(-op.kernel * zero_point)),
        ("factor", str(1 << bits)),
        ("multiplier", str(int(op.requantize.multiplier[0]))),
        ("shift", str(int(op.requantize.shift[0]) + bits)),
        ("kernel", str(op.kernel)),
        ("stride", str(op.stride)),
        ("rows", str(placed.target.rows)),
        ("channels", str(placed.target.row_bytes)),
        *placed.limits(op.requantize),
    )
    start = placed.first_window(op.pad[0])
    return KernelCall("avg_pool", fields, (start,), placed.target.data_offset)


def max_pool(placed: Placed, op: IntMaxPool) -> KernelCall:
    """The largest value of each window, clipped to the tensor."""
    fields = (
        ("kernel", str(op.kernel)),
        ("stride", str(op.stride)),
        ("pad", str(op.pad[0])),
        ("rows_in", str(placed.source.rows)),
        ("rows", str(placed.target.rows)),
        ("channels", str(placed.target.row_bytes)),
    )
    return KernelCall("max_pool", fields, (placed.source.data_offset,), placed.target.data_offset)


def add(placed: Placed, op: IntAdd) -> KernelCall:
    """The sum of two tensors; in 32 bits where the shift allows it."""
    shift = int(op.requantize.shift[0])
    multipliers = [int(m) for m in op.requantize.multiplier]
    zeros = zip(multipliers, placed.zero_points, strict=True)
    offset = (1 << (shift - 1)) - sum(m * z for m, z in zeros)
    parts: tuple[tuple[str, str], ...]
    if shift in ADD_SHIFTS:
        kernel = "add"
        parts = (
            ("high", _initializer(m >> 16 for m in multipliers)),
            ("low", _initializer(m & 0xFFFF for m in multipliers)),
            ("offset", _initializer((offset >> 16, offset & 0xFFFF))),
            ("shift", str(shift - 16)),
        )
    else:
        kernel = "wide_add"
        parts = (
            ("multiplier", _initializer(multipliers)),
            ("offset", f"INT64_C({offset})"),
            ("shift", str(shift)),
        )
    target = placed.target
    count = ("count", f"{target.rows} * {target.row_bytes}")
    fields = (*parts, count, *placed.limits(op.requantize))
    return KernelCall(
        kernel, fields, tuple(b.data_offset for b in placed.sources), target.data_offset
    )


def _initializer(values: Iterable[int]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"


def concat(placed: Placed) -> tuple[KernelCall, ...]:
    """The channels of one input beside those of the other."""
    calls, target = [], placed.target
    offset = target.data_offset
    for source in placed.sources:
        fields = (
            ("rows", str(target.rows)),
            ("channels", str(source.row_bytes)),
            ("row_bytes", str(target.row_bytes)),
        )
        calls.append(KernelCall("concat", fields, (source.data_offset,), offset))
        offset += source.row_bytes
    return tuple(calls)


def copies(sources: Sequence[Buffer], target: Buffer) -> tuple[KernelCall, ...]:
    """One input behind the other, each as a single row; some may lie there already."""
    calls, offset = [], target.data_offset
    for source in sources:
        size = source.rows * source.row_bytes
        fields = (("rows", "1"), ("channels", str(size)), ("row_bytes", str(size)))
        calls.append(KernelCall("concat", fields, (source.data_offset,), offset))
        offset += size
    return tuple(calls)


def upsample(placed: Placed, op: IntUpsample) -> KernelCall:
    """Each row so many times."""
    fields = (
        ("factor", str(op.factor)),
        ("rows_in", str(placed.source.rows)),
        ("channels", str(placed.target.row_bytes)),
    )
    return KernelCall("upsample", fields, (placed.source.data_offset,), placed.target.data_offset)


def interpolate(placed: Placed, op: IntInterpolate) -> KernelCall:
    """Rows between those of the input, on straight lines."""
    (zero_point,) = placed.zero_points
    source, target, whole = placed.source, placed.target, 2 * op.length
    fields = (
        ("start", str(source.rows - op.length)),
        ("step", f"2 * {source.rows}"),
        ("whole", str(whole)),
        ("offset", str(-whole * zero_point)),
        ("multiplier", str(int(op.requantize.multiplier[0]))),
        ("shift", str(int(op.requantize.shift[0]))),
        ("rows_in", str(source.rows)),
        ("rows", str(target.rows)),
        ("channels", str(target.row_bytes)),
        *placed.limits(op.requantize),
    )
    return KernelCall("interpolate", fields, (source.data_offset,), target.data_offset)
