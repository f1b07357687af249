"""Calibration: the range of every activation, from training windows, and the scales that follow.

Max pooling, concatenation and upsampling move int8 values without touching them, so their inputs
and output share one scale: such tensors form a group that is calibrated together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import TensorScale
from tinyml_nas.quantize.scheme import QMAX, QMIN, tensor_scale
from tinyml_nas.train.builder import NetworkModule

Range = tuple[float, float]
Values = npt.NDArray[np.float32]


def min_max(values: Values) -> Range:
    """The whole range."""
    return float(values.min()), float(values.max())


def percentile(values: Values, tail: float = 0.01) -> Range:
    """The range without the outermost ``tail`` per cent on each side."""
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def mse(values: Values, steps: int = 40) -> Range:
    """The shrunken range with the least squared quantization error."""
    low, high = min_max(values)

    def error(share: float) -> float:
        scale = tensor_scale(low * share, high * share)
        q = np.clip(np.rint(values / scale.scale) + scale.zero_point, QMIN, QMAX)
        return float(np.mean((values - (q - scale.zero_point) * scale.scale) ** 2))

    best = min((1 - step / (2 * steps) for step in range(steps)), key=error)
    return low * best, high * best


OBSERVERS: Mapping[str, Callable[[Values], Range]] = {
    "min_max": min_max,
    "percentile": percentile,
    "mse": mse,
}
"""Calibration methods by their name in ``training.calibration``."""


def calibrate(
    folded: NetworkModule, x: Tensor, method: str, at_ends: Tensor | None = None
) -> dict[str, TensorScale]:
    """Scale of every tensor for normalized calibration windows ``x`` (N, C, L).

    Input and output may have to represent more than that: what ``at_ends`` holds.
    """
    inner = _values(folded, x)
    outer = inner if at_ends is None else _values(folded, at_ends)
    ends = {INPUT, folded.network.output}
    observe = OBSERVERS[method]
    scales: dict[str, TensorScale] = {}
    for group in folded.network.scale_groups:
        tensors = inner if ends.isdisjoint(group) else outer
        lows, highs = zip(*(observe(tensors[name]) for name in group), strict=True)
        scales |= dict.fromkeys(group, tensor_scale(min(lows), max(highs)))
    return scales


def _values(folded: NetworkModule, x: Tensor) -> dict[str, Values]:
    with torch.no_grad():
        return {name: t.numpy().ravel() for name, t in folded.tensors(x).items()}
