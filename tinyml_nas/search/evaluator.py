"""Judges a candidate by training it: on all folds but one, by the score on that one.

Folds are cut from the training and the validation split together, whole groups at a time.  The test
split is not even carried along.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.graph import INPUT, Conv, GlobalAvgPool, Linear, Network, Node, Shape
from tinyml_nas.search.spaces.recipe_genes import recipe_of
from tinyml_nas.search.trial import Outcome, Trial
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.loop import Normalizer, train_epoch, validate
from tinyml_nas.train.recipe import Recipe, make_optimizer
from tinyml_nas.train.seeding import generator
from tinyml_nas.train.tasks import task_of

SECONDS_PER_STEP = 0.6e-3
SECONDS_PER_NODE_STEP = 0.7e-3
SECONDS_PER_INPUT_VALUE = 1.5e-8
SECONDS_PER_VALUE = 0.8e-8
SECONDS_PER_MAC = 0.6e-9
"""The work model: CPU-seconds of a training on the machine where these were fitted (speed 1)."""
PROBE_STEPS, PROBE_REPEATS = 12, 5
"""Steps of a training that measures the speed of this machine, and how many such trainings."""
SPEEDS = (0.1, 20.0)
"""Smallest and largest speed that a measurement may give."""
DIVERGED = Outcome(score=0.0, loss=math.inf, windows=0)


@dataclass(frozen=True)
class Evaluator:
    """Trains and scores; ``folds`` are indices into the training examples, then the validation's.

    ``speed`` is how many times longer this machine takes than the work model says.
    """

    features: FeatureSet
    recipe: Recipe
    folds: tuple[npt.NDArray[np.int64], ...]
    speed: float = 1.0

    def __call__(self, trial: Trial) -> Outcome:
        """Train as ``trial`` says, on one thread, and score the held-out fold."""
        torch.set_num_threads(1)
        train, held_out = self.sides(trial.fold)
        recipe = recipe_of(trial.candidate.genome, self.recipe)
        recipe = dataclasses.replace(recipe, epochs=trial.epochs, device="cpu")
        module = build_module(trial.candidate.network, generator(trial.seed, "weights"))
        loss = train_module(module, train, self.features, recipe, trial.seed)
        if not math.isfinite(loss):
            return DIVERGED
        task = task_of(self.features)
        loss, score = validate(module, task.judged(held_out), Normalizer(self.features), task)
        return Outcome(max(score, 0.0), loss, len(held_out))

    def sides(self, fold: int) -> tuple[Examples, Examples]:
        """Training examples and held-out examples of ``fold``."""
        pool = self.features.known()
        held_out = self.folds[fold % len(self.folds)]
        rest = np.setdiff1d(np.arange(len(pool)), held_out)
        return pool.taken(rest), pool.taken(held_out)

    def work(self, trial: Trial) -> float:
        """Expected CPU-seconds of ``trial``."""
        pool = sum(len(fold) for fold in self.folds)
        windows = pool - len(self.folds[trial.fold % len(self.folds)])
        return self.speed * training_seconds(
            trial.candidate.network, windows, trial.epochs, self.recipe.batch_size
        )


def train_module(
    module: torch.nn.Module, train: Examples, features: FeatureSet, recipe: Recipe, seed: int
) -> float:
    """Train ``module`` in place for all epochs of ``recipe``; the last epoch's loss."""
    optimizer = make_optimizer(recipe, module.parameters())
    task, normalize, loss = recipe.task(features), Normalizer(features), math.nan
    for epoch in range(recipe.epochs):
        loss = train_epoch(module, optimizer, train, normalize, recipe, task, seed, epoch)
        if not math.isfinite(loss):
            break
    return loss


def training_seconds(network: Network, windows: int, epochs: int, batch_size: int) -> float:
    """CPU-seconds of a training on the machine where the constants were fitted."""
    steps = max(1, windows // batch_size)
    values = sum(network.shapes[node.name].size for node in network.nodes)
    macs = sum(node.op.macs(network.input_shapes(node)) for node in network.nodes)
    per_window = (
        network.input_shape.size * SECONDS_PER_INPUT_VALUE
        + values * SECONDS_PER_VALUE
        + macs * SECONDS_PER_MAC
    )
    per_step = SECONDS_PER_STEP + len(network.nodes) * SECONDS_PER_NODE_STEP
    return epochs * (steps * per_step + windows * per_window)


def measured_speed(evaluator: Evaluator) -> float:
    """Seconds that a fixed small chain takes here over what the work model says, two digits.

    The median of a few short trainings in CPU time; the first one, which warms up, is left out.
    """
    features, recipe = evaluator.features, dataclasses.replace(evaluator.recipe, epochs=1)
    recipe = dataclasses.replace(recipe, device="cpu")
    pool = features.known()
    some = pool.taken(np.arange(len(pool))[: PROBE_STEPS * recipe.batch_size])
    network = _probe(Shape(*pool.x.shape[1:]), features.outputs)
    seconds = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for repeat in range(PROBE_REPEATS + 1):
        module = build_module(network, generator(repeat, "probe"))
        start = time.process_time()
        train_module(module, some, features, recipe, repeat)
        seconds.append(time.process_time() - start)
    torch.set_num_threads(threads)
    expected = training_seconds(network, len(some), 1, recipe.batch_size)
    ratio = statistics.median(seconds[1:]) / expected
    return two_digits(min(max(ratio, SPEEDS[0]), SPEEDS[1]))


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
