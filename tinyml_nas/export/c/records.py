"""What a layer is in C: the calls of its kernels, their constant records, their tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_nas.quantize.integer import Int32, IntConv, IntNetwork


@dataclass(frozen=True)
class Table:
    """One const array of the weights file."""

    name: str
    ctype: str
    values: npt.NDArray[np.integer]
    comment: str


@dataclass(frozen=True)
class KernelCall:
    """The call of one kernel: the initialisers of its constant record and its pointers."""

    kernel: str
    fields: tuple[tuple[str, str], ...]
    sources: tuple[int, ...]
    target: int

    @property
    def record(self) -> str:
        """Name of its constant record; both kinds of convolution have the same."""
        return "conv" if self.kernel == "depthwise_conv" else self.kernel


@dataclass(frozen=True)
class Code:
    """What computes a layer: its calls, mostly one, and its tables."""

    calls: tuple[KernelCall, ...]
    tables: tuple[Table, ...] = ()


def folded_bias(op: IntConv, input_zero_point: int) -> Int32:
    """Bias with the input zero point inside, so that the kernel multiplies raw bytes."""
    correction = op.weight.astype(np.int64).sum(axis=(1, 2)) * input_zero_point
    folded = op.bias.astype(np.int64) - correction
    assert np.all(np.abs(folded) < 1 << 31), "lowering proves that the accumulator fits"
    result: Int32 = folded.astype(np.int32)
    return result


def clamp_fields(net: IntNetwork, name: str, lower: int, upper: int) -> tuple[tuple[str, str], ...]:
    """The fields that place and limit an output: its zero point, its lowest and highest value."""
    zero_point = net.scales[name].zero_point
    return (("zero_point", str(zero_point)), ("lower", str(lower)), ("upper", str(upper)))
