"""CPU time of a search step, one thread: fused and sampled, beside plain DARTS and TI's tool.

    python benchmarks/search_speed.py [--data windows.npz] [--presets s m l xl xxl] [--unrolled]

A step is an alpha step and a weight step on batches of 128; an epoch of HAR has 58 of them.
*Mixture* computes all operations of every edge (darts), *sampled* one (gdas), *plain* the mixture
primitive by primitive, with the same weights and the same losses (tests/search/test_supernet.py).
Steps alternate, so that other load slows all alike; the quickest of each kind is the least
disturbed one and is printed with the median.  The original tool's
figures were measured once, on another machine of this kind, with its own code: 9 x 128, batch 128,
first order, one thread.

``--data`` names a file with arrays ``X_train`` (N, channels, length) and ``y_train``; without it
the input is noise of 9 x 128 in 6 classes, which costs the same.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "search")]

from plain_supernet import plain_logits

from tinyml_nas.cost.budget import Budget
from tinyml_nas.devices import load_device
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.darts.batches import make_streams
from tinyml_nas.search.darts.loop import Darts
from tinyml_nas.search.darts.penalty import cost_model
from tinyml_nas.search.darts.settings import SearchSettings
from tinyml_nas.search.darts.supernet import Sample, Supernet

STEPS_PER_EPOCH = 58
BATCH = 128
PRESETS = {
    "s": (3, 4, 1, 3, 4),
    "m": (10, 4, 1, 3, 4),
    "l": (12, 4, 4, 3, 4),
    "xl": (20, 4, 4, 3, 4),
    "xxl": (20, 6, 8, 3, 4),
}
ORIGINAL_STEP_S = {"s": 0.75, "m": 1.9, "l": 4.0, "xl": 5.0, "xxl": 17.9}
GOALS = {"mixture": 5, "sampled": 10}
PLAIN_PRESETS = ("s", "m")


class PlainSupernet(Supernet):
    """The supernet computed primitive by primitive."""

    def logits(
        self, x: Tensor, weights: Tensor, mixture: Tensor, sample: Sample | None = None
    ) -> Tensor:
        return plain_logits(self, x.transpose(0, 1).contiguous(), weights, mixture)


def load_features(path: Path | None) -> FeatureSet:
    """Windows of ``path``, or noise."""
    if path is None:
        draw = np.random.default_rng(0)
        x, y = draw.normal(size=(2048, 9, 128)).astype(np.float32), np.arange(2048) % 6
    else:
        with np.load(path, allow_pickle=False) as arrays:
            x, y = arrays["X_train"].astype(np.float32), arrays["y_train"]
    examples = Examples(x, y.astype(np.int64), np.arange(len(y)) // 8)
    scale = Normalization(x.mean((0, 2)), x.std((0, 2)))
    classes = tuple(str(label) for label in range(int(y.max()) + 1))
    channels = tuple(str(channel) for channel in range(x.shape[1]))
    return FeatureSet(examples, examples, examples, scale, classes, channels, ())


def stepper(
    supernet: Supernet, features: FeatureSet, *, unrolled: bool, sampled: bool
) -> Callable[[], float]:
    """A function that takes one step of a search and returns its CPU-seconds."""
    settings = SearchSettings(
        epochs=1,
        batch_size=BATCH,
        mode="Memory",
        penalty_weight=0.1,
        alpha_learning_rate=0.01,
        weight_decay=1e-4,
        unrolled=unrolled,
        sampled=sampled,
        balanced=True,
        budget=Budget(flash_bytes=8000, ram_bytes=4000),
        seed=0,
    )
    streams = make_streams(features, balanced=True, seed=0)
    cost = cost_model(supernet.space, load_device("cortex-m4"))
    darts = Darts(supernet, cost, streams, settings)
    state, draw = darts.start(), torch.Generator().manual_seed(0)
    batches = zip(
        streams.weights.batches(BATCH, 1000, 0, 0),
        streams.alphas.batches(BATCH, 1000, 0, 0),
        strict=True,
    )

    def step() -> float:
        for_weights, for_alphas = next(batches)
        start = time.process_time()
        darts.step(state, for_weights, for_alphas, 0.5, draw)
        return time.process_time() - start

    return step


def measure(preset: str, features: FeatureSet, arguments: argparse.Namespace) -> None:
    """Print the median steps of ``preset`` and their ratios."""
    shape = Shape(*features.train.x.shape[1:])
    space = SearchSpace(shape, len(features.class_names), *PRESETS[preset])
    unrolled = arguments.unrolled
    steppers = {"mixture": stepper(Supernet(space), features, unrolled=unrolled, sampled=False)}
    if not unrolled:
        steppers["sampled"] = stepper(Supernet(space), features, unrolled=False, sampled=True)
    if preset in PLAIN_PRESETS:
        steppers["plain"] = stepper(
            PlainSupernet(space), features, unrolled=unrolled, sampled=False
        )
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for round_number in range(arguments.rounds + 1):
        for name, step in steppers.items():
            seconds = step()
            if round_number:  # the first round warms up
                times[name].append(seconds)
    quickest = {name: min(values) for name, values in times.items()}
    for name, seconds in quickest.items():
        median = statistics.median(times[name])
        line = f"{preset:>4}  {name:<8}{seconds:7.3f} CPU-s a step (median {median:.3f})"
        if not unrolled and name != "plain":
            original = ORIGINAL_STEP_S[preset]
            line += f"{original / seconds:6.1f}x ({original / median:.1f}x) below TI's {original}"
            line += f", goal {GOALS[name]}x"
        if "plain" in quickest and name != "plain":
            line += f", {quickest['plain'] / seconds:.1f}x below plain in this run"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="an .npz with X_train and y_train")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--rounds", type=int, default=5, help="steps of each kind")
    parser.add_argument("--unrolled", action="store_true", help="second order")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    features = load_features(arguments.data)
    for preset in arguments.presets:
        measure(preset, features, arguments)


if __name__ == "__main__":
    main()
