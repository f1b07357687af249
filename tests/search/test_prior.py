"""The prior's traits are read off networks of any space; its scale is that of random networks."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import runs

from tinyml_nas.cost.budget import Resources
from tinyml_nas.graph import (
    INPUT,
    Concat,
    Conv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    Shape,
)
from tinyml_nas.search.auto.prior import PAYS, Prior, traits
from tinyml_nas.search.trial import Candidate

pytestmark = pytest.mark.fast


def test_traits_of_a_network_with_branches():
    nodes = (
        Node("a", Conv(8, 5, 2, (2, 2)), (INPUT,)),
        Node("b", Conv(4, 3, 1, (1, 1)), ("a",)),
        Node("c", Conv(4, 1), ("a",)),
        Node("both", Concat(), ("b", "c")),
        Node("half", MaxPool(2, 2), ("both",)),
        Node("d", Conv(16, 3, 1, (1, 1)), ("half",)),
        Node("mean", GlobalAvgPool(), ("d",)),
        Node("out", Linear(3), ("mean",)),
    )
    network = Network("branches", Shape(2, 64), nodes)
    found = traits(Candidate({}, network, Resources(700, 20_000, 4000, 900, None)))
    assert list(found) == list(PAYS)
    # 5 samples; 2 steps of 2 more; 1 step of 2 more; 2 steps of 4 more
    assert found["share of window seen"] == pytest.approx((5 + 4 + 2 + 8) / 64)
    assert found["filters along time"] == 3
    assert found["log first width"] == math.log(8)
    assert found["log last width"] == math.log(16)
    assert found["mean in head"]
    assert not found["maximum in head"]


@pytest.mark.parametrize("space", ["chain", "cells"])
def test_random_networks_of_every_space_have_standing(tmp_path, space):
    keys = {"nas_space": space, "nas_budget": "{flash: 60 kB, ram: 16 kB}"}
    pool = runs.start(tmp_path, **keys).problem.sample(random.Random(1), 40)
    merits = Prior(pool)(pool)
    assert merits.mean() == pytest.approx(0, abs=1e-6)
    assert 0.1 < np.std(merits) < 1
