"""Random integer networks for tests: every op, odd shapes, extremes of multiplier and shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyml_nas.cost.packing import weight_bits
from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
    Op,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.graph.integer import (
    InputQuantization,
    Int8,
    IntAdd,
    IntAvgPool,
    IntConcat,
    IntConv,
    IntInterpolate,
    IntLayer,
    IntMaxPool,
    IntNetwork,
    IntOp,
    IntReshape,
    IntUpsample,
    Requantize,
    TensorScale,
)
from tinyml_nas.graph.ops import MOVING
from tinyml_nas.quantize.scheme import WEIGHT_MAX

CHANNELS = (1, 3, 4, 6, 17)
KINDS = ("conv", "conv", "conv", "conv", "max", "avg", "add", "concat", "global", "linear")
DEPTHWISE = ("depthwise", "depthwise")
DECODER = ("append", "reshape", "upsample", "interpolate")
DILATIONS = (1, 1, 1, 2, 3, 5)
LONGEST = 80
"""Steps of what is upsampled: short enough for the slow reference."""


def random_windows(net: IntNetwork, count: int, seed: int = 0) -> Int8:
    """Full-range int8 windows (N, C, L)."""
    shape = (count, *net.network.input_shape)
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def random_samples(net: IntNetwork, count: int, seed: int = 0) -> np.ndarray:
    """Float32 windows (N, C, L) that reach a little over the quantized range."""
    q = random_windows(net, count, seed).astype(np.float32) * 1.1
    scale, mean = net.input.scale.reshape(1, -1, 1), net.input.mean.reshape(1, -1, 1)
    return ((q - net.input.zero_point) * scale + mean).astype(np.float32)


def random_int_network(
    seed: int,
    nodes: int = 8,
    kinds: tuple[str, ...] = KINDS + DEPTHWISE + DECODER,
    shape: Shape | None = None,
    bits: Sequence[int] = (8,),
    dilations: Sequence[int] = DILATIONS,
) -> IntNetwork:
    """A network of ``nodes`` random layers among ``kinds`` and a linear classifier.

    Its input has a random shape unless ``shape`` is given; its layers draw their weight bits, and
    convolutions their dilations.

    The same arguments give the same network.
    """
    rng = np.random.default_rng(seed)
    network = _random_network(rng, nodes, kinds, shape or _random_shape(rng))
    if tuple(bits) != (8,):
        drawn = {name: int(rng.choice(bits)) for name in weight_bits(network)}
        network = network.with_weight_bits(drawn)
    return _integer(rng, dilated(seed, network, dilations))


def dilated(seed: int, network: Network, dilations: Sequence[int]) -> Network:
    """``network`` with random dilations, and so much more padding that no shape changes."""
    rng = np.random.default_rng((seed, len(dilations)))  # of its own: all else stays as it is

    def drawn(node: Node) -> Node:
        if not isinstance(node.op, Conv | DepthwiseConv):
            return node
        op = replace(node.op, dilation=int(rng.choice(dilations)))
        padding = sum(op.pad) + op.span - op.kernel
        left = int(rng.integers(0, padding + 1)) if op.span > op.kernel else op.pad[0]
        return replace(node, op=replace(op, pad=(left, padding - left)))

    return replace(network, nodes=tuple(map(drawn, network.nodes)))


def random_weights(seed: int, network: Network) -> IntNetwork:
    """``network`` with weights, scales, multipliers and shifts that only ``seed`` decides."""
    return _integer(np.random.default_rng(seed), network)


def network_of_shifts(shifts: Sequence[int]) -> IntNetwork:
    """A convolution with two channels for each shift, whose results lie in int8 and on its ties."""
    rng = np.random.default_rng(0)
    shift = np.repeat(np.array(shifts), 2)
    nodes = (
        Node("conv", Conv(len(shift), 2, 1, (0, 0)), (INPUT,)),
        Node("classifier", Linear(2), ("conv",)),
    )
    net = _integer(rng, Network("shifts", Shape(3, 64), nodes))
    conv, classifier = net.layers
    assert isinstance(conv.op, IntConv)
    reach = 2.0 ** np.clip(shift - 31 + 7, 0, 29)  # accumulators that become int8
    largest = np.clip(reach / (6 * 128), 1, 127)[:, None, None]
    multiplier = np.where(np.arange(len(shift)) % 2, 1 << 30, rng.integers(1 << 30, 1 << 31))
    op = replace(
        conv.op,
        weight=np.rint(rng.uniform(-largest, largest, conv.op.weight.shape)).astype(np.int8),
        bias=np.rint(rng.uniform(-reach, reach)).astype(np.int32),
        requantize=Requantize(multiplier.astype(np.int32), shift.astype(np.int8), -128, 127),
    )
    return replace(net, layers=(replace(conv, op=op), classifier))


def _integer(rng: np.random.Generator, network: Network) -> IntNetwork:
    """``network`` with random weights, scales, multipliers and shifts."""
    scales = _random_scales(rng, network)
    layers = tuple(
        IntLayer(node.name, node.op.kind, node.inputs, int_op(rng, network, node, scales))
        for node in network.nodes
    )
    channels = network.input_shape.channels
    return IntNetwork(
        network=network,
        input=InputQuantization(
            mean=rng.normal(size=channels).astype(np.float32),
            scale=rng.uniform(0.001, 2.0, channels).astype(np.float32),
            zero_point=scales[INPUT].zero_point,
        ),
        scales=scales,
        layers=layers,
        class_names=tuple(f"class {i}" for i in range(network.shapes[network.output].size)),
        channel_names=tuple(f"ch{i}" for i in range(channels)),
    )


def _random_shape(rng: np.random.Generator) -> Shape:
    return Shape(int(rng.choice(CHANNELS)), int(rng.integers(8, 40)))


def _random_network(
    rng: np.random.Generator, count: int, kinds: tuple[str, ...], shape: Shape
) -> Network:
    nodes: list[Node] = []
    shapes = {INPUT: shape}
    while len(nodes) < count:
        inputs, op = _random_op(rng, shapes, kinds)
        try:
            out = op.output_shape(tuple(shapes[name] for name in inputs))
        except ValueError:
            continue
        if op.kind in ("upsample", "interpolate", "concat") and out.length > LONGEST:
            continue
        name = f"n{len(nodes)}/{op.kind}"
        nodes.append(Node(name, op, inputs))
        shapes[name] = out
    last = str(rng.choice(list(shapes)))
    nodes.append(Node("classifier", Linear(int(rng.integers(2, 8))), (last,)))
    return Network("random", shape, tuple(nodes))


def _random_op(
    rng: np.random.Generator, shapes: dict[str, Shape], kinds: tuple[str, ...]
) -> tuple[tuple[str, ...], Op]:
    names = list(shapes)
    source = names[max(0, len(names) - 1 - int(rng.integers(0, 3)))]
    kernel, stride = int(rng.integers(1, 8)), int(rng.integers(1, 4))
    pad = (int(rng.integers(0, kernel)), int(rng.integers(0, kernel)))
    pool = max(kernel, 2)
    equal = [name for name in names if shapes[name] == shapes[source]]
    as_long = [name for name in names if shapes[name].length == shapes[source].length]
    as_wide = [name for name in names if shapes[name].channels == shapes[source].channels]
    match rng.choice(kinds):
        case "conv":
            return (source,), Conv(int(rng.integers(1, 12)), kernel, stride, pad)
        case "depthwise":
            return (source,), _random_depthwise(rng)
        case "max":
            return (source,), MaxPool(pool, stride, (min(pad[0], pool - 1), pad[1]))
        case "avg":
            return (source,), AvgPool(pool, stride, pad)
        case "add":
            return (source, str(rng.choice(equal))), Add()
        case "concat":
            picked = rng.choice(as_long, size=int(rng.integers(1, 4)))
            return (source, *map(str, picked)), Concat()
        case "append":
            picked = rng.choice(as_wide, size=int(rng.integers(1, 3)))
            return (source, *map(str, picked)), Concat("length")
        case "reshape":
            return (source,), Reshape(int(rng.integers(1, 9)))
        case "upsample":
            return (source,), Upsample(int(rng.integers(1, 4)))
        case "interpolate":
            longer = int(shapes[source].length * rng.uniform(1, 3))
            return (source,), Interpolate(longer)
        case "global":
            return (source,), GlobalAvgPool()
    return (source,), Linear(int(rng.integers(1, 9)))


def _random_depthwise(rng: np.random.Generator) -> DepthwiseConv:
    kernel = int(rng.integers(1, 12))
    pad = (int(rng.integers(0, kernel)), int(rng.integers(0, kernel)))
    return DepthwiseConv(kernel, int(rng.choice([1, 2, 4, 8])), pad)


def _random_scales(rng: np.random.Generator, network: Network) -> dict[str, TensorScale]:
    """Scales; where values only move, inputs and output share theirs."""
    group = {name: name for name in network.shapes}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for node in network.nodes:
        if isinstance(node.op, MOVING):
            for name in node.inputs:
                group[root(name)] = root(node.name)
    drawn = {
        name: TensorScale(
            np.float32(rng.uniform(0.005, 0.5)), int(rng.choice([-128, 127, 0, -3, 64]))
        )
        for name in network.shapes
    }
    return {name: drawn[root(name)] for name in network.shapes}


def int_op(
    rng: np.random.Generator, network: Network, node: Node, scales: dict[str, TensorScale]
) -> IntOp:
    """Random weights, multipliers and shifts for ``node``."""
    inputs = network.input_shapes(node)
    match node.op:
        case Conv(out, kernel, stride, pad):
            shape = (out, kernel, inputs[0].channels)
            op = _random_conv(rng, shape, stride, pad, node.op.weight_bits)
            return replace(op, dilation=node.op.dilation)
        case DepthwiseConv(kernel, stride, pad):
            channels = inputs[0].channels
            op = _random_conv(rng, (channels, kernel, 1), stride, pad)
            return replace(op, groups=channels, dilation=node.op.dilation)
        case Linear(out):
            shape = (out, inputs[0].length, inputs[0].channels)
            return _random_conv(rng, shape, 1, (0, 0), node.op.weight_bits)
        case MaxPool(kernel, stride, pad):
            return IntMaxPool(kernel, stride, pad)
        case AvgPool(kernel, stride, pad):
            return IntAvgPool(kernel, stride, pad, _random_requantize(rng, 1, 33))
        case GlobalAvgPool():
            r1 = _random_requantize(rng, 1, 33)
            return IntAvgPool(inputs[0].length, 1, (0, 0), r1)
        case Add():
            r1 = _random_requantize(rng, 1, 31)
            m = rng.integers(1, 1 << 31, 2).astype(np.int32)
            return IntAdd(Requantize(m, r1.shift, r1.lower, r1.upper))
        case Concat(axis):
            return IntConcat(axis)
        case Reshape(channels):
            return IntReshape(channels)
        case Upsample(factor):
            return IntUpsample(factor)
        case Interpolate(length):
            return IntInterpolate(length, _random_requantize(rng, 1, 38))
    raise AssertionError(node.op)


def _random_conv(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    stride: int,
    pad: tuple[int, int],
    bits: int = 8,
) -> IntConv:
    weight = rng.integers(-WEIGHT_MAX[bits], WEIGHT_MAX[bits] + 1, shape).astype(np.int8)
    bias = rng.integers(-(1 << 22), 1 << 22, shape[0]).astype(np.int32)
    typical = 32 + int(np.log2(weight[0].size + 1)) + 7
    if rng.random() < 0.7:
        bias //= 256
    sums = np.abs(weight.astype(np.int64)).sum(axis=(1, 2))
    bound = int((255 * sums + np.abs(bias)).max())
    r1 = _random_requantize(rng, shape[0], typical - (8 - bits))
    return IntConv(weight, bias, stride, pad, r1, bound, weight_bits=bits)


def _random_requantize(rng: np.random.Generator, channels: int, typical: int) -> Requantize:
    multiplier = rng.integers(1 << 30, 1 << 31, channels)
    multiplier = np.where(rng.random(channels) < 0.1, 1 << 30, multiplier)
    multiplier = np.where(rng.random(channels) < 0.1, (1 << 31) - 1, multiplier)
    shift = typical + rng.integers(-2, 3, channels)
    if rng.random() < 0.25:  # one rare extreme somewhere
        shift = np.where(rng.random(channels) < 0.5, rng.choice([1, 2, 32, 33, 62]), shift)
    lower = int(rng.choice([-128, -128, -20]))
    upper = int(rng.choice([127, 127, 60]))
    return Requantize(multiplier.astype(np.int32), shift.astype(np.int8), lower, upper)
