"""Packed weights in C: their tables, and the kernels that unpack them."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from tinyml_nas.cost.arena import Buffer
from tinyml_nas.cost.packing import WORD_BITS, WORD_BYTES
from tinyml_nas.export.c.records import KernelCall, Table
from tinyml_nas.graph.integer import MAX_SHIFT, Int8, IntConv
from tinyml_nas.quantize.scheme import raised

UInt32 = npt.NDArray[np.uint32]


def as_bytes(op: IntConv) -> IntConv:
    """``op`` as kernels run it: packed weights stand in the upper bits of their bytes.

    Bias and shift are raised by as many bits, which changes no result.  Lowering proves that the
    accumulator still fits; where the shift would not, every result is zero anyway.
    """
    bits = raised(op.weight_bits)
    if not bits:
        return op
    r1 = op.requantize
    shift = r1.shift.astype(np.int64) + bits
    return dataclasses.replace(
        op,
        weight=op.weight << bits,
        bias=op.bias << bits,
        requantize=dataclasses.replace(
            r1,
            multiplier=np.where(shift > MAX_SHIFT, 1 << 30, r1.multiplier).astype(np.int32),
            shift=np.minimum(shift, MAX_SHIFT).astype(np.int8),
        ),
    )


def pack(
    call: KernelCall, weights: Table, unit: int, units: int, op: IntConv, scratch: Buffer
) -> tuple[KernelCall, Table]:
    """The call that unpacks ``weights`` first, and their packed table.

    The kernel of ``call`` works on ``units`` of ``unit`` bytes at a time, which ``scratch`` holds.
    """
    values = weights.values.view(np.int8) >> raised(op.weight_bits)
    starts = range(0, len(values), unit * units)
    words = [pack_words(values[at : at + unit * units], op.weight_bits) for at in starts]
    table = Table(
        weights.name,
        "uint32_t",
        np.concatenate(words),
        f"{op.weight_bits} bits of {weights.comment}",
    )
    fields = tuple((f"layer.{name}", text) for name, text in call.fields if name != "weight")
    packed = (("packed", weights.name), ("bits", str(op.weight_bits)))
    sources = (*call.sources, scratch.data_offset)
    return KernelCall(f"packed_{call.kernel}", (*packed, *fields), sources, call.target), table


def pack_words(values: Int8, bits: int) -> UInt32:
    """``values`` (n,) that fit ``bits`` in words of 32.

    The upper ``bits`` of the four bytes of a word are the first four values, and so on downwards;
    what is missing of the last word is zero.
    """
    shifts = range(8 - bits, -1, -bits)
    count = -(-len(values) * bits // WORD_BITS) * len(shifts) * WORD_BYTES
    padded = np.zeros(count, np.uint8)
    padded[: len(values)] = values.view(np.uint8) & ((1 << bits) - 1)
    fours = padded.reshape(-1, len(shifts), WORD_BYTES)
    packed = np.zeros((len(fours), WORD_BYTES), np.uint8)
    for step, shift in enumerate(shifts):
        packed |= fours[:, step] << shift
    words: UInt32 = packed.view("<u4").reshape(-1)
    return words
