"""Repair of genotypes: the likeliest change that makes the exact cost fit."""

from __future__ import annotations

import dataclasses
import itertools
import re

import numpy as np
import pytest
import runs
import samples
import torch

from tinyml_nas.cost.budget import Budget
from tinyml_nas.errors import BudgetError
from tinyml_nas.search import PRIMITIVES
from tinyml_nas.search.cells.genotype import Genotype, discretize
from tinyml_nas.search.darts.mend import Mender
from tinyml_nas.search.darts.penalty import as_mixture, cost_model, pair_choices
from tinyml_nas.search.spaces.cells import CellSpace

pytestmark = pytest.mark.fast

RESOURCES = ("flash_bytes", "ram_bytes", "macs", "latency_seconds")


@pytest.fixture(scope="module")
def mender(tmp_path_factory):
    start = runs.start(tmp_path_factory.mktemp("mend")).problem

    def make(seed: int = 0, dims=(3, 2, 2, 2, 2), **limits: float) -> Mender:
        space = CellSpace(samples.space((2, 64), 3, dims))
        problem = dataclasses.replace(start, space=space, budget=Budget(**limits))
        edges = len(space.plan.edges)
        table = torch.randn(2, edges, 7, generator=torch.Generator().manual_seed(seed)).softmax(-1)
        return Mender(problem, space, cost_model(space.plan, problem.device), table)

    return make


def likeliest(mender: Mender) -> Genotype:
    cells = (discretize(kind, 2) for kind in mender.table.numpy())
    return Genotype(*cells, mender.space.plan.concat)


def log_probability(mender: Mender, genotype: Genotype) -> float:
    logs = pair_choices(mender.table.double(), mender.space.plan).log()
    return (logs.nan_to_num(neginf=0) * as_mixture(genotype)).sum().item()


def all_genotypes(mender: Mender):
    genes = [
        list(itertools.product(PRIMITIVES[1:], range(node + 1)))
        for node in range(mender.space.plan.nodes)
    ]
    cells = list(itertools.product(*genes))
    return [Genotype(n, r, mender.space.plan.concat) for n in cells for r in cells]


def test_what_fits_is_left_alone(mender):
    plain = mender()
    mended = plain.mend(likeliest(plain))
    assert (mended.genes, mended.genotype) == (0, likeliest(plain))


@pytest.mark.parametrize("seed", range(3))
def test_a_mended_genotype_fits_exactly(mender, seed):
    free, draw = mender(seed), np.random.default_rng(seed)
    drawn = [samples.random_genotype(free.space.plan, draw) for _ in range(60)]
    resources = [free.candidate(genotype).resources for genotype in drawn]
    for resource in RESOURCES:
        costs = [getattr(each, resource) for each in resources]
        limit = (max(costs) + min(costs)) / 2
        mended = mender(seed, **{resource: limit}).mend(drawn[np.argmax(costs)])
        assert getattr(mended.candidate.resources, resource) <= limit
        assert mended.genes > 0


@pytest.mark.parametrize("resource", ["flash_bytes", "macs"])
def test_one_or_two_genes_lose_the_least_probability(mender, resource):
    compared = 0
    for seed in range(3):
        free = mender(seed)
        start = likeliest(free)
        limit = 0.93 * getattr(free.candidate(start).resources, resource)
        tight = mender(seed, **{resource: limit})
        mended = tight.mend(start)
        if mended.genes > 2:
            continue
        near = [
            genotype
            for genotype in all_genotypes(free)
            if distance(genotype, start) <= mended.genes
            and getattr(free.candidate(genotype).resources, resource) <= limit
        ]
        best = max(log_probability(free, genotype) for genotype in near)
        assert log_probability(free, mended.genotype) == pytest.approx(best)
        if mended.genes == 2:
            assert all(distance(genotype, start) == 2 for genotype in near)
        compared += 1
    assert compared


def distance(a: Genotype, b: Genotype) -> int:
    genes = zip(a.normal + a.reduce, b.normal + b.reduce, strict=True)
    return sum(x != y for x, y in genes)


def test_many_genes_are_changed_where_two_do_not_suffice(mender):
    dims = (3, 4, 4, 3, 4)
    free = mender(dims=dims)
    seven = (("conv_bn_relu_7x1", 0),) * 4
    large = Genotype(seven, seven, free.space.plan.concat)
    limit = 0.5 * free.candidate(large).resources.macs
    mended = mender(dims=dims, macs=limit).mend(large)
    assert mended.genes > 2
    assert mended.candidate.resources.macs <= limit


def test_where_nothing_fits_the_error_says_what_binds_and_what_would_do(mender):
    tight = mender(macs=100)
    with pytest.raises(BudgetError, match="MACs binds: the smallest needs") as error:
        tight.mend(likeliest(tight))
    needed = int(re.search(r"needs ([\d,]+), the", str(error.value))[1].replace(",", ""))
    some = all_genotypes(tight)[::17]
    assert needed <= min(tight.candidate(genotype).resources.macs for genotype in some)


def test_runners_up_fit_and_come_in_order(mender):
    free = mender()
    start = likeliest(free)
    limit = free.candidate(start).resources.flash_bytes
    found = list(mender(flash_bytes=limit).runners_up(start))
    chances = [log_probability(free, item.genotype) for item in found]
    assert chances == sorted(chances, reverse=True)
    assert all(item.candidate.resources.flash_bytes <= limit for item in found)
    assert {distance(item.genotype, start) for item in found} == {1}


def test_mending_is_repeatable(mender):
    draw = np.random.default_rng(0)
    tight = mender(dims=(3, 3, 2, 2, 3), flash_bytes=3000)
    genotype = samples.random_genotype(tight.space.plan, draw)
    assert tight.mend(genotype) == tight.mend(genotype)
