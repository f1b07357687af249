"""The surrogate: it ranks what it has not seen, sees through luck, and picks no idea twice."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import runs

from tinyml_nas.search.auto.prior import Prior
from tinyml_nas.search.auto.surrogate import Surrogate

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    generous = "{flash: 32 kB}"  # what is drawn is seldom refused
    return runs.start(tmp_path_factory.mktemp("surrogate"), nas_budget=generous).problem


@pytest.fixture(scope="module")
def reference(problem):
    return problem.sample(random.Random(0), 100)


@pytest.fixture(scope="module")
def pool(problem):
    return problem.sample(random.Random(1), 100)


@pytest.fixture
def surrogate(problem, reference):
    return Surrogate(problem.space, reference)


def merit(candidate):
    """A made-up truth with a trend, a choice and an interaction in it."""
    genome = candidate.genome
    good_head = {"avg": 0.0, "max": -1.0, "avg_max": 1.0}[genome["head"]]
    deep = genome["stages"] >= 2 and genome["stem_stride"] > 1
    return math.log(candidate.resources.macs) + good_head + 0.7 * deep


def rank_correlation(a, b):
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def test_it_ranks_candidates_that_it_has_not_seen(surrogate, pool):
    known, unseen = pool[:40], pool[40:]
    surrogate.learn(known, [merit(c) for c in known])
    order = surrogate.ordered(unseen)
    assert rank_correlation([merit(c) for c in order], -np.arange(len(order))) > 0.6


def test_before_any_trial_it_expects_what_the_prior_does(problem, pool):
    surrogate = Surrogate(problem.space, pool)
    expected = dict(zip([c.key for c in pool], Prior(pool)(pool), strict=True))
    in_order = [expected[c.key] for c in surrogate.ordered(pool)]
    assert in_order == sorted(in_order, reverse=True)
    assert np.mean([expected[c.key] for c in surrogate.pick(pool, 10)]) > 0.5


def test_trials_overrule_the_prior(surrogate, pool):
    against = [-float(value) for value in Prior(pool)(pool)]
    surrogate.learn(pool[:60], against[:60])
    order = surrogate.ordered(pool[60:])
    place = {candidate.key: -index for index, candidate in enumerate(order)}
    assert rank_correlation([place[c.key] for c in pool[60:]], against[60:]) > 0.3


def test_it_knows_better_than_noisy_scores(surrogate, pool):
    known = pool[:60]
    truth, draw = np.array([merit(c) for c in known]), np.random.default_rng(3)
    gains = []
    for _ in range(10):
        noisy = truth + truth.std() * draw.normal(size=len(known))
        surrogate.learn(known, noisy)
        order = surrogate.ordered(known)
        place = {candidate.key: -index for index, candidate in enumerate(order)}
        smoothed = [place[c.key] for c in known]
        gains.append(rank_correlation(smoothed, truth) - rank_correlation(noisy, truth))
    assert np.mean(gains) > 0.05


def test_a_batch_is_not_one_idea_many_times(surrogate, pool):
    known, unseen = pool[:20], pool[20:]
    surrogate.learn(known, [merit(c) for c in known])
    picked = surrogate.pick(unseen, 6)
    assert len({c.key for c in picked}) == 6
    assert picked == surrogate.pick(unseen, 6)  # picking leaves no trace
    assert np.mean([merit(c) for c in picked]) > np.mean([merit(c) for c in unseen])


def test_equal_merits_and_short_pools_do_no_harm(surrogate, pool):
    known = pool[:5]
    surrogate.learn(known, [1.0] * 5)
    assert len(surrogate.pick(known[:3], 6)) == 3
    assert {c.key for c in surrogate.ordered(known)} == {c.key for c in known}


@pytest.mark.parametrize("copies", [1, 3])
def test_a_reference_of_equal_networks_leaves_expectations_sane(problem, pool, copies):
    reference = pool[:1] * copies
    assert np.abs(Prior(reference)(pool)).max() < 10
    surrogate = Surrogate(problem.space, reference)
    known, unseen = pool[:60], pool[60:]
    for merits in ([merit(c) for c in known], [0.5] * len(known)):
        surrogate.learn(known, merits)
        assert len({c.key for c in surrogate.pick(unseen, 10)}) == 10
    surrogate.learn(known, [merit(c) for c in known])
    order = surrogate.ordered(unseen)
    assert rank_correlation([merit(c) for c in order], -np.arange(len(order))) > 0.6
    twins = [known[0]] * 20
    surrogate.learn(twins, [1.0] * 20)  # equal rows, which only the noise keeps apart
    assert np.isfinite(surrogate._predicted(surrogate._inputs(pool))).all()
