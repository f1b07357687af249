"""One search problem: what may be chosen, what it may cost, and what it is judged by."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.budget import (
    RESOURCES,
    Budget,
    Resources,
    resources_of,
    shown,
)
from tinyml_nas.cost.npu import lint
from tinyml_nas.cost.packing import as_configured
from tinyml_nas.devices import Device
from tinyml_nas.errors import BudgetError, ToolError
from tinyml_nas.features import FeatureSet
from tinyml_nas.search.evaluator import Evaluator
from tinyml_nas.search.spaces import Genome, Space, genome_key, mutate, random_genome
from tinyml_nas.search.spaces.recipe_genes import as_written
from tinyml_nas.search.trial import Candidate

CHILD_TRIES = 50
"""Mutations that are tried for one child."""
DRAWS, COMPILED_DRAWS = 4000, 400
"""Draws for one sample; fewer where a compiler says what each costs, about 15 CPU-ms a network."""


@dataclass
class Tally:
    """How many candidates were decoded, and how many of them were refused for what they broke."""

    drawn: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def count(self, candidate: Candidate | None, budget: Budget) -> None:
        """Note a candidate, under what breaks the budget worst."""
        self.drawn += 1
        if candidate is None:
            self.refused["not a network"] += 1
        elif not candidate.on_npu:
            self.refused["not whole on the NPU"] += 1
        elif broken := budget.broken(candidate.resources):
            self.refused[broken[0]] += 1


@dataclass(frozen=True)
class Problem:
    """Space, hard budget, device, data, evaluator and the YAML's ``training`` section."""

    space: Space
    budget: Budget
    device: Device
    features: FeatureSet
    evaluator: Evaluator
    training: Training
    seed: int

    tally: Tally = field(default_factory=Tally, compare=False)

    def decode(self, genome: Genome) -> Candidate | None:
        """The candidate of ``genome``, be it affordable or not; ``None`` where it is no network.

        Also where ``compilation.npu: require`` refuses it.
        """
        candidate = self._decoded(genome)
        self.tally.count(candidate, self.budget)
        return candidate if candidate is not None and candidate.on_npu else None

    def fits(self, resources: Resources) -> bool:
        """Whether the hard budget is kept."""
        return not self.budget.broken(resources)

    def feasible(self, genomes: Iterable[Genome]) -> list[Candidate]:
        """The candidates of those ``genomes`` that are networks and keep the budget."""
        decoded = (self.decode(genome) for genome in genomes)
        return [c for c in decoded if c is not None and self.fits(c.resources)]

    def skeletons(self) -> list[Candidate]:
        """Of each network that the space knows to be good, the first version in the budget."""
        groups = (self.feasible(as_written(g) for g in group) for group in self.space.skeletons)
        firsts = (group[0] for group in groups if group)
        return list({candidate.key: candidate for candidate in firsts}.values())

    def sample(self, draw: random.Random, count: int, tries: int | None = None) -> list[Candidate]:
        """Up to ``count`` distinct random candidates that keep the budget, in the order drawn.

        A budget that hardly any draw keeps is met by shrinking one draw and mutating what came of
        it, so the list is short only where the space is.  Raises ``BudgetError`` where that fails.
        """
        if tries is None:
            tries = DRAWS if self.device.ethos_u is None else COMPILED_DRAWS
        found: dict[str, Candidate] = {}
        closest: Candidate | None = None
        for _ in range(tries):
            if len(found) == count:
                return list(found.values())
            candidate = self.decode(random_genome(self.space, draw))
            if candidate is None:
                continue
            if self.fits(candidate.resources):
                found.setdefault(candidate.key, candidate)
            elif closest is None or self._excess(candidate) < self._excess(closest):
                closest = candidate
        if not found:
            smallest = self._shrunk(closest)
            found[smallest.key] = smallest
        self._mutate_up_to(found, count, draw, tries)
        return list(found.values())

    def sample_with(
        self, known: Sequence[Genome], draw: random.Random, count: int
    ) -> list[Candidate]:
        """``count`` distinct candidates that keep the budget: the ``known`` first, others drawn.

        All with the recipe as the user wrote it.
        """
        drawn = [candidate.genome for candidate in self.sample(draw, count)]
        candidates = self.feasible(as_written(genome) for genome in (*known, *drawn))
        return list({candidate.key: candidate for candidate in candidates}.values())[:count]

    def child(self, parent: Genome, known: Container[str], draw: random.Random) -> Candidate | None:
        """A mutation of ``parent`` that keeps the budget and is not ``known``, if soon found.

        With the recipe as the user wrote it.
        """
        for _ in range(CHILD_TRIES):
            child = self.decode(as_written(mutate(self.space, parent, draw)))
            if child is not None and child.key not in known and self.fits(child.resources):
                return child
        return None

    def _decoded(self, genome: Genome) -> Candidate | None:
        genome = self.space.canonical(genome)
        try:
            network = self.space.network(genome, f"{self.space.name}_{genome_key(genome)}")
            network = as_configured(network, self.training)
        except ValueError:
            return None
        required = self.device.npu_mode == "require" and lint(network, self.device)
        whole = not (required and required.on_core)
        return Candidate(genome, network, resources_of(network, self.device), whole)

    def _excess(self, candidate: Candidate) -> tuple[int, float]:
        """How far the budget is broken: by how many resources, and by what share the worst."""
        shares = self.budget.shares(candidate.resources)
        broken = sum(share > 1 for share in shares.values()) + (not candidate.on_npu)
        return broken, max(shares.values(), default=0.0)

    def _shrunk(self, start: Candidate | None) -> Candidate:
        """A candidate that keeps the budget, found by descent; ``BudgetError`` where there is none.

        Each decision in turn takes the choice that leaves the least excess.
        """
        first = {decision.name: decision.choices[0] for decision in self.space.decisions}
        starts = [c for c in (start, self._decoded(first)) if c is not None]
        if not starts:
            raise ToolError(f"No genome of the space {self.space.name} decodes to a network.")
        reached = [self._descended(candidate) for candidate in starts]
        best = min(reached, key=self._excess)
        if not best.on_npu:
            raise BudgetError(
                f"No network of the space {self.space.name} runs whole on the NPU of "
                f"{self.device.name}.",
                hint="Set compilation.npu: auto, or search another training.nas_space.",
            )
        if not self.fits(best.resources):
            raise nothing_fits(self.budget, best.resources, self.training, self.device.name)
        return best

    def _descended(self, best: Candidate) -> Candidate:
        improved = True
        while improved:
            improved = False
            for decision in self.space.decisions:
                for choice in decision.choices:
                    other = self._decoded({**best.genome, decision.name: choice})
                    if other is not None and self._excess(other) < self._excess(best):
                        best, improved = other, True
        return best

    def _mutate_up_to(
        self, found: dict[str, Candidate], count: int, draw: random.Random, tries: int
    ) -> None:
        """Fill ``found`` up to ``count`` with feasible mutations of its members."""
        for _ in range(tries):
            if len(found) == count:
                return
            parent = draw.choice(list(found.values()))
            child = self.decode(mutate(self.space, parent.genome, draw))
            if child is not None and self.fits(child.resources):
                found.setdefault(child.key, child)


