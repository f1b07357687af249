"""Learns ``search/auto/prior.py``: which traits of a random network pay, whatever the data.

    python benchmarks/learn_prior.py DATASETS [--nets 20]

``DATASETS`` has ``cwru_de12k`` (bearings), ``fsdd`` (spoken digits), ``japanese_vowels``, ``ucr``
and ``uci_hapt``.  The table is learned of all but the last two sets, which only show how far it
carries.  Of UCR and of the people the training sides alone are read, cut in two, for their test
sides are those of other benchmarks.

On every set, under a wide and a narrow budget, random networks of the chain space are trained on a
few hundred windows and ranked, by accuracy and loss, on many others.  A ridge regression on all
traits, each in deviations of the set's own networks, gives the table.  Half an hour on one core.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.budget import Budget
from tinyml_nas.devices import load_device
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.search.auto.prior import PAYS, trait_matrix
from tinyml_nas.search.evaluator import Evaluator
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.search.trial import Trial
from tinyml_nas.train.augment import Augmentation
from tinyml_nas.train.recipe import Recipe
from tinyml_nas.train.seeding import make_deterministic

BUDGETS = (Budget(7168, 8192, 400_000), Budget(6144, 2048, 50_000))
SEEN, BATCH, RIDGE = 8_000, 64, 100.0
"""Windows that each network sees in its training, of one batch, and the ridge."""

Array = npt.NDArray[np.float64]
Windows = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]
"""Windows (N, channels, length) and their classes."""
Loader = Callable[[Path, np.random.Generator], tuple[Windows, Windows]]


def bearings(folder: Path, draw: np.random.Generator) -> tuple[Windows, Windows]:
    """Nine faults of CWRU's drive end; two loads against the two others."""
    sides: tuple[list[Windows], list[Windows]] = ([], [])
    kinds: dict[tuple[str, str], int] = {}
    with np.load(folder / "cwru_de12k" / "cwru_de12k.npz") as file:
        for name in file.files:
            speed, kind, size, *_ = [*name.split("_"), "", ""]
            if "Normal" in name or size == "28" or kind in ("OR@3", "OR@12"):
                continue
            label = kinds.setdefault((kind, size), len(kinds))
            side, count = (0, 10) if speed in ("1797", "1772") else (1, 100)
            cut = file[name][: len(file[name]) // 256 * 256].reshape(-1, 1, 256)
            chosen = cut[draw.choice(len(cut), count, replace=False)]
            sides[side].append((chosen, np.full(count, label)))
    return _joined(sides[0]), _joined(sides[1])


def digits(folder: Path, draw: np.random.Generator) -> tuple[Windows, Windows]:
    """Spoken digits as 12 log bands x 40 frames; four speakers against two."""
    with np.load(folder / "fsdd" / "fsdd.npz") as file:
        audio, lengths, y, speaker = (file[n] for n in ("audio", "lengths", "digit", "speaker"))
    ends = np.cumsum(lengths)
    x = np.stack([_bands(audio[end - n : end]) for n, end in zip(lengths, ends, strict=True)])
    first = np.isin(speaker, np.unique(speaker)[:4])
    train = draw.choice(np.flatnonzero(first), 300, replace=False)
    return (x[train], y[train].astype(np.int64)), (x[~first], y[~first].astype(np.int64))


def _bands(sound: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """(12, 40): logarithm of the power in bands that widen with frequency, 256 samples a frame."""
    x = sound / (np.abs(sound).max() + 1.0)
    hop = max(1, (max(len(x), 296) - 256) // 39)
    x = np.pad(x, (0, max(0, 256 + 39 * hop - len(x))))
    frames = np.stack([x[i * hop : i * hop + 256] for i in range(40)]) * np.hanning(256)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.round([2, *np.geomspace(4, 120, 12)]).astype(int)
    bands = [power[:, a : b + 1].sum(1) for a, b in pairwise(edges)]
    return np.log(np.stack(bands) + 1e-3).astype(np.float32)


def vowels(folder: Path, draw: np.random.Generator) -> tuple[Windows, Windows]:
    """Japanese vowels: nine speakers, the official split."""
    with np.load(folder / "japanese_vowels" / "japanese_vowels.npz") as file:
        return (file["X_train"], file["y_train"]), (file["X_test"], file["y_test"])


def ucr(name: str) -> Loader:
    """The training side of a set of the UCR archive: one half against the other, by class."""

    def load(folder: Path, draw: np.random.Generator) -> tuple[Windows, Windows]:
        with np.load(folder / "ucr" / f"{name}.npz") as file:
            x, y = file["X_train"], np.unique(file["y_train"], return_inverse=True)[1]
        order = draw.permutation(len(y))
        order = order[np.argsort(y[order], kind="stable")]
        a, b = ((x[half], y[half]) for half in (order[::2], order[1::2]))
        return a, b

    return load


def movement(folder: Path, draw: np.random.Generator) -> tuple[Windows, Windows]:
    """UCI-HAR's training people: 400 windows of ten against 2,000 of the others."""
    with np.load(folder / "uci_hapt" / "uci_har_like.npz") as file:
        x, y, people = (file[name] for name in ("X_train", "y_train", "s_train"))
    few = np.isin(people, draw.permutation(np.unique(people))[:10])
    chosen = [
        draw.choice(np.flatnonzero(side), count, replace=False)
        for side, count in ((few, 400), (~few, 2000))
    ]
    a, b = ((x[i].astype(np.float32), y[i].astype(np.int64)) for i in chosen)
    return a, b


LEARNED: Mapping[str, Loader] = {
    "bearings": bearings,
    "digits": digits,
    "vowels": vowels,
    **{name: ucr(name) for name in ("Adiac", "CricketY", "FaceAll", "MedicalImages", "PowerCons")},
}
SHOWN: Mapping[str, Loader] = {
    "movement": movement,
    "ProximalPhalanxOutlineCorrect": ucr("ProximalPhalanxOutlineCorrect"),
}


def _joined(parts: list[Windows]) -> Windows:
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return x, y


def study(train: Windows, held_out: Windows, budget: Budget, nets: int) -> tuple[Array, Array]:
    """Traits (N, traits) of random networks in deviations, and their standing (N,) on the set."""
    x, y = train
    pool = [Examples(*side, np.arange(len(side[1]))) for side in (train, held_out)]
    scale = Normalization(x.mean((0, 2)), np.maximum(x.std((0, 2)), 1e-6))
    classes, channels = (tuple(map(str, range(n))) for n in (y.max() + 1, x.shape[1]))
    features = FeatureSet(*pool, pool[0].taken(np.arange(0)), scale, classes, channels, ())
    epochs = math.ceil(SEEN / len(y))
    recipe = Recipe(
        *(epochs, BATCH, "adamw", 1e-2, 0.05, "cosineannealinglr", epochs // 10, 0.1),
        balance_classes=False,
        early_stopping_patience=None,
        augmentation=Augmentation(),
    )
    fold = np.arange(len(y), len(y) + len(held_out[1]))
    problem = Problem(
        ChainSpace(Shape(*x.shape[1:]), len(classes)),
        budget,
        load_device("cortex-m4"),
        features,
        Evaluator(features, recipe, (fold,)),
        Training(),
        1,
    )
    candidates = problem.sample(random.Random(1), nets)
    outcomes = [problem.evaluator(Trial(c, epochs, 0, 1)) for c in candidates]
    accuracy, loss = ([getattr(o, name) for o in outcomes] for name in ("score", "loss"))
    standing = stats.rankdata(accuracy) - stats.rankdata(loss)
    x = trait_matrix(candidates)
    return (x - x.mean(0)) / np.maximum(x.std(0), 1e-9), stats.zscore(standing)


def ridge(studies: list[tuple[Array, Array]]) -> Array:
    """What each trait pays, over all ``studies``."""
    x, y = (np.concatenate(arrays) for arrays in zip(*studies, strict=True))
    weights: Array = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    return weights


def _agreement(studies: list[tuple[Array, Array]], pays: Array) -> str:
    return ", ".join(f"{stats.spearmanr(x @ pays, y).statistic:.2f}" for x, y in studies)


def main() -> None:
    """Print the table, and Spearman's correlation with the ranking of sets it has not seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", type=Path)
    parser.add_argument("--nets", type=int, default=20)
    arguments = parser.parse_args()
    make_deterministic()
    studies: dict[str, list[tuple[Array, Array]]] = {}
    for name, load in {**LEARNED, **SHOWN}.items():
        sides = load(arguments.datasets, np.random.default_rng(7))
        studies[name] = [study(*sides, budget, arguments.nets) for budget in BUDGETS]
    print("Spearman, wide and narrow budget, by what the other learned sets pay, and as it stands:")
    for name, own in studies.items():
        pays = ridge([s for other in LEARNED if other != name for s in studies[other]])
        print(
            f"  {name}: {_agreement(own, pays)}; {_agreement(own, np.array(list(PAYS.values())))}"
        )
    print("PAYS = {")
    pays = ridge([s for name in LEARNED for s in studies[name]])
    for trait, value in zip(PAYS, pays, strict=True):
        print(f'    "{trait}": {value:.2f},')
    print("}")


if __name__ == "__main__":
    main()
