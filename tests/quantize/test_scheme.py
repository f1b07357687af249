"""The numeric contract, checked against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_nas.quantize.scheme import (
    BIAS_LIMIT,
    MAX_RATIO,
    add_multipliers,
    multiplier_and_shift,
    quantize_bias,
    quantize_weight,
    requantize,
    tensor_scale,
    weight_scales,
)

pytestmark = pytest.mark.fast

RATIOS = st.floats(min_value=2.0**-31, max_value=2.0**29, allow_nan=False)


@given(RATIOS)
def test_multiplier_is_a_full_mantissa_and_nearest(ratio: float) -> None:
    multiplier, shift = multiplier_and_shift(ratio)
    m, s = int(multiplier[0]), int(shift[0])
    assert 1 << 30 <= m < 1 << 31
    assert 1 <= s <= 62
    error = abs(Fraction(m, 1 << s) - Fraction(ratio))
    assert error <= Fraction(1, 2) / (1 << s)


def test_a_vanishing_ratio_takes_the_smallest_pair() -> None:
    multiplier, shift = multiplier_and_shift(1e-30)
    assert (int(multiplier[0]), int(shift[0])) == (1 << 30, 62)


def test_the_largest_ratio_keeps_a_shift_of_one() -> None:
    multiplier, shift = multiplier_and_shift(np.nextafter(MAX_RATIO, 0))
    assert (int(multiplier[0]), int(shift[0])) == ((1 << 31) - 1, 1)


@pytest.mark.parametrize(
    "ratio", [0.0, -1.0, MAX_RATIO, np.nextafter(2.0**30, 0), 2.0**30, float("nan"), float("inf")]
)
def test_an_impossible_ratio_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        multiplier_and_shift(ratio)


@given(
    st.integers(-(2**31) + 1, 2**31 - 1),
    st.integers(1 << 30, (1 << 31) - 1),
    st.integers(1, 62),
    st.integers(-128, 127),
)
def test_rule_r1_rounds_once_half_up(acc: int, m: int, s: int, zero: int) -> None:
    exact = floor(Fraction(acc * m, 1 << s) + Fraction(1, 2)) + zero
    got = requantize(np.array([acc], np.int64) * m, s, zero, -128, 127)
    assert int(got[0]) == min(max(exact, -128), 127)


def test_rule_r1_on_halves() -> None:
    halves = np.array([-5, -3, -1, 1, 3, 5])
    assert requantize(halves, 1, 0, -128, 127).tolist() == [-2, -1, 0, 1, 2, 3]


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_an_activation_scale_covers_the_range_and_zero(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    scale = tensor_scale(low, high)
    assert -128 <= scale.zero_point <= 127
    reach = [(q - scale.zero_point) * float(scale.scale) for q in (-128, 127)]
    slack = float(scale.scale)
    assert reach[0] <= min(low, 0.0) + slack
    assert reach[1] >= max(high, 0.0) - slack


def test_weights_never_use_minus_128() -> None:
    weight = np.array([[[-1.0, 1.0]], [[-0.3, 0.1]]], np.float32)
    scales = weight_scales(weight, np.zeros(2, np.float32), 0.1)
    q = quantize_weight(weight, scales)
    assert q.min() == -127
    assert np.abs(q * scales.reshape(-1, 1, 1) - weight).max() <= scales.max() / 2


def test_a_large_bias_beside_tiny_weights_does_not_overflow() -> None:
    weight = np.full((2, 1, 3), 1e-12, np.float32)
    bias = np.array([5.0, 0.0], np.float32)
    scales = weight_scales(weight, bias, 0.01)
    q = quantize_bias(bias, np.float32(0.01), scales)
    assert abs(int(q[0])) <= BIAS_LIMIT + 1
    assert float(q[0]) * 0.01 * float(scales[0]) == pytest.approx(5.0, rel=1e-5)


def test_a_bias_is_rounded_to_the_nearest_and_a_half_to_even() -> None:
    bias = np.array([-2.5, -1.75, -1.5, -1.25, -0.5, 0.5, 1.25, 1.5, 1.75, 2.5]) / 8
    q = quantize_bias(bias, np.float32(0.25), np.full(10, 0.5, np.float32))  # one step is 1/8
    assert q.tolist() == [-2, -2, -2, -1, 0, 0, 1, 2, 2, 2]


def test_a_channel_of_zeros_has_a_scale() -> None:
    scales = weight_scales(np.zeros((1, 2, 3), np.float32), np.zeros(1, np.float32), 0.1)
    assert scales[0] == 1.0


@given(RATIOS, st.floats(1e-3, 1.0))
def test_the_multipliers_of_an_addition_share_a_shift(largest: float, share: float) -> None:
    multipliers, shift = add_multipliers([largest, largest * share])
    for m, ratio in zip(multipliers, (largest, largest * share), strict=True):
        assert abs(Fraction(int(m), 1 << int(shift[0])) - Fraction(ratio)) <= Fraction(
            1, 1 << int(shift[0])
        )
