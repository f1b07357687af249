"""What every search space answers: named decisions, and the network that they decode to.

A genome is one choice per decision.  Strategies only ever see decisions and genomes, so a new space
works with every strategy, and a new strategy in every space.  Free of torch.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tinyml_nas.graph import Network

Value = int | float | str
Genome = Mapping[str, Value]
"""Choice by name of its decision; one that is missing is the first, which changes nothing."""


@dataclass(frozen=True)
class Decision:
    """One thing to decide; ``choices`` stand in their natural order where they have one."""

    name: str
    choices: tuple[Value, ...]


class Space(Protocol):
    """Decisions about a network (and about its training) for one input shape and class count."""

    @property
    def name(self) -> str:
        """Name of the space in files and reports."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions, in the order in which the network meets them."""

    @property
    def skeletons(self) -> Sequence[Sequence[Genome]]:
        """Networks that did well on much other data, each followed by ever cheaper versions."""

    def canonical(self, genome: Genome) -> dict[str, Value]:
        """``genome`` with every decision that has no effect set to its first choice."""

    def network(self, genome: Genome, name: str) -> Network:
        """The network of ``genome``; raises ``ValueError`` where there is none."""


def random_genome(space: Space, draw: random.Random) -> dict[str, Value]:
    """A genome whose choices are drawn independently and uniformly."""
    return space.canonical({d.name: draw.choice(d.choices) for d in space.decisions})


def mutate(space: Space, genome: Genome, draw: random.Random) -> dict[str, Value]:
    """``genome`` with one decision changed that matters.

    An ordered decision moves to a neighbor as often as anywhere else.
    """
    start = space.canonical(genome)
    for _ in range(100):
        decision = draw.choice(space.decisions)
        child = space.canonical({**start, decision.name: _other(decision, start, draw)})
        if child != start:
            return child
    return start


def crossover(space: Space, a: Genome, b: Genome, draw: random.Random) -> dict[str, Value]:
    """Each decision from one of two parents."""
    return space.canonical({d.name: draw.choice((a, b))[d.name] for d in space.decisions})


def genome_key(genome: Genome) -> str:
    """A short name that equal genomes share."""
    text = json.dumps(dict(genome), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _other(decision: Decision, genome: Genome, draw: random.Random) -> Value:
    choices = decision.choices
    index = choices.index(genome[decision.name])
    neighbors = [choices[i] for i in (index - 1, index + 1) if 0 <= i < len(choices)]
    return draw.choice(neighbors if neighbors and draw.random() < 0.5 else list(choices))
