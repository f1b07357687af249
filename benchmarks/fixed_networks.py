"""What fixed networks reach on data files with an official test side, in float and in int8.

    python benchmarks/fixed_networks.py CricketX=ucr/CricketX.npz ... --models TCN_4k CLS_4k
        [--nets wide="cbr 24 k5 s2, cbr 24 k3 d4, gap, fc"] [--seeds 3] [--set SECTION.KEY=VALUE]

A data file is as in `search_accuracy.py`.  Each network is trained as the final training of a
search trains it, on all training windows, to the last epoch, with the epochs and the batch that
`init` writes; the test side is opened once, by the integer model that would be exported.  Prints
every run, each set's means, and the paired difference of the first two networks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from search_accuracy import load_features, mean_sd

from tinyml_nas.console import Console
from tinyml_nas.cost.budget import resources_of
from tinyml_nas.devices import load_device
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import Network, Shape, reach_of
from tinyml_nas.init.decide import epochs_for
from tinyml_nas.load import load_config
from tinyml_nas.pipeline.final import Entrant, FinalFit, Job, answers, refit_features
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.train.tasks import task_of
from tinyml_nas.zoo import ZOO
from tinyml_nas.zoo.architecture import parse

YAML = """
common: {{task_type: generic_timeseries_classification, target_device: cortex-m4, seed: {seed}}}
dataset: {{input_data_path: here.npz}}
data_processing_feature_extraction: {{variables: {channels}, frame_size: {length}}}
training:
  model_name: CLS_4k
  optimizer: adamw
  learning_rate: 0.01
  weight_decay: 0.05
  warmup_epochs: {warmup}
  label_smoothing: 0.1
  class_weights: none
  training_epochs: {epochs}
  batch_size: {batch}
"""

Build = Callable[[Shape, int], Network]


def train(
    features: FeatureSet, build: Build, seed: int, settings: Sequence[str]
) -> tuple[dict[str, float], Network]:
    """Test accuracy by precision of one training, and the network."""
    _, channels, length = features.train.x.shape
    refitted = refit_features(features.for_choices())
    shape = Shape(channels, length)
    epochs, batch, _ = epochs_for("classification", len(refitted.train), shape, features.outputs)
    network = build(shape, features.outputs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "c.yaml").write_text(
            YAML.format(
                seed=seed,
                channels=channels,
                length=length,
                epochs=epochs,
                batch=batch,
                warmup=max(1, epochs // 10),
            )
        )
        training = load_config(folder / "c.yaml", settings).config.training
        entrant = Entrant("fixed", network, recipe_from_config(training))
        fitted = FinalFit(refitted, training, seed, folder)(Job(entrant, 0), Console(quiet=True))
    task, y = task_of(features), torch.from_numpy(features.test.y)
    given = answers(fitted.module, fitted.quantized, features, features.test)
    return {p: task.score(outputs, task.wanted(y), y) for p, outputs in given.items()}, network


def main() -> None:
    """Print every run, then the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--models", nargs="*", default=[])
    parser.add_argument("--nets", nargs="*", default=[], metavar="NAME=ARCHITECTURE")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--save", type=Path, help="append each run as a line of JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    builds: dict[str, Build] = {name: ZOO[name].build for name in arguments.models}
    for item in arguments.nets:
        name, text = item.split("=", 1)
        builds[name] = lambda shape, outputs, name=name, text=text: parse(
            name, text, shape, outputs
        )
    device = load_device("cortex-m4")
    means: dict[str, dict[str, float]] = {name: {} for name in builds}
    lost: dict[str, list[float]] = {name: [] for name in builds}
    for item in arguments.data:
        set_name, path = item.split("=", 1)
        features = load_features(Path(path))
        for name, build in builds.items():
            scores = []
            for seed in range(1, arguments.seeds + 1):
                found, network = train(features, build, seed, arguments.set)
                scores.append(found["int8"])
                lost[name].append(found["float"] - found["int8"])
                need, shape = resources_of(network, device), network.input_shape
                line = {"set": set_name, "net": name, "seed": seed, **found}
                line |= {"reach": reach_of(network), "window": shape.length}
                line |= {"parameters": need.parameters, "macs": need.macs, "ram": need.ram_bytes}
                print("  ".join(f"{k} {v}" for k, v in line.items()), flush=True)
                if arguments.save:
                    with arguments.save.open("a") as file:
                        file.write(json.dumps(line) + "\n")
            means[name][set_name] = statistics.fmean(scores)
            print(f"{set_name} {name}: int8 test {mean_sd(scores)} %", flush=True)
    for name, by_set in means.items():
        mean, loss = statistics.fmean(by_set.values()), statistics.fmean(lost[name])
        print(
            f"{name}: mean of {len(by_set)} sets {100 * mean:.2f} %, float - int8 {100 * loss:+.2f}"
        )
    if len(means) > 1 and len(arguments.data) > 1:
        first, second = list(means.values())[:2]
        pairs = [first[name] - second[name] for name in first]
        error = statistics.stdev(pairs) / len(pairs) ** 0.5
        print(
            f"first minus second over {len(pairs)} sets: {100 * statistics.fmean(pairs):+.2f} "
            f"points, standard error {100 * error:.2f}"
        )


if __name__ == "__main__":
    main()
