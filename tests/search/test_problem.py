"""Drawing what a hard budget allows, and saying which budget binds where it allows nothing."""

from __future__ import annotations

import random

import pytest
import runs

from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.packing import weight_bits
from tinyml_nas.errors import BudgetError
from tinyml_nas.search.spaces import random_genome

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "budget",
    ["{flash: 4 kB, ram: 1 kB}", "{macs: 8k}", "{latency: 1 ms}", "{flash: 1600 B, macs: 2k}"],
)
def test_what_is_drawn_keeps_the_budget_and_is_distinct(tmp_path, budget):
    problem = runs.start(tmp_path, nas_budget=budget).problem
    found = problem.sample(random.Random(1), 40, tries=1000)
    assert len({candidate.key for candidate in found}) == len(found) == 40
    assert all(problem.fits(candidate.resources) for candidate in found)


def test_a_budget_that_no_draw_keeps_is_met_by_descent(tmp_path):
    problem = runs.start(tmp_path, nas_budget="{flash: 1600 B, ram: 200 B, macs: 1k}").problem
    draw = random.Random(1)
    draws = [problem.decode(random_genome(problem.space, draw)) for _ in range(30)]
    assert not any(c is not None and problem.fits(c.resources) for c in draws)
    found = problem.sample(random.Random(1), 8, tries=30)
    assert len({candidate.key for candidate in found}) == len(found) >= 4
    assert all(problem.fits(candidate.resources) for candidate in found)


def test_equal_draws_give_equal_candidates(tmp_path):
    problem = runs.start(tmp_path).problem
    one, other = (problem.sample(random.Random(7), 10) for _ in range(2))
    assert [c.key for c in one] == [c.key for c in other]


@pytest.mark.parametrize(
    ("budget", "binds", "remedy"),
    [
        ("{ram: 20 B}", "RAM binds: the smallest needs", "raise training.nas_budget.ram to 0.1 kB"),
        ("{flash: 300 B}", "flash binds", "raise training.nas_budget.flash to"),
        ("{macs: 20}", "MACs binds", "raise training.nas_budget.macs to"),
        ("{latency: 1 us}", "latency binds", "raise training.nas_budget.latency to 0."),
    ],
)
def test_a_budget_that_nothing_meets_is_explained(tmp_path, budget, binds, remedy):
    problem = runs.start(tmp_path, nas_budget=budget).problem
    with pytest.raises(BudgetError, match=binds) as caught:
        problem.sample(random.Random(1), 4, tries=200)
    assert remedy in caught.value.hint
    assert caught.value.exit_code == 3


def test_what_the_message_promises_is_enough(tmp_path):
    """The budget that the hint names is one that some network keeps."""
    problem = runs.start(tmp_path, nas_budget="{flash: 300 B}").problem
    with pytest.raises(BudgetError) as caught:
        problem.sample(random.Random(1), 4, tries=200)
    enough = caught.value.hint.split(" to ")[1].split(",")[0]
    problem = runs.start(tmp_path, nas_budget=f"{{flash: {enough}}}").problem
    assert problem.sample(random.Random(1), 1, tries=200)


def test_refusals_are_counted_by_what_breaks_worst(tmp_path):
    problem = runs.start(tmp_path, nas_budget="{macs: 8k}").problem
    found = problem.sample(random.Random(1), 10)
    tally = problem.tally
    assert set(tally.refused) <= {"macs", "not a network"}
    assert tally.drawn == len(found) + sum(tally.refused.values())


def test_candidates_cost_what_they_do_with_the_bits_that_the_yaml_fixes(tmp_path):
    wide = runs.start(tmp_path).problem
    narrow = runs.start(tmp_path, quantization_weight_bitwidth="4").problem
    genomes = [candidate.genome for candidate in wide.sample(random.Random(3), 5)]
    for genome in genomes:
        eight, four = wide.decode(genome), narrow.decode(genome)
        assert set(weight_bits(four.network).values()) == {4}
        assert four.resources.parameters == eight.resources.parameters
        assert network_cost(four.network).table_bytes < network_cost(eight.network).table_bytes
