"""The convolutions for cores with the DSP extension: their tables, as their assembly reads them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_nas.cost.dilation import dilates, tap_bytes
from tinyml_nas.cost.kernels import DSP_QUAD, dsp_words
from tinyml_nas.cost.packing import PACKED_CHANNELS, WORD_BYTES
from tinyml_nas.cost.unroll import STEP_BYTES
from tinyml_nas.export.c.gathered import gather
from tinyml_nas.export.c.packed import pack
from tinyml_nas.export.c.records import Code, KernelCall, Placed, Table, folded_bias
from tinyml_nas.graph.integer import IntConv

ODD_STEP_BYTES = 52
"""Code of the step that an odd depthwise kernel starts with."""
LONG_TAP_BYTES = 34
"""Code in front of the first word, for taps of several passes."""
PAIRS = PACKED_CHANNELS // 2
"""Pairs of channels whose packed weights are unpacked at a time."""
SHIFTS = range(33, 56)
"""Shifts with which rounding and zero point are one int32 beside the high word."""

Fields = tuple[tuple[str, str], ...]
UInt32 = npt.NDArray[np.uint32]


def conv_dsp(placed: Placed, op: IntConv, unroll: int) -> Code | None:
    """The layer for SMLAD in a loop of ``unroll`` words, if its requantization is common."""
    out = len(op.weight)
    group = 2 if op.groups == 1 else DSP_QUAD
    usual = all(int(shift) in SHIFTS for shift in op.requantize.shift)
    if out < group or not usual:
        return None
    network, pitch = placed.net.network, ("channels", str(out))
    more: Fields = ()
    first = np.array([*range(0, out - group, group), out - group])
    if op.groups == 1:
        taps = op.weight.shape[1] if placed.gap else 1
        kernel, records, words = "conv_dsp", "pairs", _paired_words(op, first, taps)
        tap_words = words.shape[1] // taps
        skip = f"{-tap_words % unroll} * {STEP_BYTES['dsp']}"
        if tap_bytes(network):
            more = _taps(placed, tap_words, skip if tap_words <= unroll else str(-LONG_TAP_BYTES))
    else:
        kernel, records, words = "depthwise_dsp", "quads", _interleaved_words(op, first)
        skip = str(0 if op.weight.shape[1] % 2 else ODD_STEP_BYTES)
        if dilates(network):
            pitch = ("pitch", f"{placed.gap + 1} * {out}")
    tables = (
        Table(
            f"{placed.stem}_words",
            "uint32_t",
            words.reshape(-1),
            f"{records} of channels: {' x '.join(map(str, words.shape))}",
        ),
        Table(
            f"{placed.stem}_{records}",
            "uint32_t",
            _records(placed, op, first, group).reshape(-1),
            f"[{len(first)}]: {group} biases, {group} multipliers, shifts and step",
        ),
    )
    fields = (
        ("weight", tables[0].name),
        (records, tables[1].name),
        ("skip", skip),
        ("weight_bytes", str(words[0].nbytes)),
        ("offset", str(2 * placed.zero_point + 1)),
        ("step", f"{op.stride} * {placed.source.row_bytes}"),
        ("count", str(len(first))),
        pitch,
        ("rows", str(placed.target.rows)),
        *more,
    )
    start = placed.first_window(op.pad[0])
    call = KernelCall(kernel, fields, (start,), placed.target.data_offset)
    if placed.gathers:
        call = gather(call, op, placed)
    elif placed.scratch is not None:
        call, packed = pack(call, tables[0], words[0].nbytes, PAIRS, op, placed.scratch)
        tables = (packed, tables[1])
    return Code((call, *_clamp(placed, op)), tables, _is_aligned(placed, op))


def _taps(placed: Placed, words: int, again: str) -> Fields:
    """How a window lies in the arena, where any layer's taps of ``words`` words lie apart."""
    apart = (placed.gap + 1) * placed.source.row_bytes - WORD_BYTES * words
    return (
        ("apart", str(apart if placed.gap else 0)),
        ("tap_bytes", str(2 * WORD_BYTES * words)),
        ("again", again if placed.gap else "0"),
    )


def _is_aligned(placed: Placed, op: IntConv) -> bool:
    """Whether every window, and of a depthwise layer every row of it, starts at a multiple of 4."""
    if placed.gathers:
        return True
    row_bytes = placed.source.row_bytes
    steps = [op.stride * row_bytes] if placed.target.rows > 1 else []
    if op.groups > 1 or placed.gap:
        steps += [(placed.gap + 1) * row_bytes]
    return not any(n % WORD_BYTES for n in (placed.first_window(op.pad[0]), *steps))


def _clamp(placed: Placed, op: IntConv) -> tuple[KernelCall, ...]:
    """What limits an output to less than int8: the assembly only saturates."""
    if (op.requantize.lower, op.requantize.upper) == (-128, 127):
        return ()
    target = placed.target
    _, *limits = placed.limits(op.requantize)  # the zero point is in already
    count = ("count", f"{target.rows} * {target.row_bytes}")
    return (KernelCall("clamp", (count, *limits), (), target.data_offset),)


def _paired_words(op: IntConv, first: npt.NDArray[np.int_], taps: int) -> UInt32:
    """Weights as [pairs][words of four along the window, or along each tap][2 channels]."""
    out, size = len(op.weight), op.weight[0].size // taps
    weight = np.zeros((out, taps, WORD_BYTES * dsp_words(size)), np.int8)
    weight[:, :, :size] = op.weight.reshape(out, taps, size)
    rows = weight.view("<u4").reshape(out, -1)
    words: UInt32 = np.stack([rows[first], rows[first + 1]], axis=2)
    return words


def _interleaved_words(op: IntConv, first: npt.NDArray[np.int_]) -> UInt32:
    """Weights as [quads][kernel]: of every two steps the words of two channels each.

    An odd kernel's first step stands before them, one word of four channels.
    """
    channel = first[:, None] + np.arange(DSP_QUAD)
    steps = op.weight[:, :, 0].T[:, channel].transpose(1, 0, 2)  # [quads][kernel][4]
    odd = steps.shape[1] % 2
    halves = steps[:, odd:].reshape(len(first), -1, 2, 2, 2)  # [quads][pairs][step][half][2]
    pairs = halves.transpose(0, 1, 3, 2, 4).reshape(len(first), -1)
    weight = np.concatenate([steps[:, :odd].reshape(len(first), -1), pairs], axis=1)
    words: UInt32 = np.ascontiguousarray(weight).view("<u4")
    return words


def _records(placed: Placed, op: IntConv, first: npt.NDArray[np.int_], group: int) -> UInt32:
    """For each group its biases, its multipliers, and a shift in each byte.

    The step to the next group, of which the last may share channels with this one, is a word of
    its own after four shifts, and lies above two.
    """
    channel = first[:, None] + np.arange(group)
    step = np.diff([*first, len(op.weight)]).astype(np.uint32)[:, None]
    bias = folded_bias(op, *placed.zero_points).astype("<i4").view("<u4")
    multiplier = op.requantize.multiplier.astype("<i4").view("<u4")
    shift = op.requantize.shift.astype(np.uint32)[channel] - SHIFTS.start
    packed = (shift << 8 * np.arange(group, dtype=np.uint32)).sum(axis=1, keepdims=True)
    last = [packed | step << 16] if group == 2 else [packed, step]
    records: UInt32 = np.concatenate(
        [bias[channel], multiplier[channel], *last], axis=1, dtype=np.uint32, casting="unsafe"
    )
    return records
