"""What a layer is in C: the calls of its kernels, their constant records, their tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyml_nas.cost.arena import Buffer
from tinyml_nas.graph.integer import Int32, IntConv, IntLayer, IntNetwork, Requantize

Choice = Literal["DSP", "DSP_UNALIGNED"]
"""Macros of the header: code for SMLAD is there, and it may load words from any address."""


@dataclass(frozen=True)
class Table:
    """One const array of the weights file."""

    name: str
    ctype: str
    values: npt.NDArray[np.integer]
    comment: str


@dataclass(frozen=True)
class KernelCall:
    """The call of one kernel: the initializers of its constant record and its pointers."""

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
    """What computes a layer: its calls, mostly one, and its tables.

    ``aligned`` says that all words it loads from the arena lie at multiples of four.
    """

    calls: tuple[KernelCall, ...]
    tables: tuple[Table, ...] = ()
    aligned: bool = True

    @property
    def choice(self) -> Choice:
        """The macro that chooses it instead of portable code."""
        return "DSP" if self.aligned else "DSP_UNALIGNED"


@dataclass(frozen=True)
class Placed:
    """A layer of ``net`` and where its tensors lie in the arena.

    The names of its tables begin with ``stem``; packed weights are unpacked into ``scratch``, or
    windows are gathered into it.
    """

    net: IntNetwork
    layer: IntLayer
    sources: tuple[Buffer, ...]
    target: Buffer
    scratch: Buffer | None
    stem: str

    @property
    def source(self) -> Buffer:
        """Its only input, or the first one."""
        return self.sources[0]

    @property
    def gathers(self) -> bool:
        """Whether windows are gathered into ``scratch``, which takes packed weights otherwise."""
        op = self.layer.op
        return isinstance(op, IntConv) and op.weight_bits == 8 and self.scratch is not None

    @property
    def gap(self) -> int:
        """Rows of its input from one tap to the next, where the kernel finds taps apart."""
        op = self.layer.op
        if not isinstance(op, IntConv) or op.weight.shape[1] == 1 or self.gathers:
            return 0
        return op.dilation - 1

    @property
    def zero_points(self) -> tuple[int, ...]:
        """Of its inputs."""
        return tuple(self.net.scales[name].zero_point for name in self.layer.inputs)

    @property
    def zero_point(self) -> int:
        """Of its output."""
        return self.net.scales[self.layer.name].zero_point

    def first_window(self, pad: int) -> int:
        """Offset of the first window, which reaches over ``pad`` rows of margin."""
        return self.source.data_offset - pad * self.source.row_bytes

    def limits(self, r1: Requantize) -> tuple[tuple[str, str], ...]:
        """The fields that place and limit the output: zero point, lowest and highest value."""
        return (
            ("zero_point", str(self.zero_point)),
            ("lower", str(r1.lower)),
            ("upper", str(r1.upper)),
        )


def folded_bias(op: IntConv, input_zero_point: int) -> Int32:
    """Bias with the input zero point inside, so that the kernel multiplies raw bytes."""
    correction = op.weight.astype(np.int64).sum(axis=(1, 2)) * input_zero_point
    folded = op.bias.astype(np.int64) - correction
    assert np.all(np.abs(folded) < 1 << 31), "lowering proves that the accumulator fits"
    result: Int32 = folded.astype(np.int32)
    return result
