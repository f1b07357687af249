"""One search problem: what may be chosen, what it may cost, and what it is judged by."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tinyml_nas.config.training import Training
from tinyml_nas.devices import Device
from tinyml_nas.errors import BudgetError
from tinyml_nas.features import FeatureSet
from tinyml_nas.search.budget import Budget, Resources, resources_of
from tinyml_nas.search.evaluator import Evaluator
from tinyml_nas.search.spaces import Genome, Space, genome_key, random_genome
from tinyml_nas.search.trial import Candidate


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

    def decode(self, genome: Genome) -> Candidate | None:
        """The candidate of ``genome``, be it affordable or not; ``None`` where it is no network."""
        genome = self.space.canonical(genome)
        try:
            network = self.space.network(genome, f"{self.space.name}_{genome_key(genome)}")
        except ValueError:
            return None
        return Candidate(genome, network, resources_of(network, self.device))

    def fits(self, resources: Resources) -> bool:
        """Whether the hard budget is kept."""
        return not self.budget.broken(resources)

    def sample(self, draw: random.Random, count: int, tries: int = 20_000) -> list[Candidate]:
        """Up to ``count`` distinct random candidates that keep the budget.

        Raises ``BudgetError`` where ``tries`` draws find none.
        """
        found: dict[str, Candidate] = {}
        for _ in range(tries):
            candidate = self.decode(random_genome(self.space, draw))
            if candidate is not None and self.fits(candidate.resources):
                found.setdefault(candidate.key, candidate)
                if len(found) == count:
                    break
        if not found:
            raise BudgetError("no network of the space keeps the budget")
        return list(found.values())
