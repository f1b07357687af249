"""Operation records: what a node computes, its output shape, its weights and its work.

An operation is what the target executes as one step, so a convolution carries its batch norm and
its ReLU: both vanish into its weights and its clamp when it is quantized.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol


class Shape(NamedTuple):
    """Channels by length of one activation tensor (batch excluded)."""

    channels: int
    length: int

    @property
    def size(self) -> int:
        """Number of values."""
        return self.channels * self.length


class Op(Protocol):
    """What every operation record answers."""

    @property
    def kind(self) -> str:
        """Name of the operation in reports and files."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Shape of the result; raises ``ValueError`` when the inputs do not fit."""

    def weight_count(self, inputs: tuple[Shape, ...]) -> int:
        """Number of weights that the target stores."""

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Multiply-accumulates of one inference."""


def _single(kind: str, inputs: tuple[Shape, ...]) -> Shape:
    if len(inputs) != 1:
        raise ValueError(f"{kind} takes one input, not {len(inputs)}")
    return inputs[0]


def _windows(
    kind: str, length: int, kernel: int, stride: int, pad: tuple[int, int], dilation: int = 1
) -> int:
    out = (length + pad[0] + pad[1] - span_of(kernel, dilation)) // stride + 1
    if out < 1:
        dilated = f" and dilation {dilation}" if dilation > 1 else ""
        raise ValueError(f"{kind} with kernel {kernel}{dilated} does not fit a length of {length}")
    return out


def span_of(kernel: int, dilation: int) -> int:
    """Steps from the first tap of a kernel to its last one, both included.

    Raises ``ValueError`` for a dilation below 1.
    """
    if dilation < 1:
        raise ValueError(f"a dilation of {dilation}: taps lie one step apart or more")
    return (kernel - 1) * dilation + 1


def same_padding(kernel: int, dilation: int = 1) -> tuple[int, int]:
    """Left and right padding that keeps the length at stride 1 (odd kernels: symmetric)."""
    more = span_of(kernel, dilation) - 1
    return more // 2, more - more // 2


def causal_padding(kernel: int, dilation: int = 1) -> tuple[int, int]:
    """Padding that keeps the length at stride 1 and shows no output a later step."""
    return span_of(kernel, dilation) - 1, 0


class _Convolves:
    kernel: int
    dilation: int

    @property
    def span(self) -> int:
        """Steps of the input that one output sees."""
        return span_of(self.kernel, self.dilation)


@dataclass(frozen=True)
class Conv(_Convolves):
    """1-D convolution, with batch norm while training (``norm``) and an optional ReLU.

    A weight takes ``weight_bits`` of flash: 8, 4 or 2.  The taps of the kernel lie ``dilation``
    steps of the input apart.
    """

    out_channels: int
    kernel: int
    stride: int = 1
    pad: tuple[int, int] = (0, 0)
    norm: bool = True
    relu: bool = True
    weight_bits: int = 8
    dilation: int = 1

    kind = "conv"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        length = _single(self.kind, inputs).length
        length = _windows(self.kind, length, self.kernel, self.stride, self.pad, self.dilation)
        return Shape(self.out_channels, length)

    def weight_count(self, inputs: tuple[Shape, ...]) -> int:
        return self.out_channels * self.kernel * inputs[0].channels

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        return self.weight_count(inputs) * self.output_shape(inputs).length


@dataclass(frozen=True)
class DepthwiseConv(_Convolves):
    """1-D convolution of each channel by itself; as many channels leave as enter.

    The taps of the kernel lie ``dilation`` steps of the input apart.
    """

    kernel: int
    stride: int = 1
    pad: tuple[int, int] = (0, 0)
    norm: bool = True
    relu: bool = True
    dilation: int = 1

    kind = "depthwise_conv"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        channels, length = _single(self.kind, inputs)
        length = _windows(self.kind, length, self.kernel, self.stride, self.pad, self.dilation)
        return Shape(channels, length)

    def weight_count(self, inputs: tuple[Shape, ...]) -> int:
        return inputs[0].channels * self.kernel

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        return self.weight_count(inputs) * self.output_shape(inputs).length


@dataclass(frozen=True)
class Linear:
    """Fully connected layer over all values of its input; the output has length 1.

    A weight takes ``weight_bits`` of flash: 8, 4 or 2.
    """

    out_features: int
    relu: bool = False
    norm: bool = False
    weight_bits: int = 8

    kind = "linear"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        _single(self.kind, inputs)
        return Shape(self.out_features, 1)

    def weight_count(self, inputs: tuple[Shape, ...]) -> int:
        return self.out_features * inputs[0].size

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        return self.weight_count(inputs)


class _Weightless:
    def weight_count(self, inputs: tuple[Shape, ...]) -> int:
        return 0

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        return 0


@dataclass(frozen=True)
class MaxPool(_Weightless):
    """Maximum over a window; padding never wins."""

    kernel: int
    stride: int
    pad: tuple[int, int] = (0, 0)

    kind = "max_pool"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _single(self.kind, inputs)
        return Shape(
            shape.channels, _windows(self.kind, shape.length, self.kernel, self.stride, self.pad)
        )


@dataclass(frozen=True)
class AvgPool(_Weightless):
    """Mean over a window; padding counts as zero, so that one divisor serves every output."""

    kernel: int
    stride: int
    pad: tuple[int, int] = (0, 0)

    kind = "avg_pool"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = _single(self.kind, inputs)
        return Shape(
            shape.channels, _windows(self.kind, shape.length, self.kernel, self.stride, self.pad)
        )


@dataclass(frozen=True)
class GlobalAvgPool(_Weightless):
    """Mean over the whole length."""

    kind = "global_avg_pool"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return Shape(_single(self.kind, inputs).channels, 1)


@dataclass(frozen=True)
class Add(_Weightless):
    """Element-wise sum of two tensors of one shape; the second may have a ``minus`` sign."""

    relu: bool = False
    minus: bool = False

    kind = "add"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            raise ValueError(f"add takes two inputs of one shape, not {[tuple(s) for s in inputs]}")
        return inputs[0]


@dataclass(frozen=True)
class Concat(_Weightless):
    """All inputs in order, along one axis; they agree in the other."""

    axis: Literal["channels", "length"] = "channels"

    kind = "concat"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        agree = "length" if self.axis == "channels" else "channels"
        if len({getattr(shape, agree) for shape in inputs}) != 1:
            one = "one length" if agree == "length" else "one number of channels"
            raise ValueError(f"concat takes inputs of {one}, not {[tuple(s) for s in inputs]}")
        total = sum(getattr(shape, self.axis) for shape in inputs)
        return inputs[0]._replace(**{self.axis: total})


@dataclass(frozen=True)
class Reshape(_Weightless):
    """The same values, step by step, with another number of channels in each step.

    That is the order of the target's memory, ``[length][channels]``.
    """

    channels: int

    kind = "reshape"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        size = _single(self.kind, inputs).size
        if size % self.channels:
            raise ValueError(f"{size} values cannot be reshaped to {self.channels} channels")
        return Shape(self.channels, size // self.channels)


@dataclass(frozen=True)
class Upsample(_Weightless):
    """Every step ``factor`` times: nearest-neighbor upsampling, a staircase."""

    factor: int

    kind = "upsample"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        channels, length = _single(self.kind, inputs)
        return Shape(channels, length * self.factor)


@dataclass(frozen=True)
class Interpolate(_Weightless):
    """Linear interpolation to ``length`` steps, no fewer than there are.

    The steps of both are the centers of equal parts of one interval ("half pixel"), and beyond the
    first and the last center the value stays.
    """

    length: int

    kind = "interpolate"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        channels, length = _single(self.kind, inputs)
        if self.length < length:
            raise ValueError(f"interpolation from {length} steps to {self.length} would lose some")
        return Shape(channels, self.length)


def interpolation(source: int, length: int) -> list[tuple[int, int, int]]:
    """For each of ``length`` steps the two of ``source`` that it lies between, and its weight.

    The weight is that of the second one, of ``2 * length`` in all: so every value of a linear
    interpolation is a sum of integers over one divisor.
    """
    whole = 2 * length
    positions = (max(0, (2 * step + 1) * source - length) for step in range(length))
    return [(at // whole, min(at // whole + 1, source - 1), at % whole) for at in positions]


OPS: dict[str, type] = {
    op.kind: op
    for op in (
        *(Conv, DepthwiseConv, Linear, MaxPool, AvgPool, GlobalAvgPool),
        *(Add, Concat, Reshape, Upsample, Interpolate),
    )
}
MOVING = MaxPool | Concat | Reshape | Upsample
"""Operations that move values as they are: their tensors share one scale when quantized."""
