"""Resolves an ``IntNetwork`` into what the C templates print: names, offsets, literal numbers.

All arithmetic on shapes, zero points and offsets happens here, so that the templates only place
text.  Tensors are time-major in the arena, ``[length][channels]``: the window of a convolution is
one contiguous run of ``kernel * in_channels`` bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinyml_nas.config.delivery import Optimize
from tinyml_nas.devices.unroll import UNROLL
from tinyml_nas.export.c.conv_dsp import conv_dsp
from tinyml_nas.export.c.names import c_comment, unique_identifiers
from tinyml_nas.export.c.packed import as_bytes, pack
from tinyml_nas.export.c.records import Code, KernelCall, Table, clamp_fields, folded_bias
from tinyml_nas.graph import Buffer, MemoryPlan, Op, Shape, plan_memory
from tinyml_nas.graph.packing import PACKED_CHANNELS, is_packed
from tinyml_nas.quantize.integer import (
    IntAdd,
    IntAvgPool,
    IntConcat,
    IntConv,
    IntInterpolate,
    IntLayer,
    IntMaxPool,
    IntNetwork,
    IntReshape,
    IntUpsample,
)

KERNELS = (
    "conv_output",
    "conv",
    "unpack",
    "packed_conv",
    "depthwise_conv",
    "avg_pool",
    "max_pool",
    "add",
    "wide_add",
    "concat",
    "upsample",
    "interpolate",
)
DSP_KERNELS = ("conv_dsp", "packed_conv_dsp", "depthwise_dsp", "clamp")
NEEDS = {
    "conv": ("conv_output",),
    "depthwise_conv": ("conv_output",),
    "packed_conv": ("conv", "conv_output", "unpack"),
    "packed_conv_dsp": ("conv_dsp", "unpack"),
}
"""Templates that the template of a kernel builds on."""

FAST_SHIFT = 33
"""From this shift on the rounding fits the high word of the product: no 64-bit add or shift."""

ADD_SHIFTS = range(16, 46)
"""Shifts with which a sum of two products, shifted by 16 first, fits an int32."""


@dataclass(frozen=True)
class Margin:
    """Bytes of the arena with a tensor's zero point, for windows that reach over its ends."""

    offset: int
    size_bytes: int
    zero_point: int


@dataclass(frozen=True)
class CLayer:
    """One layer as the templates print it; ``dsp`` is its code for cores with SMLAD, if special.

    ``margins`` are those of the inputs that it is the first to read.
    """

    index: int
    name: str
    symbol: str
    comment: tuple[str, ...]
    margins: tuple[Margin, ...]
    portable: Code
    dsp: Code | None
    data_offset: int
    rows: int
    row_bytes: int


@dataclass(frozen=True)
class CModel:
    """All layers, the arena and which variants of the kernels they need."""

    layers: tuple[CLayer, ...]
    plan: MemoryPlan
    kernels: frozenset[str]
    small_shifts: bool

    @property
    def kernel_files(self) -> tuple[str, ...]:
        """Templates of the kernels that the layers call, in the order printed."""
        return tuple(kernel for kernel in KERNELS if kernel in self.kernels)

    @property
    def table_bytes(self) -> int:
        """Flash of the const tables of all layers on any core without special code."""
        return _table_bytes(layer.portable for layer in self.layers)

    @property
    def dsp_table_bytes(self) -> int:
        """Flash of the const tables of all layers on cores with SMLAD."""
        return _table_bytes(layer.dsp or layer.portable for layer in self.layers)

    @property
    def uses_dsp(self) -> bool:
        """Whether any layer has code of its own for cores with SMLAD."""
        return any(layer.dsp for layer in self.layers)

    @property
    def dsp_files(self) -> tuple[str, ...]:
        """Templates of the kernels for cores with SMLAD, in the order printed."""
        called = _kernels(layer.dsp for layer in self.layers if layer.dsp)
        return tuple(kernel for kernel in DSP_KERNELS if kernel in called)

    @property
    def portable_only(self) -> frozenset[str]:
        """Kernels that no core with SMLAD calls."""
        return self.kernels - _kernels(layer.dsp or layer.portable for layer in self.layers)

    @property
    def requantizes(self) -> bool:
        """Whether any kernel uses the multiplier and shift of an accumulator."""
        return bool(
            self.kernels & {"conv", "depthwise_conv", "avg_pool", "upsample", "interpolate"}
        )


