"""Transforms of sums and differences: the Haar wavelet and the Walsh-Hadamard transform.

In integers both are exact: nothing is halved on the way, the samples leave enough bits for the sum
of a whole frame, and the division is a matter of the unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyml_nas.features.integer.fixed import FixedOp, Int64, OfLength, Signal
from tinyml_nas.features.signal import Array, Misfit, Settings
from tinyml_nas.features.steps.frame_step import FrameStep


def _length_of(name: str) -> Callable[[int, Settings], int]:
    def length(length: int, settings: Settings) -> int:
        if length < 2 or length & (length - 1):
            raise Misfit(
                f"{name} transforms frames of a power of two of samples, not {length}.",
                hint="Set frame_size to a power of two.",
                keys=("frame_size",),
            )
        return length

    return length


def _haar(x: Array, settings: Settings) -> Array:
    """The mean of the frame, then its details (a - b) / 2 from the widest to the finest."""
    details = []
    while x.shape[-1] > 1:
        details.append((x[..., 0::2] - x[..., 1::2]) / 2)
        x = (x[..., 0::2] + x[..., 1::2]) / 2
    return np.concatenate([x, *details[::-1]], axis=-1)


@dataclass(frozen=True)
class Haar(OfLength):
    """N times the Haar transform of N values: details are shifted left by what they lack of it."""

    length: int
    kernel: str = "haar"

    @property
    def work(self) -> int:
        """The differences of a level wait behind the frame."""
        return self.length + self.length // 2

    def apply(self, x: Int64) -> Int64:
        """The transforms of frames x (N, C, L)."""
        details, lack = [], self.length.bit_length() - 1
        while x.shape[-1] > 1:
            lack -= 1
            details.append((x[..., 0::2] - x[..., 1::2]) << lack)
            x = x[..., 0::2] + x[..., 1::2]
        return np.concatenate([x, *details[::-1]], axis=-1)


def _hadamard(x: Array, settings: Settings) -> Array:
    """Hadamard matrix in natural order times the frame, divided by its length."""
    return np.asarray(_sums(x) / x.shape[-1])


def _sums(x: Array) -> Array:
    size = 1
    while size < x.shape[-1]:
        a, b = np.moveaxis(x.reshape(*x.shape[:-1], -1, 2, size), -2, 0)
        x = np.stack([a + b, a - b], axis=-2).reshape(x.shape)
        size *= 2
    return x


@dataclass(frozen=True)
class Hadamard(OfLength):
    """N times the Walsh-Hadamard transform of N values, in natural order."""

    length: int
    kernel: str = "hadamard"

    def apply(self, x: Int64) -> Int64:
        """The transforms of frames x (N, C, L)."""
        return _sums(x)


def _twin(
    operation: Callable[[int], FixedOp],
) -> Callable[[Signal, Settings], tuple[FixedOp, Signal]]:
    def twin(signal: Signal, settings: Settings) -> tuple[FixedOp, Signal]:
        n = signal.length
        return operation(n), replace(signal, bound=n * signal.bound).scaled(1 / n)

    return twin


HAAR = FrameStep(
    "HAAR",
    "Haar wavelet transform: the mean of the frame, then half differences, the widest first.",
    ("samples",),
    "coefficients",
    _haar,
    _twin(Haar),
    _length_of("HAAR"),
    framed=True,
)
HADAMARD = FrameStep(
    "HADAMARD",
    "Walsh-Hadamard transform in natural order, divided by the samples of a frame.",
    ("samples",),
    "coefficients",
    _hadamard,
    _twin(Hadamard),
    _length_of("HADAMARD"),
    framed=True,
)
