"""Exact repair: the likeliest genotype near a broken one that keeps the hard budget.

An expectation can only lean on the alphas; the derived network must *fit*.  So a genotype that
breaks the budget gets the single gene, then the pair of genes, whose change loses the least
probability (sum of ``log q`` of `penalty.py`) among those whose exact cost fits.  Where two do not
suffice, the one that lowers the excess most is made for good, and it goes on from there.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from tinyml_nas.search.cells.genotype import Gene, Genotype, first_edge
from tinyml_nas.search.cells.primitives import NONE, PRIMITIVES, SKIP
from tinyml_nas.search.darts.collapse import MOST_SKIPS
from tinyml_nas.search.darts.penalty import SUMS, CostModel, pair_choices
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.spaces.cells import KINDS, CellSpace
from tinyml_nas.search.spaces.recipe_genes import as_written
from tinyml_nas.search.trial import Candidate

MOST_PAIRS = 1000
"""Most pairs of changes that are decoded; the likeliest come first."""


@dataclass(frozen=True)
class Change:
    """Another gene for one node: what it loses of ``log q``, and what it adds to the sums."""

    loss: float
    kind: str
    node: int
    gene: Gene
    added: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mended:
    """A candidate that keeps the budget, and how many genes were changed for that."""

    candidate: Candidate
    genotype: Genotype
    genes: int


@dataclass(frozen=True)
class Mender:
    """Mends genotypes under the probabilities ``table`` ``(kind, edge, primitive)``."""

    problem: Problem
    space: CellSpace
    cost: CostModel
    table: Tensor

    def mend(self, genotype: Genotype) -> Mended:
        """The likeliest affordable candidate; raises ``BudgetError`` where nothing fits."""
        best, candidate = genotype, self.candidate(genotype)
        while not self._fits(candidate):
            changes = sorted(self._changes(best), key=lambda change: change.loss)
            found = self._by_one(best, changes) or self._by_two(best, candidate, changes)
            best = found or self._smaller(best, changes)
            candidate = self.candidate(best)
        pairs = zip(_genes(genotype), _genes(best), strict=True)
        return Mended(candidate, best, sum(a != b for a, b in pairs))

    def runners_up(self, genotype: Genotype) -> Iterator[Mended]:
        """The likeliest affordable candidates that differ in one gene, likeliest first."""
        for change in sorted(self._changes(genotype), key=lambda change: change.loss):
            other = _changed(genotype, change)
            candidate = self.candidate(other)
            if self._fits(candidate):
                yield Mended(candidate, other, 1)

    def candidate(self, genotype: Genotype) -> Candidate:
        """The candidate of ``genotype``, trained as the user wrote it."""
        candidate = self.problem.decode(as_written(self.space.genome(genotype)))
        assert candidate is not None  # every genotype is a network
        return candidate

    def _by_one(self, genotype: Genotype, changes: list[Change]) -> Genotype | None:
        singles = (_changed(genotype, change) for change in changes)
        return next((g for g in singles if self._fits(self.candidate(g))), None)

    def _by_two(
        self, genotype: Genotype, candidate: Candidate, changes: list[Change]
    ) -> Genotype | None:
        room, additive = self._room(candidate), self.space.plan.fanout == self.space.plan.nodes
        pairs = sorted(itertools.combinations(changes, 2), key=lambda p: p[0].loss + p[1].loss)
        hopeful = (
            _changed(genotype, first, second)
            for first, second in pairs
            if (first.kind, first.node) != (second.kind, second.node)
            # outside of the concatenation a change may wake up or silence other nodes
            and (not additive or (first.added + second.added <= room).all())
        )
        few = itertools.islice(filter(_within_cap, hopeful), MOST_PAIRS)
        return next((g for g in few if self._fits(self.candidate(g))), None)

    def _room(self, candidate: Candidate) -> npt.NDArray[np.float64]:
        """What each sum may grow by, or must shrink by where it is negative."""
        budget, resources = self.problem.budget, candidate.resources
        limits = ((getattr(budget, name, None), getattr(resources, name)) for name in SUMS)
        rest = [math.inf if limit is None else limit - now for limit, now in limits]
        return np.array(rest) + 1e-6

    def _smaller(self, genotype: Genotype, changes: list[Change]) -> Genotype:
        """One gene changed for the least excess, else the smallest network that there is."""
        neighbors = [genotype, *(_changed(genotype, change) for change in changes)]
        least = min(neighbors, key=lambda g: self._excess(self.candidate(g)))
        if least != genotype:
            return least
        smallest = self.problem.sample(random.Random(0), 1, tries=0)[0]
        return self.space.genotype(smallest.genome)

    def _changes(self, genotype: Genotype) -> Iterator[Change]:
        """Every other gene of every node that keeps the cap on skips."""
        logs = pair_choices(self.table.double(), self.space.plan).clamp_min(1e-30).log().numpy()
        tables = self.cost.tables.numpy()
        for kind in self.space.kinds:
            for node, gene in enumerate(getattr(genotype, kind)):
                old = _entry(kind, node, gene)
                for other in _other_genes(node, gene):
                    new = _entry(kind, node, other)
                    added = tables[(slice(None), *new)] - tables[(slice(None), *old)]
                    change = Change(float(logs[old] - logs[new]), kind, node, other, added)
                    if _within_cap(_changed(genotype, change)):
                        yield change

    def _fits(self, candidate: Candidate) -> bool:
        return self.problem.fits(candidate.resources)

    def _excess(self, candidate: Candidate) -> tuple[int, float]:
        shares = self.problem.budget.shares(candidate.resources)
        return sum(share > 1 for share in shares.values()), max(shares.values(), default=0.0)


def _changed(genotype: Genotype, *changes: Change) -> Genotype:
    cells = {kind: list(getattr(genotype, kind)) for kind in KINDS}
    for change in changes:
        cells[change.kind][change.node] = change.gene
    return genotype.model_copy(update={kind: tuple(genes) for kind, genes in cells.items()})


def _entry(kind: str, node: int, gene: Gene) -> tuple[int, int, int]:
    """Where ``gene`` stands in a table ``(kind, edge, primitive)``."""
    return KINDS.index(kind), first_edge(node) + gene[1], PRIMITIVES.index(gene[0])


def _other_genes(node: int, gene: Gene) -> Iterator[Gene]:
    pairs = itertools.product(PRIMITIVES, range(node + 1))
    return (pair for pair in pairs if pair != gene and pair[0] != PRIMITIVES[NONE])


def _genes(genotype: Genotype) -> tuple[Gene, ...]:
    return genotype.normal + genotype.reduce


def _within_cap(genotype: Genotype) -> bool:
    cells = (genotype.normal, genotype.reduce)
    return all(sum(op == PRIMITIVES[SKIP] for op, _ in genes) <= MOST_SKIPS for genes in cells)