def _kernels(codes: Iterable[Code]) -> frozenset[str]:
    """Templates that ``codes`` need: of the kernels called, and of what these build on."""
    called = {call.kernel for code in codes for call in code.calls}
    return frozenset(called.union(*(NEEDS.get(kernel, ()) for kernel in called)))


def _table_bytes(codes: Iterable[Code]) -> int:
    return sum(table.values.nbytes for code in codes for table in code.tables)


def resolve(net: IntNetwork, prefix: str, optimize: Optimize = "balanced") -> CModel:
    """Everything the templates need to print ``net``."""
    plan = plan_memory(net.network)
    unroll = UNROLL[optimize]["dsp"]
    symbols = unique_identifiers(layer.name for layer in net.layers)
    layers = tuple(
        _resolve_layer(net, plan, layer, index, prefix, symbols[index], unroll)
        for index, layer in enumerate(net.layers)
    )
    return CModel(
        layers=layers,
        plan=plan,
        kernels=_kernels(layer.portable for layer in layers),
        small_shifts=any(_smallest_shift(layer) < FAST_SHIFT for layer in net.layers),
    )


def _smallest_shift(layer: IntLayer) -> int:
    match layer.op:
        case IntConv():
            return int(as_bytes(layer.op).requantize.shift.min())
        case IntAvgPool():
            return int(layer.op.requantize.shift[0]) + _raised_bits(layer.op)
        case IntInterpolate():
            return int(layer.op.requantize.shift[0])
    return FAST_SHIFT


def _raised_bits(op: IntAvgPool) -> int:
    """Bits by which sum and shift both grow to reach ``FAST_SHIFT``; the result is the same.

    The sums of a pool are small, so this spares most networks the code for small shifts.
    """
    bits = max(0, FAST_SHIFT - int(op.requantize.shift[0]))
    return bits if (op.kernel * 255) << bits < 1 << 31 else 0


def _margins(net: IntNetwork, buffer: Buffer) -> tuple[Margin, ...]:
    zero_point = net.scales[buffer.name].zero_point
    left = Margin(buffer.offset, buffer.margin_left * buffer.row_bytes, zero_point)
    end = buffer.data_offset + buffer.rows * buffer.row_bytes
    right = Margin(end, buffer.margin_right * buffer.row_bytes, zero_point)
    return tuple(margin for margin in (left, right) if margin.size_bytes)


def _unread(net: IntNetwork, index: int) -> list[str]:
    """The inputs of layer ``index`` that no layer before it reads."""
    read = {name for layer in net.layers[:index] for name in layer.inputs}
    return [name for name in dict.fromkeys(net.layers[index].inputs) if name not in read]


def _resolve_layer(
    net: IntNetwork,
    plan: MemoryPlan,
    layer: IntLayer,
    index: int,
    prefix: str,
    symbol: str,
    unroll: int,
) -> CLayer:
    sources = [plan.buffers[name] for name in layer.inputs]
    target = plan.buffers[layer.name]
    dsp: Code | None = None
    match layer.op:
        case IntConv():
            stem, op, scratch = (
                f"{prefix}_{symbol}",
                as_bytes(layer.op),
                plan.scratch.get(layer.name),
            )
            portable = _conv(net, layer, op, sources[0], target, scratch, stem)
            dsp = conv_dsp(net, layer, op, sources[0], target, scratch, stem, unroll)
        case IntAvgPool():
            portable = Code((_avg_pool_call(net, layer, layer.op, sources[0], target),))
        case IntMaxPool():
            portable = Code((_max_pool_call(layer.op, sources[0], target),))
        case IntAdd():
            portable = Code((_add_call(net, layer, layer.op, sources, target),))
        case IntConcat() if layer.op.axis == "channels":
            portable = Code(_concat_calls(sources, target))
        case IntConcat() | IntReshape():
            calls = copy_calls(sources, target)
            portable = Code(tuple(call for call in calls if call.sources != (call.target,)))
        case IntUpsample():
            portable = Code((_upsample_call(layer.op, sources[0], target),))
        case IntInterpolate():
            portable = Code((_interpolate_call(net, layer, layer.op, sources[0], target),))
    return CLayer(
        index=index,
        name=c_comment(layer.name),
        symbol=symbol,
        comment=_comment(net, layer),
        margins=tuple(
            margin for name in _unread(net, index) for margin in _margins(net, plan.buffers[name])
        ),
        portable=portable,
        dsp=dsp,
        data_offset=target.data_offset,
        rows=target.rows,
        row_bytes=target.row_bytes,
    )


