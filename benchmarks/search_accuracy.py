"""What a search finds, in int8 test accuracy: strategies side by side at equal CPU-seconds.

    python benchmarks/search_accuracy.py --data HAR=har.npz ECG200=ecg.npz --strategies auto random

A data file holds ``X_train`` (N, channels, length), ``y_train``, ``X_test``, ``y_test`` and, where
people or machines must not be torn apart, ``s_train`` (their numbers).  Every search seed gives one
search and one final training on all training data, to the last epoch; the test side is opened
once, by the integer model that would be exported.  Nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tinyml_nas.console import Console
from tinyml_nas.devices import load_device
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.load import load_config
from tinyml_nas.pipeline.final import (
    Entrant,
    FinalFit,
    answers,
    fit_all,
    refit_features,
)
from tinyml_nas.search.spaces.recipe_genes import recipe_of
from tinyml_nas.search.stage import search
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.train.tasks import task_of

STEPS = 4200
YAML = """
common: {{task_type: generic_timeseries_classification, target_device: cortex-m4, seed: {seed}}}
dataset: {{input_data_path: here.npz}}
data_processing_feature_extraction: {{variables: {channels}, frame_size: {length}}}
training:
  nas_enabled: true
  nas_budget: {budget}
  nas_search_seconds: {seconds}
  nas_search_strategy: {strategy}
  nas_workers: {workers}
  training_epochs: {epochs}
  batch_size: {batch}
  optimizer: adamw
  learning_rate: 1e-2
  weight_decay: 1e-3
  label_smoothing: 0.05
  augmentation: {augmentation}
"""


def _whole(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Windows (N, C, L) whose missing values lie on a line between their neighbors."""
    steps = np.arange(x.shape[2])
    for series in x.reshape(-1, x.shape[2]):
        if (missing := np.isnan(series)).any():
            series[missing] = np.interp(steps[missing], steps[~missing], series[~missing])
    return x


def load_features(path: Path) -> FeatureSet:
    """Official training and test side; a fifth of the training groups serves as validation."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if file[name].dtype.kind in "fiu"}
    y_all = np.concatenate([arrays["y_train"], arrays["y_test"]])
    names, labels = np.unique(y_all, return_inverse=True)
    train_y, test_y = np.split(labels.astype(np.int64), [len(arrays["y_train"])])
    x, test_x = (_whole(arrays[name].astype(np.float32)) for name in ("X_train", "X_test"))
    group = arrays.get("s_train", np.arange(len(x))).astype(np.int64)
    aside = np.isin(group, np.unique(group)[::5])
    mean, std = x[~aside].mean((0, 2)), x[~aside].std((0, 2))
    sides = [Examples(x[side], train_y[side], group[side]) for side in (~aside, aside)]
    test = Examples(test_x, test_y, np.arange(len(test_y)))
    channels = tuple(f"channel{i}" for i in range(x.shape[1]))
    scale = Normalization(mean, np.maximum(std, 1e-6))
    return FeatureSet(*sides, test, scale, tuple(map(str, names)), channels, ())


def run(
    features: FeatureSet, arguments: argparse.Namespace, strategy: str, seed: int
) -> dict[str, float]:
    """One search and one final training: int8 test accuracy, cost and seconds."""
    _, channels, length = features.train.x.shape
    windows = len(features.train) + len(features.validation)
    batch = 128 if windows >= 2000 else 16
    epochs = max(30, min(400, STEPS * batch // windows))
    rotated = ", ".join(f"[{i}, {i + 1}, {i + 2}]" for i in range(0, channels, 3))
    rotation = f", rotation: {arguments.rotation}, rotation_groups: [{rotated}]"
    strengths = f"{{jitter: {arguments.jitter}, scale: {arguments.scale}"
    turned = rotation if arguments.rotation and channels % 3 == 0 else ""
    quiet = Console(quiet=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "c.yaml").write_text(
            YAML.format(
                seed=seed, channels=channels, length=length, budget=arguments.budget,
                seconds=arguments.seconds, strategy=strategy, workers=arguments.workers,
                epochs=epochs, batch=batch, augmentation=f"{strengths}{turned}}}",
            )
        )  # fmt: skip
        config = load_config(folder / "c.yaml", arguments.set).config
        training, device = config.training, load_device(config.common.target_device)
        start = time.monotonic()
        choosing = features.for_choices()
        found = search(choosing, config, device, folder=folder / "s", console=quiet)
        recipe = recipe_of(found.recipe_genes, recipe_from_config(training))
        final = FinalFit(refit_features(choosing), training, seed, folder / "t")
        entrant = Entrant("searched", found.network, recipe)
        [(fitted,)] = fit_all(final, [entrant], 1, 1, quiet)
        wall = time.monotonic() - start
    given = answers(fitted.module, fitted.quantized, features, features.test)
    task, y = task_of(features), torch.from_numpy(features.test.y)
    record = found.record
    return {
        **{p: task.score(outputs, task.wanted(y), y) for p, outputs in given.items()},
        **{k: v for k, v in dataclasses.asdict(found.candidate.resources).items() if v is not None},
        "trials": record.trials,
        "search_cpu": record.cpu_seconds,
        "wall": wall,
    }


def mean_sd(values: list[float]) -> str:
    """As people write it, in percent."""
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.fmean(values):.2f}{spread}"


def main() -> None:
    """Print every run, each set's means, and the paired difference of the first two strategies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--strategies", nargs="+", default=["auto", "random"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--budget", default="{flash: 8 kB, ram: 4 kB, macs: 100k}")
    parser.add_argument("--jitter", type=float, default=0.05)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--rotation", type=float, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    arguments = parser.parse_args()
    differences: list[float] = []
    means: dict[str, list[float]] = {strategy: [] for strategy in arguments.strategies}
    for item in arguments.data:
        name, path = item.split("=", 1)
        features = load_features(Path(path))
        scores: dict[str, list[float]] = {strategy: [] for strategy in arguments.strategies}
        for seed in range(1, arguments.seeds + 1):
            for strategy in arguments.strategies:
                found = run(features, arguments, strategy, seed)
                scores[strategy].append(found["int8"])
                figures = "  ".join(f"{k} {v:.4g}" for k, v in found.items())
                print(f"{name} {strategy} seed {seed}: {figures}", flush=True)
        for strategy, values in scores.items():
            means[strategy].append(statistics.fmean(values))
            print(f"{name} {strategy}: int8 test {mean_sd(values)} %", flush=True)
        if len(scores) > 1:
            first, second = (scores[strategy] for strategy in arguments.strategies[:2])
            differences += [a - b for a, b in zip(first, second, strict=True)]
    for strategy, values in means.items():
        print(f"mean over {len(values)} sets, {strategy}: {100 * statistics.fmean(values):.2f} %")
    if len(differences) > 1:
        error = statistics.stdev(differences) / len(differences) ** 0.5
        print(
            f"{arguments.strategies[0]} minus {arguments.strategies[1]} over {len(differences)} "
            f"pairs: {100 * statistics.fmean(differences):+.2f} points, "
            f"standard error {100 * error:.2f}"
        )


if __name__ == "__main__":
    main()
