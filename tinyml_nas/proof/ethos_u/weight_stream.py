"""Weights and scales as an Ethos-U reads them: decoded, and put back into their order.

The order is that of the hardware's traversal, which Arm documents with the weight encoder: blocks
of output channels, parts of the kernel of at most 8 x 8 steps, and micro-blocks of channels.
What is put in order here was decoded by Vela's own decoder, which is not independent of the
compiler.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tinyml_nas.errors import ParityError

Int64 = npt.NDArray[np.int64]

MICRO_BLOCK: dict[str, int] = {"ethos-u55-32": 4}
"""Output channels of a micro-block where they are not 8."""
DEPTH = 8
"""Input channels of a micro-block of 8-bit weights."""
SUB_KERNEL = 8
SCALE_BYTES = 10


@dataclass(frozen=True)
class Order:
    """What decides the order: shape (O, KH, KW, I), dilation, and registers of the operation."""

    outputs: int
    height: int
    width: int
    inputs: int
    dilation: tuple[int, int]
    block_depth: int
    part_kernel_first: bool
    depthwise: bool
    micro_block: int


@lru_cache(maxsize=256)
def ordered_weights(decoded: bytes, order: Order) -> Int64:
    """Weights (O, KH, KW, I) of ``decoded`` int16; of a depthwise operation I is 1.

    Raises ``ParityError`` where they are fewer than the operation takes.
    """
    flat = np.frombuffer(decoded, np.int16).astype(np.int64)
    shape = (order.outputs, order.height, order.width, 1 if order.depthwise else order.inputs)
    weights, at = np.zeros(shape, np.int64), 0
    depth = 1 if order.depthwise else DEPTH
    for y, x, first_in, first_out in _micro_blocks(order):
        block = flat[at : at + order.micro_block * depth]
        if len(block) < order.micro_block * depth:
            raise ParityError(f"has {len(flat):,} weights, fewer than its kernel takes")
        at += len(block)
        if y < 0:  # filling
            continue
        part = weights[first_out : first_out + order.micro_block, y, x, first_in : first_in + depth]
        part[:] = block.reshape(order.micro_block, depth)[: part.shape[0], : part.shape[1]]
    return weights


def _micro_blocks(order: Order) -> Iterator[tuple[int, int, int, int]]:
    """Row, column, first input and first output channel of each; row -1 is filling."""
    part = order.part_kernel_first
    for start in range(0, order.outputs, order.block_depth):
        outputs = min(order.block_depth, order.outputs - start)
        for first_in, inputs in _input_blocks(order):
            for steps in _sub_kernels(order):
                for outer in range(0, inputs if part else 1, DEPTH):
                    for out in range(start, start + outputs, order.micro_block):
                        for y, x in steps:
                            for inner in range(0, 1 if part else inputs, DEPTH):
                                yield y, x, first_in + outer + inner, out


def _input_blocks(order: Order) -> Iterator[tuple[int, int]]:
    if order.depthwise:
        yield 0, DEPTH
        return
    size = 16 if order.part_kernel_first else 32
    for start in range(0, order.inputs, size):
        left = _up(min(size, order.inputs - start), DEPTH)
        yield start, left if order.part_kernel_first else size


def _sub_kernels(order: Order) -> Iterator[list[tuple[int, int]]]:
    tall, wide = (SUB_KERNEL // d for d in order.dilation)
    filled = order.part_kernel_first or order.depthwise
    for top in range(0, order.height, tall):
        for left in range(0, order.width, wide):
            rows = range(top, min(top + tall, order.height))
            columns = range(left, min(left + wide, order.width))
            steps = [(y, x) for y in rows for x in columns]
            yield steps + [(-1, -1)] * (_up(len(steps), 4) - len(steps) if filled else 0)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def scale_records(blob: npt.NDArray[np.uint8], outputs: int) -> tuple[Int64, Int64, Int64]:
    """Bias of 40 bits, scale of 32 and shift of 6 for each of ``outputs`` channels."""
    if len(blob) < SCALE_BYTES * outputs:
        raise ParityError(f"has {len(blob)} bytes of scales for {outputs} channels")
    records = blob[: SCALE_BYTES * outputs].reshape(outputs, SCALE_BYTES).astype(np.int64)
    bias = (records[:, :5] << (8 * np.arange(5))).sum(axis=1)
    bias = np.where(bias >> 39, bias - (1 << 40), bias)
    return bias, (records[:, 5:9] << (8 * np.arange(4))).sum(axis=1), records[:, 9] & 63
