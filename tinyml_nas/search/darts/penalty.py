"""Expected cost of a supernet: what the derived network would cost, as a function of the alphas.

A node keeps one of its incoming (edge, primitive) pairs, never ``none``.  Its choice is relaxed to
the distribution

    q(edge, primitive) = p(edge, primitive) / sum of p over all pairs of the node without ``none``

where ``p`` is the softmax of each edge's alphas.  Its largest entry is the very pair that the
genotype takes, raising ``none`` on every edge leaves it as it is, and for one-hot alphas it is the
discrete choice.  A node outside the concatenation counts as far as a later node reads it.

Flash, MACs, parameters and latency are sums over layers: each pair's figure is summed over **all**
cells of its kind and weighed by ``q``, and stem, entries, concatenations and classifier are added.
RAM is a maximum over the steps of the schedule of all cells, smoothed (see `live.py`):

    smooth max = t log sum exp(expected live bytes / t)

which is the maximum as t goes to 0.  Each expectation then gets a constant, the gap between exact
and relaxed cost of the genotype that the alphas stand for now: 0 for the sums, for RAM what the
smoothing adds less what the planner saves where an output overwrites its input.  So at one-hot
alphas every expectation *is* the exact cost of the derived network, the one that hard budgets are
held against.

``Memory`` charges for flash, ``Compute`` for MACs, as a share of the largest network's, so the
weight means the same in every preset.  On top comes a hinge ``relu(E[cost] / limit - 1)`` for each
resource whose limit the space can break (as in PLiNIO's DUCCIO, Burrello et al., 2023).

Where an Ethos-U runs the network, ``Compute`` charges for latency, and a layer's flash and latency
are those of its program when it stands alone.  They do not add up to the whole network's; the gap
above makes up for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from tinyml_nas.cost.budget import Budget, Resources, resources_of
from tinyml_nas.cost.flash import layer_cost
from tinyml_nas.cost.latency import layer_seconds
from tinyml_nas.cost.npu.share import npu_share
from tinyml_nas.devices import Device
from tinyml_nas.graph import INPUT, Network, Node
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Genotype, discretize, first_edge, one_hot
from tinyml_nas.search.cells.plan import CellPlan, SearchSpace
from tinyml_nas.search.cells.primitives import NONE, PRIMITIVES
from tinyml_nas.search.darts.live import Liveness, liveness

METRICS = ("parameters", "macs", "flash_bytes", "latency_seconds", "ram_bytes")
"""Fields of ``Resources``; all but the last are sums over layers."""
SUMS = METRICS[:-1]
OBJECTIVES = {"Memory": "flash_bytes", "Compute": "macs"}
"""Metric that each ``nas_optimization_mode`` charges for."""
ON_ETHOS_U = {**OBJECTIVES, "Compute": "latency_seconds"}
SMOOTHING = 0.02
"""Temperature of the smooth maximum, as a share of the largest step."""
ROUNDING = 1e-12
"""Relative difference that the order of summation alone can make between two equal sums."""


@dataclass(frozen=True)
class CostModel:
    """Cost tables of a space on a device.

    ``tables`` is float64 ``(sum, kind of cell, edge, primitive)``, ``fixed`` ``(sum,)``;
    ``largest`` ``(metric,)`` is a bound that no network of the space exceeds; of an Ethos-U, whose
    layers do not add up, the bound of the sums or the dearest network of one primitive.
    """

    space: SearchSpace
    tables: Tensor
    fixed: Tensor
    largest: Tensor
    live: Liveness
    exact: Callable[[Genotype], Tensor]
    objectives: Mapping[str, str] = field(default_factory=lambda: OBJECTIVES)

    def expected(self, probabilities: Tensor) -> Tensor:
        """Expected cost ``(metric,)`` for softmax probabilities ``(kind, edge, primitive)``."""
        return self.relaxed(probabilities) + self._gap(self.genotype(probabilities))

    @cached_property
    def _gap(self) -> Callable[[Genotype], Tensor]:
        """Exact less relaxed cost of a genotype; alphas keep theirs for many steps."""
        return lru_cache(maxsize=256)(lambda g: self.exact(g) - self.relaxed(as_mixture(g)))

    def relaxed(self, probabilities: Tensor, smoothing: float = SMOOTHING) -> Tensor:
        """The expectation before its constant."""
        choices = pair_choices(probabilities.double(), self.space)
        steps = self.live.step_bytes(choices)
        if smoothing:
            temperature = smoothing * self.largest[-1]
            ram = temperature * torch.logsumexp(steps / temperature, 0)
        else:
            ram = steps.max()
        layers = choices * node_chances(choices, self.space)
        sums = self.fixed + (self.tables * layers).sum((1, 2, 3))
        return torch.cat([sums, ram[None]])

    def penalty(self, expected: Tensor, mode: str) -> Tensor:
        """Expected cost for ``nas_optimization_mode`` as a share of the largest network's."""
        metric = METRICS.index(self.objectives[mode])
        return expected[metric] / self.largest[metric]

    def excess(self, expected: Tensor, budget: Budget) -> Tensor:
        """Sum over the limits of the share by which the expectation breaks each."""
        limits = self.binding(budget)
        terms = [torch.relu(expected[METRICS.index(n)] / limit - 1) for n, limit in limits.items()]
        return torch.stack(terms).sum() if terms else expected.new_zeros(())

    def binding(self, budget: Budget) -> Mapping[str, float]:
        """The limits that a network of the space can break."""
        limits = {name: getattr(budget, name, None) for name in METRICS}
        return {
            name: limit
            for name, limit in limits.items()
            if limit is not None and self.largest[METRICS.index(name)] > limit
        }

    def genotype(self, probabilities: Tensor) -> Genotype:
        """The genotype whose pairs are the most likely."""
        normal, reduce = (discretize(table) for table in probabilities.detach().numpy())
        return Genotype(normal, reduce, self.space.concat)


