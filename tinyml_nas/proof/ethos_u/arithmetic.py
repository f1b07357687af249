"""What an Ethos-U computes with whole numbers: scaling by its three rounding modes, windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


class Rounding(IntEnum):
    """Of ``OFM_PRECISION``: as TFLite (twice), downwards, or half up."""

    TFL = 0
    TRUNCATE = 1
    NATURAL = 2


def scaled(acc: Int64, scale: Int64, shift: Int64, rounding: Rounding) -> Int64:
    """``acc * scale / 2^shift``; ``NATURAL`` is rule R1 of the integer contract."""
    product = acc * scale
    match rounding:
        case Rounding.NATURAL:
            half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
            return (product + half) >> shift
        case Rounding.TRUNCATE:
            return product >> shift
        case Rounding.TFL:
            return _twice(acc, scale, shift)


def _twice(acc: Int64, scale: Int64, shift: Int64) -> Int64:
    """gemmlowp's two roundings: to the upper 32 bits half away from zero, then by the rest."""
    left, rest = np.maximum(31 - shift, 0), np.maximum(shift - 31, 0)
    product = (acc << left) * scale
    high = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(high >= 0, high >> 31, -(-high >> 31))
    mask = (np.int64(1) << rest) - 1
    rounded: Int64 = (high >> rest) + ((high & mask) > (mask >> 1) + (high < 0))
    return rounded


@dataclass(frozen=True)
class Kernel:
    """Taps, strides, dilations and padding (before and after) along height and width."""

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[tuple[int, int], tuple[int, int]]

    def entry(self, output: tuple[int, int]) -> tuple[int, int]:
        """Height and width that ``output`` reads, without padding."""
        sizes = zip(output, self.size, self.stride, self.dilation, self.pad, strict=True)
        return tuple(  # type: ignore[return-value]
            (out - 1) * stride + (size - 1) * dilation + 1 - sum(pad)
            for out, size, stride, dilation, pad in sizes
        )

    def taps(
        self, x: Int64, output: tuple[int, int], fill: int
    ) -> Iterator[tuple[int, int, Int64]]:
        """Row, column and what ``x`` (N, H, W, C) holds under that tap, for each output."""
        padded = np.pad(x, ((0, 0), *self.pad, (0, 0)), constant_values=fill)
        for row in range(self.size[0]):
            for column in range(self.size[1]):
                top, left = row * self.dilation[0], column * self.dilation[1]
                rows = slice(top, top + (output[0] - 1) * self.stride[0] + 1, self.stride[0])
                across = slice(left, left + (output[1] - 1) * self.stride[1] + 1, self.stride[1])
                yield row, column, padded[:, rows, across]
