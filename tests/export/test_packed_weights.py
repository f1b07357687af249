"""Packed weights in C: nothing is lost in a word, and rule R1 is unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_nas.export.c.packed import as_bytes, pack_words
from tinyml_nas.graph.integer import MAX_SHIFT, IntConv, Requantize
from tinyml_nas.quantize.scheme import WEIGHT_MAX, raised, requantize

pytestmark = pytest.mark.fast


def unpacked(words: np.ndarray, bits: int) -> np.ndarray:
    """What the C makes of ``words``: of each word, shifted up step by step, the upper bits."""
    mask = np.uint32(0xF0F0F0F0 if bits == 4 else 0xC0C0C0C0)
    steps = [(words << np.uint32(shift)) & mask for shift in range(0, 8, bits)]
    return np.stack(steps, axis=1).reshape(-1).view(np.int8)


@given(bits=st.sampled_from([4, 2]), count=st.integers(1, 100), seed=st.integers(0, 1 << 32))
def test_every_weight_comes_out_of_its_word(bits: int, count: int, seed: int) -> None:
    highest = WEIGHT_MAX[bits]
    weights = np.random.default_rng(seed).integers(-highest, highest + 1, count).astype(np.int8)
    words = pack_words(weights, bits)
    assert len(words) == -(-count * bits // 32)
    found = unpacked(words, bits)
    np.testing.assert_array_equal(found[:count], weights << raised(bits))
    assert not found[count:].any()


@given(
    bits=st.sampled_from([4, 2]),
    acc=st.integers(1 - (1 << 25), (1 << 25) - 1),  # beyond it lowering refuses the layer
    multiplier=st.integers(1 << 30, (1 << 31) - 1),
    shift=st.integers(1, MAX_SHIFT),
)
def test_raising_weights_bias_and_shift_changes_no_output(
    bits: int, acc: int, multiplier: int, shift: int
) -> None:
    if shift == MAX_SHIFT:  # the pair of a ratio that is too small for any other
        multiplier = 1 << 30
    r1 = Requantize(np.array([multiplier], np.int32), np.array([shift], np.int8), -128, 127)
    bias = np.array([acc], np.int32)
    op = IntConv(np.ones((1, 1, 1), np.int8), bias, 1, (0, 0), r1, abs(acc), weight_bits=bits)
    lifted = as_bytes(op)
    assert lifted.weight.item() == 1 << raised(bits)

    def output(conv: IntConv) -> int:
        product = conv.bias.astype(np.int64) * conv.requantize.multiplier.astype(np.int64)
        return int(requantize(product, conv.requantize.shift, 3, -128, 127)[0])

    assert output(lifted) == output(op)
