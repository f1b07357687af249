"""How well each proxy ranks networks before and during a warm-up: SiGeo's study on 1-D windows.

    python benchmarks/proxy_correlation.py --data windows.npz [--nets 60] [--epochs 12]

``windows.npz`` has arrays ``X_train`` (N, channels, length), ``y_train`` (N,) and ``s_train`` (N,),
the person or machine of each window.  Nothing else of it is read, so test data stay closed.

1. Draw random networks of the chain space that keep the budget (60k MACs, 8 kB flash, 6 kB RAM).
2. The truth: accuracy on groups held out, after a fixed training on the others.
3. Warm each network up with its own weights: one pass over the training windows at a constant
   learning rate, stopped at 0, 10, 20, 40, 60, 80 and 100 % of them to be scored.  (Not in a
   supernet: there the weights' sharing would be judged together with the proxies.)
4. Rank correlation of each proxy with the truth; positive where the proxy prefers what is better.
   The deviation is that over bootstrap samples of the networks.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.budget import Budget
from tinyml_nas.devices import load_device
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.search.evaluator import Evaluator
from tinyml_nas.search.folds import make_folds
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.proxies import PROXIES
from tinyml_nas.search.proxies.protocol import Probe
from tinyml_nas.search.proxies.ranking import draw_batches, merit, rank_mean
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.search.trial import Candidate, Trial
from tinyml_nas.train.augment import Augmentation
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.loop import Normalizer, train_epoch
from tinyml_nas.train.recipe import Recipe, make_optimizer
from tinyml_nas.train.seeding import generator

LEVELS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
BUDGET = Budget(flash_bytes=8192, ram_bytes=6144, macs=60_000)
FOLDS = 3
BOOTSTRAPS = 300
DEFAULT = ("params", "naswot")
"""What zero_shot ranks by unless told otherwise: a row of its own."""
SIGEO_README = {
    "loss": {0.0: 0.30, 0.1: 0.71, 0.4: 0.80, 1.0: 0.85},
    "fisher_rao": {0.0: 0.31, 0.1: 0.61, 0.4: 0.71, 1.0: 0.69},
    "grad_norm": {0.0: 0.48, 0.1: 0.54, 0.4: 0.58, 1.0: 0.59},
}
"""Spearman on click-through data from SiGeo's README, turned so that positive is right.

