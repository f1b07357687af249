"""What a carrier answers, and how it says that it cannot run here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

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
