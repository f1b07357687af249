"""The integer model as TOSA: one rule for each layer, all of them exact.

Rule R1 is TOSA's RESCALE of 32 bits with one rounding, term for term, so a layer needs no more than
its accumulators: a fully connected layer is a convolution, a mean a depthwise one of ones.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tinyml_nas.cost.npu.ethos_u.tosa import Graph
from tinyml_nas.cost.npu.ethos_u.tosa_steps import CHANNELS, LENGTH, ROWS, Steps, layout
from tinyml_nas.devices import EthosU
from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import (
    Int8,
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
    Requantize,
)
from tinyml_nas.graph.ops import span_of

LARGEST_WEIGHT = 127
ADD_TERMS = LARGEST_WEIGHT
"""Largest multiple that an addition may have of one number: what ``add_terms`` has to be."""

WIDEST_STRIDE, WIDEST_DILATION, MOST_ROWS = 3, 2, 64
"""Stride, dilation and rows of a kernel that an Ethos-U has itself."""
MOST_PADDING = (127, 255)
"""Before and after: registers of 7 and 8 bits, which Vela 5.2.0 lets overflow without a word."""
LARGEST_AXIS = 1 << 16
LOWEST = -128
UNCHANGED = Requantize(np.array([1 << 30], np.int32), np.array([30], np.int8), -128, 127)
"""The accumulator as it is."""


def lower_tosa(net: IntNetwork, npu: EthosU) -> bytes:
    """The TOSA file of ``net``, whose input and output are (1, 1, L, C) of int8."""
    return _Lowering(net, npu).run()


class _Lowering:
    def __init__(self, net: IntNetwork, npu: EthosU) -> None:
        self._net, self._npu = net, npu
        self._steps = Steps(Graph(INPUT, layout(net.network.input_shape)))

    def run(self) -> bytes:
        graph = self._steps.graph
        for layer in self._net.layers:
            self._steps.begin(layer.name)
            graph.rename(self._layer(layer), layer.name)
        return graph.serialize(self._net.network.output)

    def _layer(self, layer: IntLayer) -> str:
        match layer.op:
            case IntConv() as op:
                return self._conv(layer, op)
            case IntAvgPool() as op:
                return self._avg_pool(layer, op)
            case IntMaxPool() as op:
                return self._max_pool(layer, op)
            case IntAdd() as op:
                return self._add(layer, op)
            case IntConcat(axis):
                along = CHANNELS if axis == "channels" else LENGTH
                return self._steps.concat(layer.inputs, along)
            case IntReshape():
                shape = layout(self._net.network.shapes[layer.name])
                return self._steps.reshape(layer.inputs[0], shape)
            case IntUpsample(factor):
                return self._upsample(layer, factor)
            case IntInterpolate() as op:
                return self._interpolate(layer, op)

    def _zero_point(self, name: str) -> int:
        return self._net.scales[name].zero_point

    def _window(
        self, layer: IntLayer, span: int, stride: int, pad: tuple[int, int]
    ) -> tuple[str, tuple[int, int]]:
        """What windows of ``span`` steps really read, and the padding around it.

        TOSA wants the last window to end with the padding: what no window reads is cut off.
        """
        x, length = layer.inputs[0], self._net.network.shapes[layer.name].length
        right = (length - 1) * stride + span - pad[0] - self._steps.length(x)
        if right < 0:
            x = self._steps.first(x, self._steps.length(x) + right)
        return x, (pad[0], max(0, right))

    def _fitting(self, x: str, pad: tuple[int, int], fill: int) -> tuple[str, tuple[int, int]]:
        """``x`` and its padding, which becomes part of ``x`` where no register holds it."""
        return (self._steps.pad(x, pad, fill), (0, 0)) if _too_wide(pad) else (x, pad)

    def _conv(self, layer: IntLayer, op: IntConv) -> str:
        out, kernel, entries = op.weight.shape
        depthwise = op.groups != 1
        x, pad = self._window(layer, span_of(kernel, op.dilation), op.stride, op.pad)
        whole = not depthwise and pad == (0, 0) and self._steps.length(x) == kernel
        if whole and kernel * entries <= LARGEST_AXIS:
            # one window: as a vector it is read faster than step by step, up to seven times
            x = self._steps.reshape(x, (1, 1, 1, kernel * entries))
            op = replace(op, weight=op.weight.reshape(out, 1, -1), stride=1)
        if op.stride > WIDEST_STRIDE:
            return self._strided(layer, _dense(op), x, pad)
        if op.dilation > WIDEST_DILATION and op.stride == 1 and kernel <= MOST_ROWS:
            return self._phases(layer, op, x, pad)
        if op.dilation > WIDEST_DILATION:
            op = _dense(op)
            kernel = op.weight.shape[1]
        x, pad = self._fitting(x, pad, self._zero_point(layer.inputs[0]))
        weight = op.weight[:, None]  # (O, 1, K, I)
        if depthwise:
            weight = op.weight.transpose(1, 0, 2).reshape(1, kernel, out, 1)
        acc = self._steps.convolve(
            x,
            weight,
            op.bias,
            self._zero_point(layer.inputs[0]),
            pad=pad,
            stride=op.stride,
            dilation=op.dilation,
            depthwise=depthwise,
        )
        return self._steps.requantize(acc, op.requantize, self._zero_point(layer.name))

    def _strided(self, layer: IntLayer, op: IntConv, x: str, pad: tuple[int, int]) -> str:
        """A stride s as a shape: (L, C) is read as (L / s, s * C), or (L / s, s, C) by channel.

        The kernel gets zeros up to a multiple of s and then begins at every step.
        """
        steps, stride = self._steps, op.stride
        out, kernel, entries = op.weight.shape
        depthwise, zero = op.groups != 1, self._zero_point(layer.inputs[0])
        length = self._net.network.shapes[layer.name].length
        rows = -(-kernel // stride)
        spare = (length - 1 + rows) * stride - steps.length(x) - sum(pad)
        x = steps.pad(x, (pad[0], pad[1] + spare), zero)
        weight = np.zeros((out, rows * stride, entries), np.int8)
        weight[:, :kernel] = op.weight
        if depthwise:
            read = steps.reshape(x, (1, length - 1 + rows, stride, out))
            taps = weight[..., 0].T.reshape(rows, stride, out, 1)
        else:
            read = steps.reshape(x, (1, 1, length - 1 + rows, stride * entries))
            taps = weight.reshape(out, 1, rows, stride * entries)
        acc = steps.convolve(read, taps, op.bias, zero, depthwise=depthwise)
        y = steps.requantize(acc, op.requantize, self._zero_point(layer.name))
        return steps.reshape(y, (1, 1, length, out)) if depthwise else y

    def _max_pool(self, layer: IntLayer, op: IntMaxPool) -> str:
        """A pool; where its stride is too wide, one of stride 1 and every s-th value of that."""
        steps, stride = self._steps, op.stride
        x, pad = self._window(layer, op.kernel, stride, op.pad)
        if stride <= WIDEST_STRIDE:
            x, pad = self._fitting(x, pad, LOWEST)
            return steps.max_pool(x, op.kernel, stride, pad)
        shape = self._net.network.shapes[layer.name]
        if op.kernel <= stride:  # windows do not overlap: a window is a row
            x = steps.pad(x, (pad[0], shape.length * stride - steps.length(x) - pad[0]), LOWEST)
            rows = steps.reshape(x, (1, shape.length, stride, shape.channels))
            y = steps.max_pool(steps.first(rows, op.kernel), op.kernel, 1)
        else:
            spare = shape.length * stride + op.kernel - 1 - steps.length(x) - sum(pad)
            every = steps.max_pool(steps.pad(x, (pad[0], pad[1] + spare), LOWEST), op.kernel, 1)
            y = steps.first(steps.reshape(every, (1, shape.length, stride, shape.channels)), 1)
        return steps.reshape(y, layout(shape))

    def _upsample(self, layer: IntLayer, factor: int) -> str:
        """A pointwise convolution of ones to ``factor`` copies of the channels, read as steps.

        Vela 5.2.0 compiles TILE wrongly where a RESCALE reads it.
        """
        steps, zero = self._steps, self._zero_point(layer.inputs[0])
        shape = self._net.network.shapes[layer.name]
        copies = np.tile(np.eye(shape.channels, dtype=np.int8), (factor, 1))[:, None, None]
        bias = np.zeros(len(copies), np.int32)
        y = steps.requantize(steps.convolve(layer.inputs[0], copies, bias, zero), UNCHANGED, zero)
        return steps.reshape(y, layout(shape))

    def _phases(self, layer: IntLayer, op: IntConv, x: str, pad: tuple[int, int]) -> str:
        """A dilation d as d columns: (L, C) is read as (L / d, d, C), and taps are rows.

        Steps that lie d apart are neighbors then, and nothing is copied where padding and length
        are multiples of d.  Vela makes an operation of each of d phases otherwise.
        """
        steps, d = self._steps, op.dilation
        out, kernel, _ = op.weight.shape
        depthwise, zero = op.groups != 1, self._zero_point(layer.inputs[0])
        length = self._net.network.shapes[layer.name].length
        edges = (pad[0] // d, pad[1] // d)
        if steps.length(x) % d or pad[0] % d or pad[1] % d or _too_wide(edges):
            spare = -(steps.length(x) + sum(pad)) % d
            x, pad = steps.pad(x, (pad[0], pad[1] + spare), zero), (0, 0)
            edges = pad
        rows = steps.reshape(x, (1, steps.length(x) // d, d, steps.channels(x)))
        weight = op.weight[:, :, None]
        if depthwise:
            weight = op.weight.transpose(1, 0, 2).reshape(kernel, 1, out, 1)
        acc = steps.convolve(rows, weight, op.bias, zero, pad_rows=edges, depthwise=depthwise)
        y = steps.requantize(acc, op.requantize, self._zero_point(layer.name))
        every = math.prod(steps.graph.shape(y)[ROWS:CHANNELS])
        return steps.first(steps.reshape(y, (1, 1, every, out)), length)

    def _interpolate(self, layer: IntLayer, op: IntInterpolate) -> str:
        """A convolution of rows: q steps of (L_in, C) become p of (L, C), p / q is their ratio.

        A row sees the last step of the one before it and the first of the next.  The end rows have
        the end steps as neighbors, as ``graph.ops.interpolation`` has them.
        """
        steps, x, rule = self._steps, layer.inputs[0], op.requantize
        source, shape = steps.length(x), self._net.network.shapes[layer.name]
        rows = math.gcd(source, op.length)
        q, zero = source // rows, self._zero_point(x)
        around = steps.part(x, 0, q - 1)  # of no weight
        before, after = steps.part(x, 0, 1), steps.part(x, source - 1, 1)
        padded = steps.concat([*around, *before, x, *after, *around], LENGTH)
        read = steps.reshape(padded, (1, 1, rows + 2, q * shape.channels))
        weight = between_rows(source, op.length, shape.channels)
        acc = steps.convolve(read, weight, np.zeros(len(weight), np.int32), zero)
        product = rows * int(rule.multiplier[0])
        spare = max(0, product.bit_length() - 31)
        if product % (1 << spare):
            raise ValueError(f"{product} loses bits where 31 are left of it")
        multiplier = np.array([product >> spare], np.int32)
        exact = replace(rule, multiplier=multiplier, shift=rule.shift - spare)
        y = steps.requantize(acc, exact, self._zero_point(layer.name))
        return steps.reshape(y, layout(shape))

    def _avg_pool(self, layer: IntLayer, op: IntAvgPool) -> str:
        channels = self._net.network.shapes[layer.name].channels
        ones = IntConv(
            weight=np.ones((channels, op.kernel, 1), np.int8),
            bias=np.zeros(channels, np.int32),
            stride=op.stride,
            pad=op.pad,
            requantize=op.requantize,
            acc_bound=0,
            groups=channels,
        )
        return self._conv(layer, ones)

    def _add(self, layer: IntLayer, op: IntAdd) -> str:
        """A depthwise convolution over both inputs as two rows, with one weight for each.

        ``sum m_i * (x_i - z_i)`` is ``unit * sum t_i * (x_i - z_i)`` where ``unit`` divides all
        multipliers, and the second sum is an accumulator with weights t_i.  It counts from one zero
        point, so the bias takes the difference.  All that is exact, whatever the values.
        """
        rule, (unit, terms) = op.requantize, terms_of(op)
        zeros = [self._zero_point(name) for name in layer.inputs]
        channels = self._net.network.shapes[layer.name].channels
        bias = sum(t * (zeros[0] - z) for t, z in zip(terms, zeros, strict=True))
        rows = self._steps.concat(layer.inputs, ROWS)
        weight = np.array(terms, np.int8).reshape(-1, 1, 1, 1).repeat(channels, axis=2)
        acc = self._steps.convolve(
            rows, weight, np.full(channels, bias, np.int32), zeros[0], depthwise=True
        )
        exact = replace(rule, multiplier=np.array([unit], np.int32))
        return self._steps.requantize(acc, exact, self._zero_point(layer.name))


def between_rows(source: int, length: int, channels: int) -> Int8:
    """Weights (p * C, 1, 3, q * C) of an interpolation from ``source`` to ``length`` steps.

    They are those of ``graph.ops.interpolation`` without the divisor that all have in common.
    """
    rows = math.gcd(source, length)
    p, q = length // rows, source // rows
    weight = np.zeros((p, 3 * q, channels, channels), np.int8)
    for step in range(p):
        at, second = divmod((2 * step + 1) * source - length, 2 * length)
        each = np.arange(channels)
        weight[step, q + at, each, each] += (2 * length - second) // rows
        weight[step, q + at + 1, each, each] += second // rows
    # (p, taps, C out, C in) to (p, C out, taps, C in)
    return weight.transpose(0, 2, 1, 3).reshape(p * channels, 1, 3, q * channels)


def _too_wide(pad: tuple[int, int]) -> bool:
    """Whether an Ethos-U cannot pad so much while it reads."""
    return pad[0] > MOST_PADDING[0] or pad[1] > MOST_PADDING[1]


def _dense(op: IntConv) -> IntConv:
    """``op`` without dilation: zeros stand between its taps."""
    if op.dilation == 1:
        return op
    out, kernel, entries = op.weight.shape
    weight = np.zeros((out, span_of(kernel, op.dilation), entries), np.int8)
    weight[:, :: op.dilation] = op.weight
    return replace(op, weight=weight, dilation=1)


def terms_of(op: IntAdd) -> tuple[int, list[int]]:
    """One number and its multiples that are the multipliers of ``op``.

    Raises ``ValueError`` where they are too large to be weights.
    """
    multipliers = [int(m) for m in op.requantize.multiplier]
    unit = math.gcd(*multipliers) or 1
    terms = [m // unit for m in multipliers]
    if max(map(abs, terms)) > ADD_TERMS:
        raise ValueError(
            f"multipliers {multipliers} are no multiples of one number up to {ADD_TERMS}"
        )
    return unit, terms
