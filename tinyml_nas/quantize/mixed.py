"""Weight bits by layer: what each layer loses by fewer bits, and a mix that loses little enough.

Sensitivity is measured, not estimated from curvature: by how much the validation loss grows when
one layer alone has fewer bits.  The layers are then narrowed in the order of bytes saved per loss,
and the longest stretch of that path is taken whose network, quantized as it would ship, holds the
tolerance on the validation split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.packing import WEIGHT_BITS, weight_bits, weight_bytes
from tinyml_nas.graph import Network
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.results.trained import LayerBits
from tinyml_nas.train.builder import NetworkModule

Bits = Mapping[str, int]
Sensitivity = Mapping[str, Mapping[int, float]]
"""By layer and bits, the growth of the validation loss."""
T = TypeVar("T")
LEAST_LOSS = 1e-6
"""Smaller growths of the loss are all the same: then bytes alone decide."""


@dataclass(frozen=True)
class Tolerance:
    """How far below the float model's score (1 is perfect) that of the quantized one may fall.

    ``share`` is one of the score itself, or of the error ``1 - score`` by which it may grow.
    """

    share: float
    of_error: bool

    @classmethod
    def of(cls, training: Training, task: str) -> Tolerance:
        """What ``training`` says for ``task``."""
        share: float = getattr(training, f"autoquant_tolerance_{task}")
        return cls(share, of_error=task in ("forecasting", "anomaly"))

    def floor(self, score: float) -> float:
        """The lowest score that holds, for the ``score`` of the float model."""
        return score - self.share * (1 - score if self.of_error else abs(score))


def sensitivity(
    module: QuantizedModule, layers: Sequence[str], loss: Callable[[QuantizedModule], float]
) -> Sensitivity:
    """What ``loss`` says of ``module`` with one layer narrowed, less what it says of all at 8."""
    whole = dict.fromkeys(layers, 8)

    def measured(bits: Bits) -> float:
        return loss(QuantizedModule(module.folded, module.scales, bits, module.add_terms))

    base = measured(whole)
    return {
        layer: {bits: measured({**whole, layer: bits}) - base for bits in WEIGHT_BITS[1:]}
        for layer in layers
    }


def narrowing_path(network: Network, measured: Sensitivity) -> list[dict[str, int]]:
    """Bits of the ``measured`` layers, from 8 everywhere to 2 everywhere, one layer at a time.

    Each step saves the most bytes of flash for the loss that it adds.
    """
    path = [dict.fromkeys(measured, 8)]
    while steps := [
        {**path[-1], layer: narrower}
        for layer, bits in path[-1].items()
        for narrower in WEIGHT_BITS
        if narrower < bits
    ]:
        path.append(max(steps, key=lambda step: _bytes_per_loss(network, path[-1], step, measured)))
    return path


def _bytes_per_loss(network: Network, before: Bits, after: Bits, measured: Sensitivity) -> float:
    (layer,) = (name for name in after if after[name] != before[name])
    saved = weight_bytes(network.with_weight_bits(before)) - weight_bytes(
        network.with_weight_bits(after)
    )
    lost = measured[layer][after[layer]] - measured[layer].get(before[layer], 0.0)
    return saved / max(lost, LEAST_LOSS)


def longest(
    path: Sequence[Bits], attempt: Callable[[Bits], T], holds: Callable[[T], bool]
) -> tuple[T, bool]:
    """The attempt at the last of ``path`` that holds, found by bisection from its end.

    Where none holds it is the attempt at the first, and False.
    """
    held: list[T] = []
    low, high, probe = -1, len(path), len(path) - 1
    while True:
        tried = attempt(path[probe])
        if holds(tried):
            low = probe
            held.append(tried)
        else:
            high = probe
        if high - low <= 1:
            return (held[-1], True) if held else (tried, False)
        probe = (low + high) // 2


def layer_records(
    folded: NetworkModule, module: QuantizedModule, x: Tensor, measured: Sensitivity
) -> tuple[LayerBits, ...]:
    """Of each layer with weights its bits, bytes and SQNR for normalized windows ``x`` (N, C, L).

    The SQNR, in dB, is that of the layer's output against the float model ``folded``.
    """
    with torch.no_grad():
        exact, found = folded.tensors(x), module.real_tensors(x)
    records = []
    for node in module.network.nodes:
        if not node.op.weight_count(module.network.input_shapes(node)):
            continue
        signal = exact[node.name].double()
        noise = (signal - found[node.name].double()).square().sum()
        ratio = signal.square().sum() / noise
        records.append(
            LayerBits(
                name=node.name,
                bits=weight_bits(module.network).get(node.name, 8),
                weight_bytes=weight_bytes(module.network, node.name),
                sqnr_db=10 * ratio.log10().item() if 0 < ratio < torch.inf else None,
                sensitivity={str(b): loss for b, loss in measured.get(node.name, {}).items()},
            )
        )
    return tuple(records)
