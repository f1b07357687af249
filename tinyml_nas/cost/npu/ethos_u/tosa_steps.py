"""Single steps of a TOSA graph in the layout of this package: (1, 1, L, C), channels fastest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyml_nas.cost.npu.ethos_u.tosa import (
    PROPAGATE,
    SINGLE_ROUND,
    DType,
    Graph,
    Op,
    Tensor,
)
from tinyml_nas.graph import Shape
from tinyml_nas.graph.integer import Int8, Requantize

ROWS, LENGTH, CHANNELS = 1, 2, 3
"""Axes of a tensor."""


def layout(shape: Shape) -> tuple[int, int, int, int]:
    """(C, L) as TOSA has it."""
    return 1, 1, shape.length, shape.channels


class Steps:
    """Adds operators to ``graph``; what belongs to one layer has names that begin with its name."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._layer, self._count = "", 0

    def begin(self, layer: str) -> None:
        """All that follows belongs to ``layer``."""
        self._layer, self._count = layer, 0

    def length(self, x: str) -> int:
        """Steps of ``x``."""
        return self.graph.shape(x)[LENGTH]

    def channels(self, x: str) -> int:
        """Channels of ``x``."""
        return self.graph.shape(x)[CHANNELS]

    def _made(self, shape: Sequence[int], dtype: DType = DType.INT8) -> Tensor:
        self._count += 1
        return Tensor(f"{self._layer}#{self._count}", tuple(shape), dtype)

    def first(self, x: str, count: int) -> str:
        """The first ``count`` steps of ``x``, or of each of its rows."""
        return x if count >= self.length(x) else self._slice(x, 0, count)

    def part(self, x: str, start: int, count: int) -> list[str]:
        """``count`` steps of ``x`` from ``start`` on; nothing where there are none."""
        return [self._slice(x, start, count)] if count else []

    def _slice(self, x: str, start: int, count: int) -> str:
        _, rows, _, channels = self.graph.shape(x)
        shape = (1, rows, count, channels)
        begin = self.graph.dimensions((0, 0, start, 0))
        return self.graph.add(Op.SLICE, (x, begin, self.graph.dimensions(shape)), self._made(shape))

    def pad(self, x: str, pad: tuple[int, int], value: int) -> str:
        """``x`` with steps of ``value`` before and after it."""
        if pad == (0, 0):
            return x
        shape = (1, 1, self.length(x) + sum(pad), self.channels(x))
        pads = self.graph.dimensions((0, 0, 0, 0, *pad, 0, 0))
        fill = self.graph.constant([value], DType.INT8)
        return self.graph.add(Op.PAD, (x, pads, fill), self._made(shape))

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """The values of ``x`` in memory's order, read as ``shape``."""
        return self.graph.add(Op.RESHAPE, (x, self.graph.dimensions(shape)), self._made(shape))

    def concat(self, inputs: Sequence[str], axis: int) -> str:
        """All ``inputs`` in order along ``axis``."""
        shape = list(self.graph.shape(inputs[0]))
        shape[axis] = sum(self.graph.shape(x)[axis] for x in inputs)
        return self.graph.add(Op.CONCAT, inputs, self._made(shape), (axis,))

    def convolve(
        self,
        x: str,
        weight: Int8,
        bias: npt.NDArray[np.int32],
        zero_point: int,
        *,
        pad: tuple[int, int] = (0, 0),
        pad_rows: tuple[int, int] = (0, 0),
        stride: int = 1,
        dilation: int = 1,
        depthwise: bool = False,
    ) -> str:
        """int32 accumulators of ``weight`` (O, H, K, I) over ``x`` - ``zero_point``.

        Of a depthwise convolution ``weight`` is (H, K, C, 1).  The window ends with the last step,
        padding included, so that the division by the stride leaves no rest.
        """
        rows, kernel = weight.shape[:2] if depthwise else weight.shape[1:3]
        span = (kernel - 1) * dilation + 1
        length = (self.length(x) + sum(pad) - span) // stride + 1
        shape = (1, self.graph.shape(x)[ROWS] + sum(pad_rows) - rows + 1, length, len(bias))
        zero = self.graph.constant([0], DType.INT8)
        inputs = (
            x,
            self.graph.constant(weight, DType.INT8),
            self.graph.constant(bias, DType.INT32),
            self.graph.constant([zero_point], DType.INT8),
            zero,
        )
        attribute = ((*pad_rows, *pad), (1, stride), (1, dilation), False, int(DType.INT32))
        op = Op.DEPTHWISE_CONV2D if depthwise else Op.CONV2D
        return self.graph.add(op, inputs, self._made(shape, DType.INT32), attribute)

    def max_pool(self, x: str, kernel: int, stride: int, pad: tuple[int, int] = (0, 0)) -> str:
        """The largest value of each window."""
        length = (self.length(x) + sum(pad) - kernel) // stride + 1
        shape = (1, self.graph.shape(x)[1], length, self.channels(x))
        attribute = ((1, kernel), (1, stride), (0, 0, *pad), PROPAGATE)
        return self.graph.add(Op.MAX_POOL2D, (x,), self._made(shape), attribute)

    def requantize(self, acc: str, rule: Requantize, zero_point: int) -> str:
        """Rule R1 of int32 accumulators: TOSA's RESCALE with one rounding, then its CLAMP."""
        channels = self.channels(acc)
        multiplier = np.broadcast_to(rule.multiplier, channels)
        y = self.rescale(
            acc, multiplier, np.broadcast_to(rule.shift, channels), (0, zero_point), DType.INT8
        )
        return self.clamp(y, rule.lower, rule.upper)

    def rescale(
        self,
        x: str,
        multiplier: npt.ArrayLike,
        shift: npt.ArrayLike,
        zero_points: tuple[int, int],
        dtype: DType,
    ) -> str:
        """``(x - z_in) * multiplier >> shift``, rounded half up, plus ``z_out``."""
        entry = DType.INT32 if dtype == DType.INT8 else DType.INT8
        shifts = np.atleast_1d(np.asarray(shift))
        inputs = (
            x,
            self.graph.constant(np.atleast_1d(multiplier), DType.INT32),
            self.graph.constant(shifts, DType.INT8),
            self.graph.constant(zero_points[:1], entry),
            self.graph.constant(zero_points[1:], dtype),
        )
        attribute = (True, SINGLE_ROUND, len(shifts) > 1, False, False)
        made = self._made(self.graph.shape(x), dtype)
        return self.graph.add(Op.RESCALE, inputs, made, attribute)

    def clamp(self, x: str, lower: int, upper: int) -> str:
        """``x`` within both bounds."""
        if (lower, upper) == (-128, 127):
            return x
        bounds = (
            lower.to_bytes(1, "little", signed=True),
            upper.to_bytes(1, "little", signed=True),
        )
        return self.graph.add(Op.CLAMP, (x,), self._made(self.graph.shape(x)), (*bounds, PROPAGATE))

    def combine(self, op: Op, a: str, b: str) -> str:
        """``a`` and ``b`` of int32, value by value."""
        return self.graph.add(op, (a, b), self._made(self.graph.shape(a), DType.INT32))