def _conv(
    net: IntNetwork,
    layer: IntLayer,
    op: IntConv,
    source: Buffer,
    target: Buffer,
    scratch: Buffer | None,
    stem: str,
) -> Code:
    tables = _conv_tables(net, layer, op, stem)
    call = _conv_call(net, layer, op, source, target, tables)
    if scratch is not None:
        call, packed = pack(call, tables[0], op.weight[0].size, PACKED_CHANNELS, op, scratch)
        tables = (packed, *tables[1:])
    return Code((call,), tables)


def _conv_tables(net: IntNetwork, layer: IntLayer, op: IntConv, stem: str) -> tuple[Table, ...]:
    out, kernel, channels = op.weight.shape
    zero_point = net.scales[layer.inputs[0]].zero_point
    bias = folded_bias(op, zero_point)
    weight = op.weight
    axes = f"[{out} output channels][{kernel} steps][{channels} input channels]"
    if op.groups > 1:
        weight, axes = weight.transpose(1, 0, 2), f"[{kernel} steps][{out} channels]"
    return (
        Table(f"{stem}_weight", "int8_t", weight.reshape(-1), axes),
        Table(f"{stem}_bias", "int32_t", bias, f"input zero point {zero_point} folded in"),
        Table(f"{stem}_multiplier", "int32_t", op.requantize.multiplier, "Q31 mantissas"),
        Table(f"{stem}_shift", "uint8_t", op.requantize.shift, "right shifts"),
    )


def _conv_call(
    net: IntNetwork,
    layer: IntLayer,
    op: IntConv,
    source: Buffer,
    target: Buffer,
    tables: tuple[Table, ...],
) -> KernelCall:
    out, kernel, _ = op.weight.shape
    names = tuple(
        (field, table.name)
        for field, table in zip(("weight", "bias", "multiplier", "shift"), tables, strict=True)
    )
    fields = (
        *names,
        ("window", f"{kernel} * {source.row_bytes}"),
        ("step", f"{op.stride} * {source.row_bytes}"),
        ("rows", str(target.rows)),
        ("channels", str(out)),
        *clamp_fields(net, layer.name, op.requantize.lower, op.requantize.upper),
        *((("row_bytes", str(out)),) if any(map(is_packed, net.network.nodes)) else ()),
    )
    start = source.data_offset - op.pad[0] * source.row_bytes
    kernel_name = "conv" if op.groups == 1 else "depthwise_conv"
    return KernelCall(kernel_name, fields, (start,), target.data_offset)


def _avg_pool_call(
    net: IntNetwork, layer: IntLayer, op: IntAvgPool, source: Buffer, target: Buffer
) -> KernelCall:
    zero_point = net.scales[layer.inputs[0]].zero_point
    bits = _raised_bits(op)
    fields = (
        ("offset", str(-op.kernel * zero_point)),
        ("factor", str(1 << bits)),
        ("multiplier", str(int(op.requantize.multiplier[0]))),
        ("shift", str(int(op.requantize.shift[0]) + bits)),
        ("kernel", str(op.kernel)),
        ("stride", str(op.stride)),
        ("rows", str(target.rows)),
        ("channels", str(target.row_bytes)),
        *clamp_fields(net, layer.name, op.requantize.lower, op.requantize.upper),
    )
    start = source.data_offset - op.pad[0] * source.row_bytes
    return KernelCall("avg_pool", fields, (start,), target.data_offset)


