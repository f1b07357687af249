"""Where the elements of a feature map lie: formats NHWC and NHCWB16, strides, four tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.proof.ethos_u.regions import Addresses, Memory
from tinyml_nas.proof.ethos_u.registers import Set, Wide

Int64 = npt.NDArray[np.int64]
Side = Literal["IFM", "IFM2", "OFM"]

BRICK = 16
"""Channels that lie together in the format NHCWB16."""
MOST_ELEMENTS = 1 << 24
"""More than the memory of a microcontroller holds: not modeled, and not tried."""
DTYPES = {1: ("<u1", "<i1"), 2: ("<u2", "<i2"), 4: ("<u4", "<i4")}
"""Without and with a sign, by bytes."""


@dataclass(frozen=True)
class FeatureMap:
    """Elements (H, W, C) of one operation: the address of each first byte, and their type."""

    region: int
    addresses: Addresses  # (H * W * C,)
    shape: tuple[int, int, int]
    element_bytes: int
    signed: bool

    def load(self, memory: Memory) -> Int64:
        """Values (N, H, W, C)."""
        raw = memory.read(self.region, self.all_addresses())
        dtype = DTYPES[self.element_bytes][self.signed]
        values = np.ascontiguousarray(raw).view(dtype).astype(np.int64)
        return values.reshape(len(raw), *self.shape)

    def store(self, memory: Memory, values: Int64) -> None:
        """Write ``values`` (N, H, W, C), which its type holds."""
        dtype = np.dtype(DTYPES[self.element_bytes][self.signed])
        limits = np.iinfo(dtype)
        if values.min() < limits.min or values.max() > limits.max:
            raise ParityError(f"leaves the range of its {8 * self.element_bytes}-bit output")
        flat = values.astype(dtype).reshape(len(values), -1)
        memory.write(self.region, self.all_addresses(), flat.view(np.uint8))

    def all_addresses(self) -> Addresses:
        """Those of every byte."""
        return (self.addresses[:, None] + np.arange(self.element_bytes)).reshape(-1)


def feature_map(
    side: Side, shape: tuple[int, int, int], narrow: Mapping[Set, int], wide: Mapping[Wide, int]
) -> FeatureMap:
    """The feature map of that ``side`` with ``shape`` (H, W, C), as the registers describe it."""

    def base(register: str) -> int:
        return wide.get(Wide[f"{side}_{register}"], 0)

    precision = narrow[Set[f"{side}_PRECISION"]]
    code = precision >> (1 if side == "OFM" else 2) & 3
    if code > 2 or precision >> 6 & 3 > 1:
        raise ParityError(f"has no type or format for {side}_PRECISION {precision:#x}")
    if math.prod(shape) > MOST_ELEMENTS:
        raise ToolError(f"{side} of {math.prod(shape):,} elements is not modeled")
    size = 1 << code
    y, x, z = np.ogrid[: shape[0], : shape[1], : shape[2]]
    first_rows = narrow[Set[f"{side}_HEIGHT0_M1"]] + 1
    right_rows = narrow[Set[f"{side}_HEIGHT1_M1"]] + 1
    columns = narrow[Set[f"{side}_WIDTH0_M1"]] + 1
    right = x >= columns
    top = np.where(right, right_rows, first_rows)
    below = y >= top
    bases = np.array([base(f"BASE{tile}") for tile in range(4)], np.int64)
    start = bases[right + 2 * below]
    row, column = y - np.where(below, top, 0), x - np.where(right, columns, 0)
    where = start + row * base("STRIDE_Y")
    if precision >> 6 & 3:
        where = where + z // BRICK * base("STRIDE_C") + (column * BRICK + z % BRICK) * size
    else:
        where = where + column * base("STRIDE_X") + z * size
    addresses = np.broadcast_to(where, shape).reshape(-1).astype(np.int64)
    return FeatureMap(
        narrow.get(Set[f"{side}_REGION"], 0) & 7, addresses, shape, size, bool(precision & 1)
    )