def cost_model(space: SearchSpace, device: Device) -> CostModel:
    """The tables of ``space`` on ``device``, from exact costs of its operations."""

    def exact(genotype: Genotype) -> Tensor:
        return _metrics(resources_of(derive(genotype, space), device))

    tables = torch.from_numpy(_tables(space, device))
    pools = uniform("max_pool_3x1", space)
    choices = pair_choices(as_mixture(pools).double(), space)
    variable = (tables * choices * node_chances(choices, space)).sum((1, 2, 3))
    fixed, live = exact(pools)[:-1] - variable, liveness(space)
    nodes = (tables[:, :, start:stop] for start, stop in _node_rows(space.nodes))
    dearest = fixed + torch.stack([node.amax((2, 3)).sum(1) for node in nodes]).sum(0)
    largest = torch.cat([dearest, live.bound()[None]]) * (1 + ROUNDING)
    objectives = OBJECTIVES
    if device.ethos_u is not None:  # its layers are not exactly a sum
        alike = [exact(uniform(name, space)) for name in PRIMITIVES[NONE + 1 :]]
        largest, objectives = torch.stack([largest, *alike]).amax(0), ON_ETHOS_U
    cached = lru_cache(maxsize=256)(exact)
    return CostModel(space, tables, fixed, largest, live, cached, objectives)


def uniform(primitive: str, space: SearchSpace) -> Genotype:
    """The cells whose nodes all are ``primitive`` of the cell's input."""
    genes = ((primitive, 0),) * space.nodes
    return Genotype(genes, genes, space.concat)


def as_mixture(genotype: Genotype) -> Tensor:
    """The mixture ``(kind, edge, primitive)`` under which the supernet is the discrete network."""
    return torch.from_numpy(np.stack([one_hot(genotype.normal), one_hot(genotype.reduce)]))


def pair_choices(probabilities: Tensor, space: SearchSpace) -> Tensor:
    """Chance that a node takes a pair, shaped as ``probabilities``: ``q`` above."""
    pairs = probabilities * (torch.arange(len(PRIMITIVES)) != NONE)
    nodes = [pairs[:, start:stop] for start, stop in _node_rows(space.nodes)]
    return torch.cat([node / node.sum((1, 2), keepdim=True) for node in nodes], dim=1)


def node_chances(choices: Tensor, space: SearchSpace) -> Tensor:
    """Chance ``(kind, edge, 1)`` that the node of an edge reaches the output of its cell.

    Later nodes are taken as independent; the result is exact where the choices are one-hot.
    """
    by_edge = choices.sum(-1)
    chances: dict[int, Tensor] = {}
    for node in reversed(range(space.nodes)):
        state = node + 1
        unread = torch.ones_like(by_edge[:, 0])
        for later in range(node + 1, space.nodes):
            unread = unread * (1 - chances[later] * by_edge[:, first_edge(later) + state])
        chances[node] = torch.ones_like(unread) if state in space.concat else 1 - unread
    return torch.stack([chances[node] for _, node in space.edges], 1)[..., None]


def _node_rows(nodes: int) -> Iterator[tuple[int, int]]:
    return ((first_edge(node), first_edge(node + 1)) for node in range(nodes))


def _tables(
    space: SearchSpace, device: Device
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    tables = np.zeros((len(SUMS), 2, len(space.edges), len(PRIMITIVES)))
    for cell in space.cells:
        for edge, (source, _) in enumerate(space.edges):
            for column, primitive in enumerate(PRIMITIVES):
                if column != NONE:
                    figures = _edge_figures(cell, min(source, 1), primitive, device)
                    tables[:, int(cell.reduction), edge, column] += figures
    return tables


@lru_cache(maxsize=1024)
def _edge_figures(
    cell: CellPlan, source: int, primitive: str, device: Device
) -> tuple[float, float, float, float]:
    """The sums that one layer adds to."""
    op, shape = cell.edge(source, primitive)
    if op is None:
        return 0.0, 0.0, 0.0, 0.0
    alone = Network("edge", shape, (Node("edge", op, (INPUT,)),))
    cost = layer_cost(alone, alone.nodes[0], device.cycles.backend)
    share = npu_share(alone, device.ethos_u) if device.ethos_u else None
    if share is not None:
        program = share.program
        figures = program.flash_bytes, program.cycles / share.npu.clock_hz
        return cost.parameters, cost.macs, *figures
    seconds = layer_seconds(alone, alone.nodes[0], device) or 0.0
    return cost.parameters, cost.macs, cost.flash_bytes, seconds


def _metrics(resources: Resources) -> Tensor:
    values = [getattr(resources, name) or 0.0 for name in METRICS]
    return torch.tensor(values, dtype=torch.float64)
