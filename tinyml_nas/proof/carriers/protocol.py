"""What a carrier answers, and how it says that it cannot run here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from tinyml_nas.errors import ToolError
from tinyml_nas.graph.integer import Float32, Int8


class NotAvailable(ToolError):
    """The carrier cannot run on this machine: it stays *not proven*, never passed."""


class Carrier(Protocol):
    """One way to compute the integer model."""

    @property
    def name(self) -> str:
        """Name in reports, such as ``host C`` or ``cortex-m4``."""

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """Tensors (N, C, L) by layer name for quantized windows (N, C, L), the output at least.

        Raises ``NotAvailable`` when the carrier cannot run here.
        """


@runtime_checkable
class Quantizer(Protocol):
    """A carrier that also turns float samples into the integers of the input."""

    def quantize(self, x: Float32) -> Int8:
        """int8 windows (N, C, L) of float windows (N, C, L)."""


def first_difference_of(layer: str, got: Int8, expected: Int8) -> str:
    """Where two tensors (N, C, L) of ``layer`` first differ, and both values."""
    vector, channel, time = (int(i) for i in np.argwhere(got != expected)[0])
    return (
        f"layer {layer}, vector {vector}, channel {channel}, time {time}: "
        f"{int(got[vector, channel, time])} instead of {int(expected[vector, channel, time])}"
    )
