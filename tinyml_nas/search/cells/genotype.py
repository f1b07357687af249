"""Genotype: what a search decides, and how it is read off the alphas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyml_nas.results import search as records
from tinyml_nas.search.cells.primitives import NONE, PRIMITIVES, SKIP

Gene = tuple[str, int]
"""Primitive of a node and the state that it reads."""
Table = npt.NDArray[np.float32]
"""One row per edge, one column per primitive."""


class Genotype(records.Genotype):
    """One gene per node of each kind of cell, and the states that leave the cell."""

    def __init__(
        self, normal: tuple[Gene, ...], reduce: tuple[Gene, ...], concat: tuple[int, ...]
    ) -> None:
        super().__init__(normal=normal, reduce=reduce, concat=concat)

    def __str__(self) -> str:
        """As a person reads it: primitive and source of each node."""
        cells = {"normal": self.normal, "reduce": self.reduce}
        parts = (
            f"{kind} " + " ".join(f"{primitive}({source})" for primitive, source in genes)
            for kind, genes in cells.items()
        )
        return ", ".join(parts)


def first_edge(node: int) -> int:
    """Row of the edge from state 0 to ``node``; its other edges follow."""
    return node * (node + 1) // 2


def discretize(probabilities: Table, most_skips: int | None = None) -> tuple[Gene, ...]:
    """Per node the strongest edge, judged by its strongest primitive other than ``none``.

    Ties go to the earlier state and the earlier primitive.  Beyond ``most_skips`` the weaker skips
    give way to the strongest other primitive of their nodes.
    """
    strength = probabilities.copy()
    strength[:, NONE] = -1.0
    genes = [_strongest(strength, node) for node in range(_node_count(len(strength)))]
    skips = [node for node, gene in enumerate(genes) if gene[0] == PRIMITIVES[SKIP]]
    if most_skips is not None and len(skips) > most_skips:
        skips.sort(key=lambda node: -strength[first_edge(node) + genes[node][1], SKIP])
        strength[:, SKIP] = -1.0
        for node in skips[most_skips:]:
            genes[node] = _strongest(strength, node)
    return tuple(genes)


def _strongest(strength: Table, node: int) -> Gene:
    rows = strength[first_edge(node) : first_edge(node + 1)]
    source, primitive = np.unravel_index(int(rows.argmax()), rows.shape)
    return PRIMITIVES[int(primitive)], int(source)


def _node_count(edges: int) -> int:
    return next(nodes for nodes in range(edges + 1) if first_edge(nodes) == edges)


def one_hot(genes: Sequence[Gene]) -> Table:
    """The mixture that is the discrete cell: one at each kept edge and operation, else zero."""
    table = np.zeros((first_edge(len(genes)), len(PRIMITIVES)), np.float32)
    for node, (primitive, source) in enumerate(genes):
        table[first_edge(node) + source, PRIMITIVES.index(primitive)] = 1.0
    return table
