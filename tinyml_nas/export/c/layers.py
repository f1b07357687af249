"""Resolves an ``IntNetwork`` into what the C templates print: names, offsets, literal numbers.

All arithmetic on shapes, zero points and offsets happens here, so that the templates only place
text.  Tensors are time-major in the arena, ``[length][channels]``: the window of a convolution is
one contiguous run of ``kernel * in_channels`` bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.arena import Buffer, MemoryPlan, plan_memory
from tinyml_nas.cost.dilation import dilates, tap_bytes
from tinyml_nas.cost.unroll import UNROLL
from tinyml_nas.export.c import calls
from tinyml_nas.export.c.calls import FAST_SHIFT, raised_bits
from tinyml_nas.export.c.conv import conv
from tinyml_nas.export.c.conv_dsp import conv_dsp
from tinyml_nas.export.c.names import c_comment, unique_identifiers
from tinyml_nas.export.c.packed import as_bytes
from tinyml_nas.export.c.records import Choice, Code, Placed
from tinyml_nas.graph import Op, Shape
from tinyml_nas.graph.integer import (
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
    "gather",
    "gathered_conv",
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
DSP_KERNELS = ("conv_dsp", "gathered_conv_dsp", "packed_conv_dsp", "depthwise_dsp", "clamp")
NEEDS = {
    "conv": ("conv_output",),
    "depthwise_conv": ("conv_output",),
    "gathered_conv": ("conv", "conv_output", "gather"),
    "gathered_conv_dsp": ("conv_dsp", "gather"),
    "packed_conv": ("conv", "conv_output", "unpack"),
    "packed_conv_dsp": ("conv_dsp", "unpack"),
}
"""Templates that the template of a kernel builds on."""


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
    dilates: bool
    tap_bytes: tuple[int, ...]

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
    def aligned_table_bytes(self) -> int:
        """The same, where no word may be loaded but from a multiple of four."""
        codes = (x.dsp if x.dsp and x.dsp.aligned else x.portable for x in self.layers)
        return _table_bytes(codes)

    @property
    def uses_dsp(self) -> bool:
        """Whether any layer has code of its own for cores with SMLAD."""
        return any(layer.dsp for layer in self.layers)

    @property
    def dsp_files(self) -> Mapping[str, Choice]:
        """Templates of the kernels for cores with SMLAD, in the order printed, and what asks."""
        codes = [layer.dsp for layer in self.layers if layer.dsp]
        called, always = (
            needed_kernels(codes),
            needed_kernels(code for code in codes if code.aligned),
        )
        return {
            kernel: "DSP" if kernel in always else "DSP_UNALIGNED"
            for kernel in DSP_KERNELS
            if kernel in called
        }

    @property
    def replaced(self) -> Mapping[str, Choice | None]:
        """By portable kernel: what replaces it in all layers that would call it, if anything."""
        kept = needed_kernels(code for x in self.layers for code in (x.dsp or x.portable,))
        left = needed_kernels(x.portable for x in self.layers if x.dsp and not x.dsp.aligned)
        return {
            kernel: None if kernel in kept else "DSP_UNALIGNED" if kernel in left else "DSP"
            for kernel in self.kernels
        }

    @property
    def unaligned(self) -> int:
        """Layers whose code for SMLAD loads words from any address."""
        return sum(layer.dsp is not None and not layer.dsp.aligned for layer in self.layers)

    @property
    def requantizes(self) -> bool:
        """Whether any kernel uses the multiplier and shift of an accumulator."""
        return bool(
            self.kernels & {"conv", "depthwise_conv", "avg_pool", "upsample", "interpolate"}
        )


def needed_kernels(codes: Iterable[Code]) -> frozenset[str]:
    """Templates that ``codes`` need: of the kernels called, and of what these build on."""
    called = {call.kernel for code in codes for call in code.calls}
    return frozenset(called.union(*(NEEDS.get(kernel, ()) for kernel in called)))


def _table_bytes(codes: Iterable[Code]) -> int:
    return sum(table.values.nbytes for code in codes for table in code.tables)


def resolve(net: IntNetwork, prefix: str, optimize: Optimize = "balanced") -> CModel:
    """Everything the templates need to print ``net``."""
    plan = plan_memory(net.network)
    symbols = unique_identifiers(layer.name for layer in net.layers)
    layers = tuple(
        _resolve_layer(net, plan, index, symbol, prefix, UNROLL[optimize]["dsp"])
        for index, symbol in enumerate(symbols)
    )
    return CModel(
        layers=layers,
        plan=plan,
        kernels=needed_kernels(layer.portable for layer in layers),
        small_shifts=any(_smallest_shift(layer) < FAST_SHIFT for layer in net.layers),
        dilates=dilates(net.network),
        tap_bytes=tap_bytes(net.network),
    )


def _smallest_shift(layer: IntLayer) -> int:
    match layer.op:
        case IntConv():
            return int(as_bytes(layer.op).requantize.shift.min())
        case IntAvgPool():
            return int(layer.op.requantize.shift[0]) + raised_bits(layer.op)
        case IntInterpolate():
            return int(layer.op.requantize.shift[0])
    return FAST_SHIFT


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
    net: IntNetwork, plan: MemoryPlan, index: int, symbol: str, prefix: str, unroll: int
) -> CLayer:
    layer = net.layers[index]
    placed = Placed(
        net,
        layer,
        tuple(plan.buffers[name] for name in layer.inputs),
        plan.buffers[layer.name],
        plan.scratch.get(layer.name),
        f"{prefix}_{symbol}",
    )
    return CLayer(
        index=index,
        name=c_comment(layer.name),
        symbol=symbol,
        comment=_comment(net, layer),
        margins=tuple(
            margin for name in _unread(net, index) for margin in _margins(net, plan.buffers[name])
        ),
        portable=_portable(placed),
        dsp=conv_dsp(placed, as_bytes(layer.op), unroll) if isinstance(layer.op, IntConv) else None,
        data_offset=placed.target.data_offset,
        rows=placed.target.rows,
        row_bytes=placed.target.row_bytes,
    )


def _portable(placed: Placed) -> Code:
    """What computes the layer on any core."""
    op = placed.layer.op
    match op:
        case IntConv():
            return conv(placed, as_bytes(op))
        case IntAvgPool():
            return Code((calls.avg_pool(placed, op),))
        case IntMaxPool():
            return Code((calls.max_pool(placed, op),))
        case IntAdd():
            return Code((calls.add(placed, op),))
        case IntConcat() if op.axis == "channels":
            return Code(calls.concat(placed))
        case IntConcat() | IntReshape():
            copies = calls.copies(placed.sources, placed.target)
            return Code(tuple(copy for copy in copies if copy.sources != (copy.target,)))
        case IntUpsample():
            return Code((calls.upsample(placed, op),))
        case IntInterpolate():
            return Code((calls.interpolate(placed, op),))


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
    dilation = getattr(op, "dilation", 1)
    taps = f", dilation {dilation}" if dilation > 1 else ""
    return f" of {kernel}, stride {stride}{taps}, padding {pad[0]} and {pad[1]}"


def _shape(shape: Shape) -> str:
    return f"{shape.length} x {shape.channels}"
