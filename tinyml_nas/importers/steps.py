"""What a foreign network does, step by step, before neighbors are joined into our operations.

A step's operation is one of ``graph``, without batch norm and ReLU, or one of the three below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_nas.graph import Op

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """gain[c] * x + shift[c], for each channel."""

    gain: Array
    shift: Array


@dataclass(frozen=True)
class Norm:
    """Batch norm in evaluation mode: scale * (x - mean) / sqrt(variance + epsilon) + bias."""

    scale: Array
    bias: Array
    mean: Array
    variance: Array
    epsilon: float

    @property
    def affine(self) -> Affine:
        """The same function as a gain and a shift."""
        gain = self.scale / np.sqrt(self.variance + self.epsilon)
        return Affine(gain, self.bias - self.mean * gain)


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class Step:
    """One operation on the tensors ``inputs``; its name is also that of the tensor it makes.

    ``weight`` is (out, in, kernel), of a linear layer (out, channels, length); ``bias`` (out,).
    """

    name: str
    op: Op | Affine | Norm | Relu
    inputs: tuple[str, ...]
    weight: Array | None = None
    bias: Array | None = None
