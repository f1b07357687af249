"""Expected cost of a supernet: what the derived network would cost, as a function of the alphas.

A node keeps one of its incoming (edge, primitive) pairs, never ``none``.  Its choice is relaxed to
the distribution

    q(edge, primitive) = p(edge, primitive) / sum of p over all pairs of the node without ``none``

where ``p`` is the softmax of each edge's alphas.  Its largest entry is the very pair that the
genotype takes, raising ``none`` on every edge leaves it as it is, and for one-hot alphas it is the
discrete choice.  A node outside the concatenation counts as far as a later node reads it.  The cost
of each pair is summed over **all** cells of its kind from the exact figures of the graph, and the
stem, entry convolutions, concatenations and classifier are added, so that at one-hot alphas the
expectation *is* the cost of the derived network.

``Memory`` is flash (weights, biases, requantize tables and code), ``Compute`` is MACs; either is
divided by the cost of the largest network of the space, so the weight means the same in every
preset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tinyml_nas.graph import INPUT, Cost, LayerCost, Network, Node, network_cost
from tinyml_nas.graph.cost import layer_cost
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Genotype, first_edge, one_hot
from tinyml_nas.search.cells.primitives import NONE, PRIMITIVES
from tinyml_nas.search.cells.space import CellPlan, SearchSpace

METRICS = ("parameters", "macs", "flash_bytes")
OBJECTIVES = {"Memory": "flash_bytes", "Compute": "macs"}
"""Metric that each ``nas_optimization_mode`` charges for."""


@dataclass(frozen=True)
class CostModel:
    """Cost tables of a space.

    ``tables`` is float64 ``(metric, kind of cell, edge, primitive)``; ``fixed`` and ``largest`` are
    ``(metric,)``.
    """

    space: SearchSpace
    tables: Tensor
    fixed: Tensor
    largest: Tensor

    def expected(self, probabilities: Tensor) -> Tensor:
        """Expected cost ``(metric,)`` for softmax probabilities ``(kind, edge, primitive)``."""
        choices = choice_probabilities(probabilities.double(), self.space)
        return self.fixed + (self.tables * choices).sum((1, 2, 3))

    def penalty(self, probabilities: Tensor, mode: str) -> Tensor:
        """Expected cost for ``nas_optimization_mode`` as a share of the largest network's."""
        metric = METRICS.index(OBJECTIVES[mode])
        return (self.expected(probabilities)[metric] / self.largest[metric]).float()


def cost_model(space: SearchSpace) -> CostModel:
    """The tables of ``space``, from exact costs of its operations."""
    tables = np.zeros((len(METRICS), 2, len(space.edges), len(PRIMITIVES)))
    for cell in space.cells:
        for edge, (source, _) in enumerate(space.edges):
            for column, primitive in enumerate(PRIMITIVES):
                if column != NONE:
                    tables[:, int(cell.reduction), edge, column] += _edge_cost(
                        cell, source, primitive
                    )
    table = torch.from_numpy(tables)
    smallest = _uniform(space, "max_pool_3x1")
    pools = torch.from_numpy(np.stack([one_hot(smallest.normal), one_hot(smallest.reduce)]))
    variable = (table * choice_probabilities(pools.double(), space)).sum((1, 2, 3))
    fixed = _metrics(network_cost(derive(smallest, space))) - variable
    largest = network_cost(derive(_uniform(space, "conv_bn_relu_7x1"), space))
    return CostModel(space, table, fixed, _metrics(largest))


def choice_probabilities(probabilities: Tensor, space: SearchSpace) -> Tensor:
    """Chance that a pair stands in the derived cell, shaped as ``probabilities``."""
    choices: list[Tensor] = []
    for start, stop in _node_rows(space.nodes):
        pairs = probabilities[:, start:stop].clone()
        pairs[..., NONE] = 0.0
        choices.append(pairs / pairs.sum((1, 2), keepdim=True))
    return torch.cat(
        [
            pairs * chance[:, None, None]
            for pairs, chance in zip(choices, _node_chances(choices, space), strict=True)
        ],
        dim=1,
    )


def _node_chances(choices: list[Tensor], space: SearchSpace) -> list[Tensor]:
    """Per node the chance, by kind of cell, that it reaches the output.

    Later nodes are taken as independent; the result is exact where the alphas are one-hot.
    """
    chances: list[Tensor] = []
    for node in reversed(range(space.nodes)):
        state = node + 1
        unread = torch.ones_like(choices[node][:, 0, 0])
        for later, chance in zip(range(space.nodes - 1, node, -1), chances, strict=True):
            unread = unread * (1 - chance * choices[later][:, state].sum(-1))
        chances.append(torch.ones_like(unread) if state in space.concat else 1 - unread)
    return chances[::-1]


def _node_rows(nodes: int) -> Iterator[tuple[int, int]]:
    return ((first_edge(node), first_edge(node + 1)) for node in range(nodes))


def _uniform(space: SearchSpace, primitive: str) -> Genotype:
    """Every node reads the cell's input through ``primitive``."""
    genes = ((primitive, 0),) * space.nodes
    return Genotype(genes, genes, space.concat)


def _edge_cost(cell: CellPlan, source: int, primitive: str) -> tuple[int, int, int]:
    op, shape = cell.edge(source, primitive)
    if op is None:
        return 0, 0, 0
    alone = Network("edge", shape, (Node("edge", op, (INPUT,)),))
    return _figures(layer_cost(alone, alone.nodes[0]))


def _figures(cost: Cost | LayerCost) -> tuple[int, int, int]:
    return cost.parameters, cost.macs, cost.flash_bytes


def _metrics(cost: Cost) -> Tensor:
    return torch.tensor(_figures(cost), dtype=torch.float64)
