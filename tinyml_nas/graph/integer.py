"""``IntNetwork``: the one integer model that every shipped file is a carrier of.

Activations are int8 with one scale and zero point per tensor; weights are int8 in [-127, 127],
symmetric, per output channel; accumulators are int32.  An accumulator becomes an output by rule R1,

    y = clamp(zero_point + ((acc * multiplier + 2^(shift - 1)) >> shift), lower, upper)

with a 64-bit product, an arithmetic shift and no second rounding.  Padding is the input's zero
point.  The same records describe every layer to the NumPy reference, ONNX and C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyml_nas.graph.network import Network

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

MAX_SHIFT = 62
FLOAT32_EXACT = 1 << 24
"""Below this magnitude a float32 carries every integer, so a float32 convolution is exact."""


@dataclass(frozen=True)
class TensorScale:
    """real = scale * (q - zero_point)."""

    scale: np.float32
    zero_point: int


@dataclass(frozen=True)
class InputQuantization:
    """How float samples become int8, in float32 and rounding half to even, as ONNX does:

        q = clamp(rint((x - mean[c]) / scale[c]) + zero_point, -128, 127)

    ``mean`` and ``scale`` have one value per channel: the normalization is folded in here.
    """

    mean: Float32
    scale: Float32
    zero_point: int


@dataclass(frozen=True)
class Requantize:
    """Rule R1: one Q31 multiplier in [2^30, 2^31) and one shift in [1, 62] per channel."""

    multiplier: Int32
    shift: Int8
    lower: int
    upper: int


@dataclass(frozen=True)
class IntConv:
    """Convolution, or a fully connected layer as one window over the whole length.

    ``weight`` is (out_channels, kernel, in_channels), ``bias`` (out_channels,) and does not contain
    the input zero point: ``acc = bias + sum(weight * (x - x_zero_point))``.  ``acc_bound`` is the
    largest magnitude that any partial sum can have, zero point folded into the bias or not.
    ``groups`` is 1, or the number of channels where each is convolved by itself: ``weight`` is
    (channels, kernel, 1) then.  With ``weight_bits`` below 8 no weight is beyond what so many bits
    hold symmetrically, +-7 or +-1; nothing else differs.  The taps lie ``dilation`` steps of the
    input apart.
    """

    weight: Int8
    bias: Int32
    stride: int
    pad: tuple[int, int]
    requantize: Requantize
    acc_bound: int
    groups: int = 1
    weight_bits: int = 8
    dilation: int = 1


@dataclass(frozen=True)
class IntAvgPool:
    """Sum of ``x - x_zero_point`` over a window; 1/kernel is inside its one multiplier."""

    kernel: int
    stride: int
    pad: tuple[int, int]
    requantize: Requantize


@dataclass(frozen=True)
class IntMaxPool:
    """Maximum over a window; the scale stays, padding is -128 and never wins."""

    kernel: int
    stride: int
    pad: tuple[int, int]


@dataclass(frozen=True)
class IntAdd:
    """acc * multiplier is ``sum_i multiplier[i] * (x_i - zero_point_i)`` in 64 bits; one shift.

    A multiplier below zero subtracts.
    """

    requantize: Requantize


@dataclass(frozen=True)
class IntConcat:
    """All inputs one after the other, along one axis; they and the output share one scale."""

    axis: Literal["channels", "length"] = "channels"


@dataclass(frozen=True)
class IntReshape:
    """The same values with another number of channels per step; the scale stays."""

    channels: int


@dataclass(frozen=True)
class IntUpsample:
    """Every step so many times; the scale stays."""

    factor: int


@dataclass(frozen=True)
class IntInterpolate:
    """Weighted sum of ``x - x_zero_point`` over two steps, see ``graph.ops.interpolation``.

    The divisor of its integer weights, ``2 * length``, is inside its one multiplier.
    """

    length: int
    requantize: Requantize


IntOp = (
    IntConv
    | IntAvgPool
    | IntMaxPool
    | IntAdd
    | IntConcat
    | IntReshape
    | IntUpsample
    | IntInterpolate
)


@dataclass(frozen=True)
class IntLayer:
    """One step of the integer model; its name is its output tensor's and its network node's."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    op: IntOp


@dataclass(frozen=True)
class Values:
    """Outputs that are numbers: real = offset + scale * (q - zero point), for each output (K,)."""

    names: tuple[str, ...]
    scale: Float32
    offset: Float32


@dataclass(frozen=True)
class Detection:
    """Outputs that are errors: an anomaly has a sum of (q - zero point)² above ``limit``."""

    limit: int


@dataclass(frozen=True)
class IntNetwork:
    """The integer model: the float network's structure, one integer layer per node, all scales.

    ``scales`` holds every tensor, ``graph.INPUT`` included.  Layers stand in the network's node
    order, which is also the order of execution and of the memory plan.  ``answer`` says what the
    outputs mean; without one they are scores of classes.
    """

    network: Network
    input: InputQuantization
    scales: Mapping[str, TensorScale]
    layers: tuple[IntLayer, ...]
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    answer: Values | Detection | None = None

    @cached_property
    def by_name(self) -> Mapping[str, IntLayer]:
        """Layers by name."""
        return {layer.name: layer for layer in self.layers}

    @property
    def output_scale(self) -> TensorScale:
        """Scale of the scores."""
        return self.scales[self.network.output]