def _enough_ms(seconds: float) -> str:
    """``seconds`` in milliseconds, rounded up to three digits."""
    step = 10.0 ** (math.floor(math.log10(1e3 * seconds)) - 2)
    return f"{math.ceil(1e3 * seconds / step) * step:.3g} ms"


_ENOUGH: Mapping[str, Callable[[float], str]] = {
    "flash_bytes": lambda value: f"{math.ceil(value / 100) / 10:g} kB",
    "ram_bytes": lambda value: f"{math.ceil(value / 100) / 10:g} kB",
    "macs": lambda value: f"{math.ceil(value / 100) / 10:g}k",
    "latency_seconds": _enough_ms,
}


def nothing_fits(budget: Budget, least: Resources, training: Training, device: str) -> BudgetError:
    """The error for a budget that no network keeps; ``least`` is what comes closest to it."""
    broken = budget.broken(least)
    needs = (
        f"{RESOURCES[name]} binds: the smallest needs {shown(name, getattr(least, name))}, "
        f"the budget is {shown(name, getattr(budget, name))}"
        for name in broken
    )
    raises = []
    for name in broken:
        key = name.split("_")[0]
        written = getattr(training.nas_budget, key) is not None
        enough = _ENOUGH[name](getattr(least, name))
        own = f"raise training.nas_budget.{key} to {enough}"
        raises.append(
            own if written else f"take a device with more {RESOURCES[name]} than {device}"
        )
    return BudgetError(
        f"no network of the space fits: {'; '.join(needs)}",
        hint=f"{' and '.join(raises)}, or lower frame_size",
    )
