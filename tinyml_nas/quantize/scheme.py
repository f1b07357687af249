"""The numeric contract: how real numbers become integers, in one place.

* activation: real = scale * (q - zero_point), int8, one scale per tensor, scale in float32;
* weight: int8 in [-127, 127], symmetric, one float32 scale per output channel; of 4 bits in
  [-7, 7], of 2 bits in {-1, 0, 1};
* bias: int32, scale = s_in * s_w;
* accumulator to output, rule R1: ``clamp(z + ((acc * m + 2^(S-1)) >> S), lower, upper)``.

R1 has one rounding, half up.  It is TOSA's ``RESCALE`` of 32 bits with one rounding, term for
term.  It is also CMSIS-NN built with one rounding, ``VQDMULH`` + ``VRSHL`` on Helium, and ``SMMUL``
+ add + shift on Cortex-M4.  LiteRT differs: its reference kernels round twice, and XNNPACK's means
half to even.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_nas.graph.integer import MAX_SHIFT, Float32, Int8, Int32, TensorScale

QMIN, QMAX = -128, 127
WEIGHT_MAX = {8: 127, 4: 7, 2: 1}
"""Largest magnitude of a weight by its bits."""
CLIP_STEPS = 20
"""Ranges that are tried for a channel of 4-bit weights, from the whole down to half of it."""
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


def weight_scales(
    weight: npt.NDArray[Any], bias: npt.NDArray[Any], input_scale: float, bits: int = 8
) -> Float32:
    """Scale of each output channel of ``weight`` (out, in, kernel).

    8 bits cover the weights; fewer have the least squared error.  All keep the quantized bias below
    ``BIAS_LIMIT``: a channel of near-zero weights with a large bias would overflow otherwise.
    """
    magnitude = np.abs(weight, dtype=np.float32).reshape(len(weight), -1)
    best = _BEST_SCALES[bits](magnitude)
    cover_bias = np.abs(bias) / (input_scale * BIAS_LIMIT)
    scales = np.maximum(best, cover_bias)
    return np.where(scales > 0, scales, 1.0).astype(np.float32)


def _covering(magnitude: Float32) -> Float32:
    """No weight is clipped."""
    scales: Float32 = magnitude.max(axis=1) / WEIGHT_MAX[8]
    return scales


def _clipped(magnitude: Float32) -> Float32:
    """Scales (out,) of 4-bit weights (out, n) with the least squared error of those tried.

    Clipping the few largest weights sharpens all others (Sakr et al., "Optimal Clipping and
    Magnitude-aware Differentiation for Improved Quantization-aware Training", 2022); with so few
    weights in a channel the error itself is compared, not its model.
    """
    highest = WEIGHT_MAX[4]
    shares = np.linspace(1.0, 0.5, CLIP_STEPS, dtype=np.float32)
    scales = magnitude.max(axis=1)[:, None] * shares / highest  # (out, steps)
    scales = np.where(scales > 0, scales, 1.0)[:, :, None]
    quantized = np.minimum(np.rint(magnitude[:, None] / scales), highest) * scales
    error = ((magnitude[:, None] - quantized) ** 2).sum(axis=2)
    best: Float32 = scales[np.arange(len(scales)), error.argmin(axis=1), 0]
    return best


def _ternary(magnitude: Float32) -> Float32:
    """Scales (out,) of ternary weights (out, n) with the least squared error of all.

    Of the n largest magnitudes kept, the scale is the mean, and the error is least where
    ``sum^2 / n`` is largest (Li et al., "Ternary Weight Networks", 2016, eq. 5, solved exactly
    here instead of by their threshold).  Half the scale is then the threshold, so rounding is to
    the nearest.
    """
    descending = -np.sort(-magnitude, axis=1)
    sums = descending.cumsum(axis=1, dtype=np.float64)
    kept = np.arange(1, magnitude.shape[1] + 1)
    best = (sums**2 / kept).argmax(axis=1)
    scales: Float32 = (sums[np.arange(len(sums)), best] / kept[best]).astype(np.float32)
    return scales


_BEST_SCALES = {8: _covering, 4: _clipped, 2: _ternary}


def quantize_weight(weight: npt.NDArray[Any], scales: Float32, bits: int = 8) -> Int8:
    """``weight`` (out, in, kernel) in the range of ``bits``, rounded half to even."""
    ratio = weight.astype(np.float32) / scales.reshape(-1, *[1] * (weight.ndim - 1))
    highest = WEIGHT_MAX[bits]
    quantized: Int8 = np.clip(np.rint(ratio), -highest, highest).astype(np.int8)
    return quantized


def raised(weight_bits: int) -> int:
    """Bits by which packed weights are shifted up when they are unpacked into bytes.

    Unpacking then needs no sign extension.  Bias and shift are raised with them, so that rule R1
    gives the same: both sides of its rounding are multiples of the same power of two.
    """
    return 8 - weight_bits


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


def add_multipliers(ratios: Sequence[float], largest: int | None = None) -> tuple[Int32, Int8]:
    """One multiplier per input of an addition and the one shift that they share.

    The largest is a full Q31 mantissa; the others are rounded to the same shift.  With ``largest``
    all are small whole multiples of one number, up to ``largest``, so that an accelerator can add
    with weights of 8 bits.  Their ratio is off by less than ``1 / largest^2`` typically: 127 costs
    0.02 steps of the output.
    """
    values = np.asarray(ratios, np.float64)
    if largest is not None:
        terms = _small_terms(values, largest)
        unit, shift = multiplier_and_shift(values.max() / terms.max())
        spare = int(terms.max() - 1).bit_length()
        return (terms * (unit >> spare)).astype(np.int32), np.maximum(shift - spare, 1).astype(
            np.int8
        )
    _, shift = multiplier_and_shift(max(ratios))
    scaled = np.rint(np.ldexp(values, int(shift[0])))
    return np.minimum(scaled, (1 << 31) - 1).astype(np.int32), shift


def _small_terms(values: npt.NDArray[np.float64], largest: int) -> Int64:
    """Whole numbers up to ``largest`` whose ratios are nearest to those of ``values``."""
    tops = np.arange(1, largest + 1)[:, None]
    terms = np.rint(tops * (values / values.max()))
    errors = np.abs(terms / tops - values / values.max()).max(axis=1)
    best: Int64 = terms[errors.argmin()].astype(np.int64)
    return best


def requantize(
    product: Int64, shift: npt.ArrayLike, zero_point: int, lower: int, upper: int
) -> Int8:
    """Rule R1 on ``product`` = acc * multiplier (int64), ``shift`` broadcast against it."""
    s = np.asarray(shift, np.int64)
    rounded = (product + (np.int64(1) << (s - 1))) >> s
    output: Int8 = np.clip(rounded + zero_point, lower, upper).astype(np.int8)
    return output