Its gradient figure is the mean absolute gradient, not a norm by layers.
"""

Scores = npt.NDArray[np.float64]
"""Merit (levels, networks) of one proxy; higher is better."""


def load_windows(path: Path) -> FeatureSet:
    """The training windows of ``path``; validation and test are empty."""
    with np.load(path) as file:
        x = file["X_train"].astype(np.float32)
        y, group = file["y_train"].astype(np.int64), file["s_train"].astype(np.int64)
    train = Examples(x, y, group)
    nothing = train.taken(np.arange(0))
    scale = Normalization(x.mean((0, 2)), x.std((0, 2)))
    classes = tuple(str(label) for label in range(int(y.max()) + 1))
    channels = tuple(f"c{i}" for i in range(x.shape[1]))
    return FeatureSet(train, nothing, nothing, scale, classes, channels, ())


def make_problem(features: FeatureSet, epochs: int, rotate: bool, seed: int) -> Problem:
    """The chain space on these windows, judged on group-disjoint folds."""
    groups = ((0, 1, 2), (3, 4, 5), (6, 7, 8)) if rotate else ()
    augmentation = Augmentation(0.05, 0.1, 0.0, 20.0 if rotate else 0.0, groups)
    recipe = Recipe(
        epochs, 128, "adamw", 1e-2, 1e-3, "cosineannealinglr", 1, 0.0, False, None, augmentation
    )
    shape = Shape(*features.train.x.shape[1:])
    return Problem(
        ChainSpace(shape, len(features.class_names)),
        BUDGET,
        load_device("MSPM0G3507"),
        features,
        Evaluator(features, recipe, make_folds(features, FOLDS, seed)),
        Training(),
        seed,
    )


def warmed_up(problem: Problem, candidate: Candidate) -> Iterator[Probe]:
    """The candidate at each of LEVELS, along one pass over the training side of fold 0."""
    features, seed = problem.features, problem.seed
    recipe = problem.evaluator.recipe
    recipe = dataclasses.replace(recipe, lr_scheduler="none", warmup_epochs=0, device="cpu")
    train, _ = problem.evaluator.sides(0)
    batches = draw_batches(train, features, seed)
    module = build_module(candidate.network, generator(seed, "weights"))
    optimizer = make_optimizer(recipe, module.parameters())
    order = torch.randperm(len(train), generator=generator(seed, "warm-up")).numpy()
    cuts = [round(level * len(train)) for level in LEVELS]
    yield Probe(candidate.network, module, batches)
    for stage, (start, end) in enumerate(pairwise(cuts)):
        share = train.taken(order[start:end])
        normalize = Normalizer(features)
        train_epoch(module, optimizer, share, normalize, recipe, None, seed, stage)
        yield Probe(candidate.network, module, batches)


def measure(problem: Problem, nets: int, seeds: int) -> tuple[dict[str, Scores], Scores]:
    """Merit of every network by proxy and level, and its true accuracy (mean over seeds)."""
    names = list(PROXIES)
    candidates = problem.sample(random.Random(problem.seed), nets)
    raw = {name: np.zeros((len(LEVELS), nets)) for name in names}
    truth = np.zeros(nets)
    for i, candidate in enumerate(candidates):
        for level, probe in enumerate(warmed_up(problem, candidate)):
            for name in names:
                raw[name][level, i] = PROXIES[name].score(probe)
        epochs = problem.evaluator.recipe.epochs
        trials = [Trial(candidate, epochs, 0, problem.seed + s) for s in range(seeds)]
        truth[i] = np.mean([problem.evaluator(trial).score for trial in trials])
        print(f"{i + 1}/{nets}: {truth[i]:.3f} {candidate.resources}", file=sys.stderr, flush=True)
    merits = {name: np.stack([merit(name, row) for row in raw[name]]) for name in names}
    blend = [rank_mean({n: raw[n][level] for n in DEFAULT}) for level in range(len(LEVELS))]
    return {**merits, " + ".join(DEFAULT): np.array(blend)}, truth


def table(
    title: str, correlate: Callable[[Scores, Scores], float], merits: dict[str, Scores], y: Scores
) -> str:
    """A markdown table: by proxy and level the correlation, ± its bootstrap deviation."""
    head = " | ".join(f"{level:.0%}" for level in LEVELS)
    lines = [f"| {title} | {head} |", "| --- |" + " --- |" * len(LEVELS)]
    for name, rows in merits.items():
        cells = [f"{correlate(x, y):+.2f} ± {deviation(correlate, x, y):.2f}" for x in rows]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        if title == "Spearman" and (known := SIGEO_README.get(name)):
            cells = [f"{known[level]:+.2f}" if level in known else "" for level in LEVELS]
            lines.append(f"| *SiGeo's README, {name}* | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def deviation(correlate: Callable[[Scores, Scores], float], x: Scores, y: Scores) -> float:
    """Standard deviation of the correlation over bootstrap samples of the networks."""
    draw = np.random.default_rng(0)
    samples = draw.integers(0, len(y), (BOOTSTRAPS, len(y)))
    values = [correlate(x[s], y[s]) for s in samples]
    return float(np.nanstd(values))


def spearman(x: Scores, y: Scores) -> float:
    """Spearman's rank correlation; not a number where one side is constant."""
    if np.ptp(stats.rankdata(x)) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])


def kendall(x: Scores, y: Scores) -> float:
    """Kendall's tau-b."""
    return float(stats.kendalltau(x, y).statistic)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nets", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1, help="trainings behind each true accuracy")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--rotate", action="store_true", help="rotate channels 0-2, 3-5 and 6-8")
    return parser.parse_args(words)


def main() -> None:
    """Measure and print."""
    args = arguments()
    torch.set_num_threads(1)
    features = load_windows(args.data)
    problem = make_problem(features, args.epochs, args.rotate, args.seed)
    merits, truth = measure(problem, args.nets, args.seeds)
    print(
        f"{args.nets} networks, {args.epochs} epochs, {args.seeds} seed(s); held-out accuracy "
        f"{truth.mean():.3f}, sd {truth.std(ddof=1):.3f}, best {truth.max():.3f}\n"
    )
    print(table("Spearman", spearman, merits, truth), end="\n\n")
    print(table("Kendall", kendall, merits, truth))


if __name__ == "__main__":
    main()
