"""The cell space as named decisions: genomes, genotypes and networks say the same."""

from __future__ import annotations

import random

import numpy as np
import pytest
import samples

from tinyml_nas.search import derive
from tinyml_nas.search.spaces import Decision, mutate, random_genome
from tinyml_nas.search.spaces.cells import CellSpace

pytestmark = pytest.mark.fast

PLANS = [
    ((9, 128), (3, 4, 1, 3, 4)),
    ((1, 50), (6, 4, 2, 2, 2)),
    ((2, 9), (4, 3, 2, 1, 1)),  # some reduction cells are too short to stride
    ((3, 24), (1, 2, 1, 1, 2)),  # a reduction cell only
]
spaces = pytest.mark.parametrize(("shape", "dims"), PLANS)


@spaces
def test_a_genotype_and_its_genome_are_one_network(shape, dims):
    space, draw = CellSpace(samples.space(shape, 4, dims)), np.random.default_rng(3)
    for _ in range(60):
        genotype = samples.random_genotype(space.plan, draw)
        genome = space.genome(genotype)
        assert set(genome) == {decision.name for decision in space.decisions}
        assert space.network(genome, "n") == derive(genotype, space.plan, "n")
        assert space.genome(space.genotype(genome)) == genome == space.canonical(genome)


@spaces
def test_canonical_genomes_differ_where_networks_do(shape, dims):
    space, draw = CellSpace(samples.space(shape, 4, dims)), random.Random(1)
    networks = {}
    for _ in range(300):
        genome = random_genome(space, draw)
        network = space.network(genome, "n")
        assert networks.setdefault(network, genome) == genome


@spaces
def test_a_mutation_changes_the_network(shape, dims):
    space, draw = CellSpace(samples.space(shape, 4, dims)), random.Random(2)
    for _ in range(50):
        genome = random_genome(space, draw)
        child = mutate(space, genome, draw)
        assert space.network(child, "n") != space.network(genome, "n")


def test_choices_of_the_recipe_ride_along():
    extra = (Decision("augmentation", (0.0, 1.0)),)
    space = CellSpace(samples.space(), extra)
    genome = random_genome(space, random.Random(0)) | {"augmentation": 1.0}
    assert space.canonical(genome) == genome
    assert space.decisions[-1] == extra[0]
    plain = {name: value for name, value in genome.items() if name != "augmentation"}
    assert space.network(genome, "n") == space.network(plain, "n")
    assert space.canonical(plain)["augmentation"] == 0.0


def test_without_normal_cells_there_is_nothing_to_decide_about_them():
    space = CellSpace(samples.space((3, 24), 3, (1, 2, 1, 1, 2)))
    assert space.kinds == ("reduce",)
    assert [d.name for d in space.decisions] == ["reduce0_op", "reduce1_op", "reduce1_from"]
