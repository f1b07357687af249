"""Small data sets and spaces for the tests of the search."""

from __future__ import annotations

import numpy as np

from tinyml_nas.cost.budget import Budget
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.search import PRIMITIVES
from tinyml_nas.search.cells.genotype import Genotype
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.darts.settings import SearchSettings

PRESETS = {"s": (3, 4, 1, 3, 4), "m": (10, 4, 1, 3, 4), "l": (12, 4, 4, 3, 4)}


def space(
    shape: tuple[int, int] = (2, 32), classes: int = 3, dims: tuple[int, ...] = (3, 2, 1, 2, 2)
) -> SearchSpace:
    """A space from (layers, nodes, channels, stem multiplier, fanout)."""
    return SearchSpace(Shape(*shape), classes, *dims)


def settings(**changes: object) -> SearchSettings:
    values: dict[str, object] = {
        "epochs": 2,
        "batch_size": 16,
        "mode": "Memory",
        "penalty_weight": 0.1,
        "alpha_learning_rate": 0.01,
        "weight_decay": 1e-4,
        "unrolled": False,
        "sampled": False,
        "budget": Budget(),
        "balanced": True,
        "seed": 7,
    }
    return SearchSettings(**(values | changes))


def waves(count: int, shape: tuple[int, int], classes: int, seed: int) -> Examples:
    """Noisy sines whose frequency is the class, sorted by class as data on disk often is."""
    draw = np.random.default_rng(seed)
    y = np.sort(np.arange(count) % classes)
    t = np.arange(shape[1]) / shape[1]
    phase = draw.uniform(0, 2 * np.pi, (count, shape[0], 1))
    x = np.sin(2 * np.pi * (2 + 3 * y[:, None, None]) * t + phase)
    x = 5 + 3 * x + draw.normal(0, 0.5, x.shape)
    recording = np.arange(count) // 4
    return Examples(x.astype(np.float32), y.astype(np.int64), recording)


def features(
    shape: tuple[int, int] = (2, 32), classes: int = 3, count: int = 192, seed: int = 0
) -> FeatureSet:
    train = waves(count, shape, classes, seed)
    return FeatureSet(
        train=train,
        validation=waves(count // 4, shape, classes, seed + 1),
        test=waves(count // 4, shape, classes, seed + 2),
        normalization=Normalization(train.x.mean((0, 2)), train.x.std((0, 2))),
        class_names=tuple("abcdefgh"[:classes]),
        channel_names=tuple(f"c{i}" for i in range(shape[0])),
        chain=(),
    )


def random_genotype(space: SearchSpace, draw: np.random.Generator) -> Genotype:
    """Any edge and any primitive but ``none`` for each node."""

    def genes() -> tuple[tuple[str, int], ...]:
        return tuple(
            (PRIMITIVES[draw.integers(1, 7)], int(draw.integers(0, node + 1)))
            for node in range(space.nodes)
        )

    return Genotype(genes(), genes(), space.concat)
