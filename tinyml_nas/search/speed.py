"""How fast this machine trains, in units of the work model; measured once per search."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time

import numpy as np
import torch

from tinyml_nas.graph import INPUT, Conv, GlobalAvgPool, Linear, Network, Node, Shape
from tinyml_nas.search.evaluator import Evaluator, train_module, training_seconds
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator

STEPS = 12
REPEATS = 5
RANGE = (0.1, 20.0)
"""No measurement is believed beyond this."""


def measured_speed(evaluator: Evaluator) -> float:
    """Seconds that a fixed small chain takes here over what the work model says, two digits.

    The median of a few short trainings in CPU time; the first one, which warms up, is left out.
    """
    features, recipe = evaluator.features, dataclasses.replace(evaluator.recipe, epochs=1)
    recipe = dataclasses.replace(recipe, device="cpu")
    pool = features.known()
    some = pool.taken(np.arange(len(pool))[: STEPS * recipe.batch_size])
    network = _probe(Shape(*pool.x.shape[1:]), features.outputs)
    seconds = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for repeat in range(REPEATS + 1):
        module = build_module(network, generator(repeat, "probe"))
        start = time.process_time()
        train_module(module, some, features, recipe, repeat)
        seconds.append(time.process_time() - start)
    torch.set_num_threads(threads)
    expected = training_seconds(network, len(some), 1, recipe.batch_size)
    ratio = statistics.median(seconds[1:]) / expected
    return two_digits(min(max(ratio, RANGE[0]), RANGE[1]))


def two_digits(value: float) -> float:
    """``value`` rounded to two significant digits."""
    return round(value, 1 - math.floor(math.log10(value)))


def _probe(shape: Shape, classes: int) -> Network:
    """Two convolutions and a classifier: legal for any input."""
    nodes = (
        Node("first", Conv(8, 3, 1, (1, 1)), (INPUT,)),
        Node("second", Conv(8, 3, 1, (1, 1)), ("first",)),
        Node("pool", GlobalAvgPool(), ("second",)),
        Node("classifier", Linear(classes), ("pool",)),
    )
    return Network("probe", shape, nodes)
