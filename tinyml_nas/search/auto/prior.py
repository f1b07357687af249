"""What other data sets have taught: a guess at a network's merit before any training.

Data sets that have nothing in common (bearings, speech, motors, movement) largely agree on what
pays in a small network and what does not, far beyond its size.  ``benchmarks/learn_prior.py``
trains random networks on such sets, prints the table below, and tells how well the ranking on each
set is foretold by the others.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tinyml_nas.graph import Conv, DepthwiseConv, GlobalAvgPool, MaxPool, reach_of
from tinyml_nas.search.trial import Candidate

Vector = npt.NDArray[np.float64]

PAYS: Mapping[str, float] = {
    "log parameters": 0.16,
    "log MACs": 0.16,
    "filters along time": -0.12,
    "depthwise share of them": -0.13,
    "depthwise at first": -0.25,
    "log first width": 0.15,
    "log last width": 0.14,
    "share of window seen": 0.0,  # what undilated networks taught of it does not hold here
    "mean in head": 0.08,
    "maximum in head": -0.17,
}
"""Merit, in standard deviations of random networks, for one standard deviation of each trait."""

LEAST_DEVIATION = 0.25
"""Deviation of a trait that hardly varies in the reference, as among few or equal networks.

Random networks have 0.25 to 2.3 wherever a trait varies at all: logarithms, counts, shares, yes or
no.  Without a floor a candidate with another value would stand any number of deviations apart.
"""


class Prior:
    """Judges by :data:`PAYS`; ``reference`` are random networks that keep the same budget."""

    def __init__(self, reference: Sequence[Candidate]) -> None:
        x = trait_matrix(reference)
        self._mean, self._deviation = x.mean(0), np.maximum(x.std(0), LEAST_DEVIATION)

    def __call__(self, candidates: Sequence[Candidate]) -> Vector:
        """Expected merit of each: 0 is the mean of the reference, 1 a deviation above it."""
        standing = (trait_matrix(candidates) - self._mean) / self._deviation
        expected: Vector = standing @ np.array(list(PAYS.values()))
        return expected


def trait_matrix(candidates: Sequence[Candidate]) -> Vector:
    """(N, traits), in the order of :data:`PAYS`."""
    return np.array([list(traits(candidate).values()) for candidate in candidates], np.float64)


def traits(candidate: Candidate) -> dict[str, float]:
    """What the prior sees of ``candidate``; networks of any space have these."""
    network, cost = candidate.network, candidate.resources
    shapes, ops = network.shapes, [node.op for node in network.nodes]
    filters = [op for op in ops if isinstance(op, Conv | DepthwiseConv)]
    along_time = [op for op in filters if op.kernel > 1] or filters
    widths = [op.out_channels for op in filters if isinstance(op, Conv)]
    maxima = [node.name for node in network.nodes if isinstance(node.op, MaxPool)]
    return {
        "log parameters": math.log(cost.parameters),
        "log MACs": math.log(cost.macs),
        "filters along time": len(along_time),
        "depthwise share of them": _share(isinstance(op, DepthwiseConv) for op in along_time),
        "depthwise at first": isinstance(filters[0], DepthwiseConv),
        "log first width": math.log(widths[0]),
        "log last width": math.log(widths[-1]),
        "share of window seen": reach_of(network) / network.input_shape.length,
        "mean in head": any(isinstance(op, GlobalAvgPool) for op in ops),
        "maximum in head": any(shapes[name].length == 1 for name in maxima),
    }


def _share(hits: Iterable[bool]) -> float:
    return statistics.fmean(hits)
