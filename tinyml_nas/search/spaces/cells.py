"""The cell space of DARTS as a space of decisions, so that every strategy can search it.

A node of either kind of cell decides on its primitive and on the state that it reads:
``normal2_op``, ``normal2_from``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tinyml_nas.config import Config
from tinyml_nas.cost.npu.suited import LayerChoices
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import Network, Shape
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Gene, Genotype
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.cells.primitives import NONE, PRIMITIVES, primitive_op
from tinyml_nas.search.spaces.space import Decision, Genome, Space, Value

OPERATIONS = tuple(name for column, name in enumerate(PRIMITIVES) if column != NONE)
KINDS = ("normal", "reduce")


@dataclass(frozen=True)
class CellSpace:
    """The derived networks of ``plan``.

    ``extra`` decisions, of the training recipe, ride along and never change the network.
    """

    plan: SearchSpace
    extra: tuple[Decision, ...] = ()

    name = "cells"
    skeletons = ()

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Primitive and source of each node, for the kinds of cell that there are; ``extra``."""
        return (*self._decisions(), *self.extra)

    def canonical(self, genome: Genome) -> dict[str, Value]:
        """Sources by their first name, and nodes that reach no output at their first choices.

        Where a skip changes nothing it is only another name of its source; then whoever reads the
        skip reads the source.
        """
        result = {d.name: genome.get(d.name, d.choices[0]) for d in self.decisions}
        genotype = self.genotype(result)
        for kind in self.kinds:
            genes = self._by_first_names(kind, getattr(genotype, kind))
            read = self._read_states(kind, genes)
            for node, (primitive, source) in enumerate(genes):
                kept = (primitive, source) if node + 1 in read else (OPERATIONS[0], 0)
                result |= _choices(kind, node, kept)
        return result

    def network(self, genome: Genome, name: str) -> Network:
        """The network of ``genome``; every genome has one."""
        return derive(self.genotype(genome), self.plan, name)

    def genotype(self, genome: Genome) -> Genotype:
        """The genotype that ``genome`` spells out; a kind of cell that is absent gets any genes."""
        normal, reduce = (
            tuple(
                (
                    str(genome.get(f"{kind}{node}_op", OPERATIONS[0])),
                    int(genome.get(f"{kind}{node}_from", 0)),
                )
                for node in range(self.plan.nodes)
            )
            for kind in KINDS
        )
        return Genotype(normal, reduce, self.plan.concat)

    def genome(self, genotype: Genotype) -> dict[str, Value]:
        """The canonical genome of ``genotype``; ``extra`` decisions at their first choices."""
        result: dict[str, Value] = {}
        for kind in self.kinds:
            for node, gene in enumerate(getattr(genotype, kind)):
                result |= _choices(kind, node, gene)
        return self.canonical(result)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of cell that the plan has; shallow ones have reduction cells only."""
        present = {cell.reduction for cell in self.plan.cells}
        return tuple(kind for kind in KINDS if (kind == "reduce") in present)

    def _decisions(self) -> Iterator[Decision]:
        for kind in self.kinds:
            for node in range(self.plan.nodes):
                yield Decision(f"{kind}{node}_op", OPERATIONS)
                if node:
                    yield Decision(f"{kind}{node}_from", tuple(range(node + 1)))

    def _is_name(self, kind: str, gene: Gene) -> bool:
        """Whether ``gene`` is only another name of its source, in all cells of its kind."""
        cells = [cell for cell in self.plan.cells if cell.reduction == (kind == "reduce")]
        strides = {cell.stride if gene[1] == 0 else 1 for cell in cells}
        return gene[0] == "skip_connect" and all(
            primitive_op(gene[0], 1, stride) is None for stride in strides
        )

    def _by_first_names(self, kind: str, genes: tuple[Gene, ...]) -> list[Gene]:
        first = [0]
        renamed: list[Gene] = []
        for node, (primitive, source) in enumerate(genes):
            gene = primitive, first[source]
            renamed.append(gene)
            first.append(gene[1] if self._is_name(kind, gene) else node + 1)
        return renamed

    def _read_states(self, kind: str, genes: list[Gene]) -> set[int]:
        read = set(self.plan.concat)
        for node in reversed(range(len(genes))):
            if node + 1 in read:
                read.add(genes[node][1])
        return read


def _choices(kind: str, node: int, gene: Gene) -> dict[str, Value]:
    primitive, source = gene
    return {f"{kind}{node}_op": primitive} | ({f"{kind}{node}_from": source} if node else {})


def make_space(
    features: FeatureSet, config: Config, npu: LayerChoices | None, extra: tuple[Decision, ...]
) -> Space:
    """The cells that ``training`` describes, for the data at hand; they keep no rules of an NPU.

    The keys that contradict each other were refused by ``search/check.py``.
    """
    training = config.training
    plan = SearchSpace(
        Shape(*features.train.x.shape[1:]),
        features.outputs,
        layers=training.nas_layers,
        nodes=training.nas_nodes_per_layer,
        channels=training.nas_init_channels,
        stem_multiplier=training.nas_init_channel_multiplier,
        fanout=training.nas_fanout_concat,
    )
    return CellSpace(plan, extra)
