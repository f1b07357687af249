"""A search that is judged by the NPU against one that is judged by the core, both timed by Vela.

    python benchmarks/search_for_npu.py --data FaceAll=FaceAll.npz MedicalImages=MedicalImages.npz

Data files are those of ``search_accuracy.py``.  Of 300 random chains a latency on the NPU admits a
share; the core-judged search gets the latency on the core that admits as many of them.  All else is
alike: data, seed, trainings, final training.  Each search chooses by its folds of the training
side; the test side is opened once, by the integer model that would be exported.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from search_accuracy import load_features

from tinyml_nas.console import Console
from tinyml_nas.cost.budget import core_resources_of, resources_of
from tinyml_nas.cost.npu.share import npu_share
from tinyml_nas.devices import Device, load_device, target_of
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import Network, Shape
from tinyml_nas.load import load_config
from tinyml_nas.pipeline.final import Entrant, FinalFit, answers, fit_all, refit_features
from tinyml_nas.search.spaces import random_genome
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.search.spaces.recipe_genes import recipe_of
from tinyml_nas.search.stage import search
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.train.tasks import task_of

DRAWN = 300
ARMS = {"npu": "auto", "core": "off"}
"""What judges a search, and ``compilation.npu`` of it."""
YAML = """
common: {{task_type: generic_timeseries_classification, target_device: {device}, seed: {seed}}}
dataset: {{input_data_path: here.npz}}
data_processing_feature_extraction: {{variables: {channels}, frame_size: {length}}}
training:
  nas_enabled: true
  nas_budget: {{latency: {microseconds:.3f} us}}
  nas_trials: {trials}
  nas_workers: 1
  nas_compare: []
  training_epochs: {epochs}
  batch_size: 32
  optimizer: adamw
  learning_rate: 1e-2
  weight_decay: 1e-3
  label_smoothing: 0.05
compilation: {{npu: {npu}}}
"""


@dataclass(frozen=True)
class Found:
    """What one search led to: int8 test accuracy, and the network's cost on the NPU."""

    score: float
    cycles: int
    microseconds: float
    network: Network

    def words(self) -> str:
        """As a line of the report has it."""
        layers = len(self.network.nodes)
        return (
            f"int8 test {100 * self.score:.2f} %, {self.cycles:,} NPU cycles, "
            f"{self.microseconds:.1f} us, {layers} layers"
        )


def core_budget(features: FeatureSet, device: Device, latency: float) -> tuple[float, float]:
    """Seconds on the core that admit as many random chains as ``latency`` does on the NPU.

    With the share that this is.
    """
    shape, draw = Shape(*features.train.x.shape[1:]), random.Random(1)
    space, networks = ChainSpace(shape, features.outputs), list[Network]()
    while len(networks) < DRAWN:
        with contextlib.suppress(ValueError):  # its strides leave no signal
            networks.append(space.network(random_genome(space, draw), f"n{len(networks)}"))
    admitted = sum((resources_of(n, device).latency_seconds or 1) <= latency for n in networks)
    on_core = sorted(core_resources_of(n, device).latency_seconds or 1 for n in networks)
    return on_core[max(admitted, 1) - 1], admitted / DRAWN


def run(features: FeatureSet, values: dict[str, object], device: Device) -> Found:
    """One search and one final training."""
    _, channels, length = features.train.x.shape
    quiet = Console(quiet=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "c.yaml").write_text(
            YAML.format(**values, device=device.name, channels=channels, length=length)
        )
        config = load_config(folder / "c.yaml").config
        training, seed = config.training, config.common.seed
        choosing = features.for_choices()
        found = search(choosing, config, target_of(config), folder=folder / "s", console=quiet)
        recipe = recipe_of(found.recipe_genes, recipe_from_config(training))
        final = FinalFit(refit_features(choosing), training, seed, folder / "t")
        [(fitted,)] = fit_all(final, [Entrant("searched", found.network, recipe)], 1, 1, quiet)
    outputs = answers(fitted.module, fitted.quantized, features, features.test)["int8"]
    task, y = task_of(features), torch.from_numpy(features.test.y)
    share = npu_share(found.network, device.ethos_u)
    assert share is not None, "Vela is not installed"
    seconds = share.seconds(device)
    score = task.score(outputs, task.wanted(y), y)
    return Found(score, share.program.cycles, 1e6 * seconds, found.network)


def main() -> None:
    """Print every pair, the ratio of its cycles, and what comes of all pairs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--device", default="AlifE3-HE")
    parser.add_argument("--microseconds", type=float, default=25)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = load_device(arguments.device)
    gains, ratios = list[float](), list[float]()
    for item in arguments.data:
        name, path = item.split("=", 1)
        features = load_features(Path(path))
        seconds, share = core_budget(features, device, 1e-6 * arguments.microseconds)
        limits = {"npu": arguments.microseconds, "core": 1e6 * seconds}
        print(
            f"{name}: {limits['npu']:g} us on the NPU and {limits['core']:.0f} us on the core "
            f"admit {share:.1%} of {DRAWN} random chains",
            flush=True,
        )
        for seed in range(1, arguments.seeds + 1):
            pair = {}
            for arm, npu in ARMS.items():
                values = {"seed": seed, "microseconds": limits[arm], "npu": npu}
                effort = {"trials": arguments.trials, "epochs": arguments.epochs}
                pair[arm] = run(features, values | effort, device)
                print(f"{name} seed {seed} judged by the {arm}: {pair[arm].words()}", flush=True)
            gains.append(100 * (pair["npu"].score - pair["core"].score))
            ratios.append(pair["npu"].cycles / pair["core"].cycles)
            print(f"{name} seed {seed}: {gains[-1]:+.2f} points, {ratios[-1]:.2f} x the cycles")
    print(
        f"all {len(gains)} pairs: {statistics.fmean(gains):+.2f} points "
        f"({', '.join(f'{gain:+.2f}' for gain in gains)}), cycles x "
        f"{statistics.geometric_mean(ratios):.2f} "
        f"({', '.join(f'{ratio:.2f}' for ratio in ratios)})"
    )


if __name__ == "__main__":
    main()