def _max_pool_call(op: IntMaxPool, source: Buffer, target: Buffer) -> KernelCall:
    fields = (
        ("kernel", str(op.kernel)),
        ("stride", str(op.stride)),
        ("pad", str(op.pad[0])),
        ("rows_in", str(source.rows)),
        ("rows", str(target.rows)),
        ("channels", str(target.row_bytes)),
    )
    return KernelCall("max_pool", fields, (source.data_offset,), target.data_offset)


def _add_call(
    net: IntNetwork, layer: IntLayer, op: IntAdd, sources: list[Buffer], target: Buffer
) -> KernelCall:
    shift = int(op.requantize.shift[0])
    multipliers = [int(m) for m in op.requantize.multiplier]
    zero_points = [net.scales[name].zero_point for name in layer.inputs]
    offset = (1 << (shift - 1)) - sum(m * z for m, z in zip(multipliers, zero_points, strict=True))
    count = ("count", f"{target.rows} * {target.row_bytes}")
    limits = clamp_fields(net, layer.name, op.requantize.lower, op.requantize.upper)
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
    fields = (*parts, count, *limits)
    return KernelCall(kernel, fields, tuple(b.data_offset for b in sources), target.data_offset)


def _initializer(values: Iterable[int]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"


def _concat_calls(sources: list[Buffer], target: Buffer) -> tuple[KernelCall, ...]:
    calls, channel = [], 0
    for source in sources:
        fields = (
            ("rows", str(target.rows)),
            ("channels", str(source.row_bytes)),
            ("row_bytes", str(target.row_bytes)),
        )
        calls.append(
            KernelCall("concat", fields, (source.data_offset,), target.data_offset + channel)
        )
        channel += source.row_bytes
    return tuple(calls)


def copy_calls(sources: list[Buffer], target: Buffer) -> tuple[KernelCall, ...]:
    """One input behind the other, each as a single row; some may lie there already."""
    calls, offset = [], target.data_offset
    for source in sources:
        size = source.rows * source.row_bytes
        fields = (("rows", "1"), ("channels", str(size)), ("row_bytes", str(size)))
        calls.append(KernelCall("concat", fields, (source.data_offset,), offset))
        offset += size
    return tuple(calls)


def _upsample_call(op: IntUpsample, source: Buffer, target: Buffer) -> KernelCall:
    fields = (
        ("factor", str(op.factor)),
        ("rows_in", str(source.rows)),
        ("channels", str(target.row_bytes)),
    )
    return KernelCall("upsample", fields, (source.data_offset,), target.data_offset)


def _interpolate_call(
    net: IntNetwork, layer: IntLayer, op: IntInterpolate, source: Buffer, target: Buffer
) -> KernelCall:
    zero_point, whole = net.scales[layer.inputs[0]].zero_point, 2 * op.length
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
        *clamp_fields(net, layer.name, op.requantize.lower, op.requantize.upper),
    )
    return KernelCall("interpolate", fields, (source.data_offset,), target.data_offset)


def _comment(net: IntNetwork, layer: IntLayer) -> tuple[str, ...]:
    nodes = {node.name: node for node in net.network.nodes}
    op, shapes = nodes[layer.name].op, net.network.shapes
    inputs = tuple(shapes[name] for name in layer.inputs)
    work = op.macs(inputs)
    reads = " and ".join(f"{c_comment(n)} {_shape(shapes[n])}" for n in layer.inputs)
    lines = [
        f"{c_comment(layer.name)}: {layer.kind}{_geometry(op)}",
        f"{reads} -> {_shape(shapes[layer.name])}" + (f", {work} MACs" if work else ""),
        f"scale {float(net.scales[layer.name].scale):.6g}, "
        f"zero point {net.scales[layer.name].zero_point}",
    ]
    return tuple(lines)


def _geometry(op: Op) -> str:
    kernel = getattr(op, "kernel", None)
    if kernel is None:
        return ""
    stride, pad = getattr(op, "stride", 1), getattr(op, "pad", (0, 0))
    return f" of {kernel}, stride {stride}, padding {pad[0]} and {pad[1]}"


def _shape(shape: Shape) -> str:
    return f"{shape.length} x {shape.channels}"
