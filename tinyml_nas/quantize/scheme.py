"""The numeric contract: how real numbers become integers, in one place.

* activation: real = scale * (q - zero_point), int8, one scale per tensor, scale in float32;
* weight: int8 in [-127, 127], symmetric, one float32 scale per output channel;
* bias: int32, scale = s_in * s_w;
* accumulator to output, rule R1: ``clamp(z + ((acc * m + 2^(S-1)) >> S), lower, upper)``.

R1 has one rounding, half up.  It equals LiteRT's default kernels, CMSIS-NN built with one rounding,
``VQDMULH`` + ``VRSHL`` on Helium and ``SMMUL`` + add + shift on Cortex-M4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_nas.quantize.integer import MAX_SHIFT, Float32, Int8, Int32, TensorScale

QMIN, QMAX = -128, 127
WEIGHT_MAX = 127
BIAS_LIMIT = 1 << 22
"""A bias stays this small, so that it leaves room below 2^24 for the products."""
MIN_RANGE = 1e-5
"""A tensor that calibration never saw off zero gets this range: narrower, and the ratio of an
addition or a layer that writes it would leave Q31."""
MAX_RATIO = 2.0**30 - 0.25
"""From here on the mantissa rounds up to the next power of two, and the shift down to 0."""

Int64 = npt.NDArray[np.int64]


def tensor_scale(low: float, high: float) -> TensorScale:
    """Scale and zero point that cover [low, high] and represent 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max(high - low, MIN_RANGE) / (QMAX - QMIN))
    zero_point = int(np.clip(np.rint(QMIN - low / float(scale)), QMIN, QMAX))
    return TensorScale(scale, zero_point)


def dequantize(scale: TensorScale, q: Int8) -> Float32:
    """The real numbers that ``q`` stands for."""
    real: Float32 = (q.astype(np.float32) - np.float32(scale.zero_point)) * scale.scale
    return real


def weight_scales(weight: npt.NDArray[Any], bias: npt.NDArray[Any], input_scale: float) -> Float32:
    """Scale of each output channel of ``weight`` (out, in, kernel).

    It covers the weights and keeps the quantized bias below ``BIAS_LIMIT``: a channel of near-zero
    weights with a large bias would overflow otherwise.
    """
    cover_weight = np.abs(weight).reshape(len(weight), -1).max(axis=1) / WEIGHT_MAX
    cover_bias = np.abs(bias) / (input_scale * BIAS_LIMIT)
    scales = np.maximum(cover_weight, cover_bias)
    return np.where(scales > 0, scales, 1.0).astype(np.float32)


def quantize_weight(weight: npt.NDArray[Any], scales: Float32) -> Int8:
    """``weight`` (out, in, kernel) in int8, rounded half to even."""
    ratio = weight.astype(np.float32) / scales.reshape(-1, *[1] * (weight.ndim - 1))
    quantized: Int8 = np.clip(np.rint(ratio), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)
    return quantized


def quantize_bias(bias: npt.NDArray[Any], input_scale: np.float32, scales: Float32) -> Int32:
    """``bias`` (out,) in int32 at the scale of the accumulator."""
    real = bias.astype(np.float64) / (np.float64(input_scale) * scales.astype(np.float64))
    return np.rint(real).astype(np.int32)


def multiplier_and_shift(real: npt.ArrayLike) -> tuple[Int32, Int8]:
    """Q31 multiplier m in [2^30, 2^31) and shift S in [1, 62] with m * 2^-S nearest to ``real``.

    A ratio below 2^-32 rounds every accumulator to zero; it takes the smallest pair.  Raises
    ``ValueError`` for a ratio of ``MAX_RATIO`` or more, or one that is not positive.
    """
    ratio = np.atleast_1d(np.asarray(real, np.float64))
    if not np.all((ratio > 0) & (ratio < MAX_RATIO)):
        raise ValueError(f"requantization ratio {ratio.max():g} is outside (0, 2^30)")
    mantissa, exponent = np.frexp(ratio)
    m = np.floor(mantissa * 2.0**31 + 0.5).astype(np.int64)
    exponent = np.where(m == 1 << 31, exponent + 1, exponent)
    m = np.where(m == 1 << 31, 1 << 30, m)
    shift = 31 - exponent
    m = np.where(shift > MAX_SHIFT, 1 << 30, m)
    return m.astype(np.int32), np.minimum(shift, MAX_SHIFT).astype(np.int8)


def add_multipliers(ratios: Sequence[float]) -> tuple[Int32, Int8]:
    """One multiplier per input of an addition and the one shift that they share.

    The largest is a full Q31 mantissa; the others are rounded to the same shift.
    """
    _, shift = multiplier_and_shift(max(ratios))
    scaled = np.rint(np.ldexp(np.asarray(ratios, np.float64), int(shift[0])))
    return np.minimum(scaled, (1 << 31) - 1).astype(np.int32), shift


def requantize(
    product: Int64, shift: npt.ArrayLike, zero_point: int, lower: int, upper: int
) -> Int8:
    """Rule R1 on ``product`` = acc * multiplier (int64), ``shift`` broadcast against it."""
    s = np.asarray(shift, np.int64)
    rounded = (product + (np.int64(1) << (s - 1))) >> s
    output: Int8 = np.clip(rounded + zero_point, lower, upper).astype(np.int8)
    return output
