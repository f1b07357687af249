"""The convolution for cores with the DSP extension: its tables, as its assembly reads them."""

from __future__ import annotations

import numpy as np

from tinyml_nas.devices.unroll import STEP_BYTES
from tinyml_nas.export.c.records import Code, KernelCall, Table, clamp_fields, folded_bias
from tinyml_nas.graph import Buffer
from tinyml_nas.graph.cost import dsp_words
from tinyml_nas.quantize.integer import IntConv, IntLayer, IntNetwork

SHIFTS = range(33, 56)
"""Shifts with which rounding and zero point are one int32 beside the high word."""


def conv_dsp(
    net: IntNetwork,
    layer: IntLayer,
    op: IntConv,
    source: Buffer,
    target: Buffer,
    stem: str,
    unroll: int,
) -> Code | None:
    """The layer for SMLAD in a loop of ``unroll`` words, if its requantization is common."""
    out, kernel, channels = op.weight.shape
    requantize = op.requantize
    usual = all(int(shift) in SHIFTS for shift in requantize.shift)
    if op.groups > 1 or out < 2 or not usual:
        return None
    words = dsp_words(kernel * channels)
    weight = np.zeros((out, 4 * words), np.int8)
    weight[:, : kernel * channels] = op.weight.reshape(out, -1)
    rows = weight.view("<u4")
    first = np.array([*range(0, out - 1, 2), *([out - 2] if out % 2 else [])])
    step_of_y = np.diff([*first, out])  # the last pair of an odd number shares a channel
    bias = folded_bias(op, net.scales[layer.inputs[0]].zero_point).astype("<i4").view("<u4")
    multiplier = requantize.multiplier.astype("<i4").view("<u4")
    shift = requantize.shift.astype(np.uint32) - SHIFTS.start
    packed = shift[first] | shift[first + 1] << 8 | step_of_y.astype(np.uint32) << 16
    pairs = [bias[first], bias[first + 1], multiplier[first], multiplier[first + 1], packed]
    tables = (
        Table(
            f"{stem}_words",
            "uint32_t",
            np.stack([rows[first], rows[first + 1]], axis=2).reshape(-1),
            f"[{len(first)} pairs of channels][{words} words][2 channels]",
        ),
        Table(
            f"{stem}_pairs",
            "uint32_t",
            np.stack(pairs, axis=1).reshape(-1),
            f"[{len(first)}]: two biases, two multipliers, shifts and step of y",
        ),
    )
    fields = (
        ("weight", tables[0].name),
        ("pairs", tables[1].name),
        ("skip", f"{-words % unroll} * {STEP_BYTES['dsp']}"),
        ("weight_bytes", str(8 * words)),
        ("offset", str(2 * net.scales[layer.name].zero_point + 1)),
        ("step", f"{op.stride} * {source.row_bytes}"),
        ("count", str(len(first))),
        ("channels", str(out)),
        ("rows", str(target.rows)),
    )
    start = source.data_offset - op.pad[0] * source.row_bytes
    calls = [KernelCall("conv_dsp", fields, (start,), target.data_offset)]
    if (requantize.lower, requantize.upper) != (-128, 127):  # the assembly only saturates
        limits = clamp_fields(net, layer.name, requantize.lower, requantize.upper)[1:]
        count = ("count", f"{target.rows} * {target.row_bytes}")
        calls.append(KernelCall("clamp", (count, *limits), (), target.data_offset))
    return Code(tuple(calls), tables)
