"""Expected live bytes of a supernet's schedule: what each step would hold in RAM.

A step is one layer of the derived network.  A buffer is live from the step that writes it to the
last one that reads it, with the margins that its readers want.  All of that is logic on the choices
of the nodes, so it is relaxed as logic usually is: *and* is a product, *or* is
``1 - (1 - a) (1 - b)``, choices of different nodes are independent.  At one-hot choices every
number below is 0 or 1 and the bytes are the derived network's own; only how the planner places the
buffers (alignment, outputs that overwrite their inputs) is left out.

A skip at stride 1 is no layer: it is a second name of its source, whose buffer then lives as long
as either name is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tinyml_nas.graph import AvgPool, Conv, Shape
from tinyml_nas.search.cells.genotype import first_edge
from tinyml_nas.search.cells.plan import CellPlan, SearchSpace
from tinyml_nas.search.cells.primitives import NONE, PRIMITIVES, SKIP, primitive_op

LARGEST_PAD = 3


@dataclass(frozen=True)
class Liveness:
    """Tables of a space.  Cells of one *form* have the same kind and stride.

    ``reads`` is ``(form, 2, node, primitive, property)``, the second axis telling state 0 from the
    others: the properties of a read are that it happens at step t or later, for each t, then that
    it wants at least so many rows of margin on a side.  ``aliases`` ``(form, state)`` tells where
    a skip is only a name.  ``rows`` ``(cell, 3)`` are the bytes of state 0, of a later state, and
    of one row.
    """

    space: SearchSpace
    kinds: list[int]
    form_of_cell: list[int]
    reads: Tensor
    aliases: Tensor
    rows: Tensor

    def step_bytes(self, choices: Tensor) -> Tensor:
        """Expected live bytes of every step, for ``choices`` ``(kind, edge, primitive)``."""
        nodes = self.space.nodes
        bounds = [first_edge(node) for node in range(nodes + 1)]
        by_form = choices[self.kinds]
        by_node = [by_form[:, a:b] for a, b in itertools.pairwise(bounds)]
        needed = self._needed(by_node)
        parts = torch.zeros(len(self.kinds), nodes + 1, 3, dtype=torch.float64)
        for state, flags in enumerate(needed):
            live = flags[:, : nodes + 1] * (torch.arange(nodes + 1) >= state - 1)
            if state:  # where it is an alias there is no buffer
                skips = by_node[state - 1][:, :, SKIP] * self.aliases[:, :state]
                live = live * (1 - skips.sum(1, keepdim=True))
            margins = live * flags[:, nodes + 1 :].sum(1, keepdim=True)
            none = torch.zeros_like(live)
            own = [none, live, margins] if state else [live, none, margins]
            parts = parts + torch.stack(own, -1)
        entry_margins = needed[0][:, nodes + 1 :].sum(1)
        return self._schedule(parts[self.form_of_cell], entry_margins[self.form_of_cell])

    def bound(self) -> Tensor:
        """More bytes than any arena: all states live at once, with the widest margins."""
        nodes = self.space.nodes
        margins = (nodes + 1) * 2 * LARGEST_PAD * self.rows[:, 2]
        states = self.rows[:, 0] + nodes * self.rows[:, 1] + margins
        leaving = self.space.fanout * self.rows[:, 1]
        entering = torch.cat([leaving.new_tensor([_stem_bytes(self.space)]), leaving[:-1]])
        return 2 * torch.stack([states + leaving, states + entering]).max()

    def _needed(self, by_node: Sequence[Tensor]) -> list[Tensor]:
        """Per state ``(form, property)``: chance that some read of it has the property.

        Later states first: a node that nobody reads reads nothing itself.
        """
        nodes, properties = self.space.nodes, self.reads.shape[-1]
        found: dict[int, Tensor] = {}
        for state in range(nodes, -1, -1):
            unread = torch.ones(len(self.kinds), properties, dtype=torch.float64)
            if state in self.space.concat:
                unread[:, : nodes + 1] = 0.0
            for node in range(state, nodes):
                chances = by_node[node][:, state]
                alive = found[node + 1][:, node + 1, None]
                reads = self.reads[:, int(state > 0), node]
                direct = alive * (chances[:, None] @ reads).squeeze(1)
                alias = (chances[:, SKIP] * self.aliases[:, state])[:, None]
                unread = unread * (1 - direct) * (1 - alias * found[node + 1])
            found[state] = 1 - unread
        return [found[state] for state in range(nodes + 1)]

    def _schedule(self, parts: Tensor, entry_margins: Tensor) -> Tensor:
        """Bytes of stem, entries, nodes, concatenations, pool and classifier.

        ``parts`` ``(cell, step, 3)`` counts live buffers and margins in every step of a cell.
        """
        space, nodes = self.space, self.space.nodes
        inside = (parts * self.rows[:, None]).sum(-1)
        concatenated = space.fanout * self.rows[:, 1]
        leaving = concatenated if space.fanout > 1 else inside[:, nodes]
        stem = torch.tensor([float(_stem_bytes(space))], dtype=torch.float64)
        entering = torch.cat([stem, leaving[:-1]])
        entries = entering + self.rows[:, 0] + entry_margins * self.rows[:, 2]
        last = [inside[:, nodes] + concatenated] if space.fanout > 1 else []
        pooled = space.output_shape.channels
        ends = torch.stack([stem[0] + _input_bytes(space), leaving[-1] + pooled])
        return torch.cat([inside[:, :nodes].flatten(), entries, *last, ends])


def liveness(space: SearchSpace) -> Liveness:
    """The tables of ``space``."""
    forms: dict[tuple[bool, int], CellPlan] = {}
    for cell in space.cells:
        forms.setdefault((cell.reduction, cell.stride), cell)
    states = range(space.nodes + 1)
    return Liveness(
        space,
        kinds=[int(reduction) for reduction, _ in forms],
        form_of_cell=[list(forms).index((cell.reduction, cell.stride)) for cell in space.cells],
        reads=torch.stack([_reads(cell, space.nodes) for cell in forms.values()]),
        aliases=torch.tensor(
            [[float(_is_alias(cell, state)) for state in states] for cell in forms.values()],
            dtype=torch.float64,
        ),
        rows=torch.tensor([_rows(cell) for cell in space.cells], dtype=torch.float64),
    )


def _reads(cell: CellPlan, nodes: int) -> Tensor:
    """``(2, node, primitive, property)``: what a read of state 0, or of another, is like."""
    result = torch.zeros(
        2, nodes, len(PRIMITIVES), nodes + 1 + 2 * LARGEST_PAD, dtype=torch.float64
    )
    for later in range(2):
        for column, primitive in enumerate(PRIMITIVES):
            if column == NONE or (column == SKIP and _is_alias(cell, later)):
                continue
            op, _ = cell.edge(later, primitive)
            pads = op.pad if isinstance(op, Conv | AvgPool) else (0, 0)
            wants = [float(row < pad) for pad in pads for row in range(LARGEST_PAD)]
            for node in range(nodes):
                steps = [float(step <= node) for step in range(nodes + 1)]
                result[later, node, column] = torch.tensor([*steps, *wants])
    return result


def _is_alias(cell: CellPlan, state: int) -> bool:
    return primitive_op("skip_connect", 1, cell.stride if state == 0 else 1) is None


def _rows(cell: CellPlan) -> tuple[float, float, float]:
    return float(cell.entry_shape.size), float(cell.node_shape.size), float(cell.channels)


def _stem_bytes(space: SearchSpace) -> int:
    return space.stem.output_shape((space.input_shape,)).size


def _input_bytes(space: SearchSpace) -> int:
    shape = space.input_shape
    return Shape(shape.channels, shape.length + sum(space.stem.pad)).size
