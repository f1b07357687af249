"""CPU time of a search step: the fused supernet beside plain per-primitive DARTS, one thread.

    python benchmarks/search_speed.py [--data windows.npz] [--presets s m] [--unrolled]

A step is an alpha step and a weight step on batches of 128; an epoch has 58 of them.  Both
supernets take the same weights and give the same losses (tests/search/test_supernet.py), their
steps alternate, and the median step counts: other load on the machine slows both alike.
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

from plain_supernet import plain_logits  # noqa: E402

from tinyml_nas.features import Examples, FeatureSet, Normalization  # noqa: E402
from tinyml_nas.graph import Shape  # noqa: E402
from tinyml_nas.search.cells.space import SearchSpace  # noqa: E402
from tinyml_nas.search.darts.loop import Darts  # noqa: E402
from tinyml_nas.search.darts.penalty import cost_model  # noqa: E402
from tinyml_nas.search.darts.stream import make_streams  # noqa: E402
from tinyml_nas.search.darts.supernet import Supernet  # noqa: E402
from tinyml_nas.search.settings import SearchSettings  # noqa: E402

STEPS_PER_EPOCH = 58
BATCH = 128
PRESETS = {
    "s": (3, 4, 1, 3, 4),
    "m": (10, 4, 1, 3, 4),
    "l": (12, 4, 4, 3, 4),
    "xl": (20, 4, 4, 3, 4),
    "xxl": (20, 6, 8, 3, 4),
}
ORIGINAL_EPOCH_S = {"s": 44.0, "m": 110.0}
"""CPU-seconds of the original per-primitive tool, measured once on a machine of this kind."""


class PlainSupernet(Supernet):
    """The supernet computed primitive by primitive."""

    def logits(self, x: Tensor, weights: Tensor, mixture: Tensor) -> Tensor:
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


def stepper(supernet: Supernet, features: FeatureSet, unrolled: bool) -> Callable[[], float]:
    """A function that takes one step of a search and returns its CPU-seconds."""
    settings = SearchSettings(
        epochs=1,
        batch_size=BATCH,
        mode="Memory",
        penalty_weight=0.1,
        alpha_learning_rate=0.01,
        weight_decay=1e-4,
        unrolled=unrolled,
        balanced=True,
        seed=0,
    )
    streams = make_streams(features, balanced=True, seed=0)
    darts = Darts(supernet, cost_model(supernet.space), streams, settings)
    state = darts.start()
    batches = zip(
        streams.weights.batches(BATCH, 1000, 0, 0),
        streams.alphas.batches(BATCH, 1000, 0, 0),
        strict=True,
    )

    def step() -> float:
        for_weights, for_alphas = next(batches)
        start = time.process_time()
        darts.step(state, for_weights, for_alphas, rate=0.1)
        return time.process_time() - start

    return step


def measure(preset: str, features: FeatureSet, arguments: argparse.Namespace) -> None:
    shape = Shape(*features.train.x.shape[1:])
    space = SearchSpace(shape, len(features.class_names), *PRESETS[preset])
    fused = stepper(Supernet(space), features, arguments.unrolled)
    plain = stepper(PlainSupernet(space), features, arguments.unrolled)
    times: dict[str, list[float]] = {"fused": [], "plain": []}
    for round_number in range(arguments.rounds + 1):
        slow, quick = [plain()], [fused() for _ in range(4)]
        if round_number:  # the first round warms up
            times["plain"] += slow
            times["fused"] += quick
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        print(
            f"{preset:>4}  {name}  {seconds * 1e3:8.1f} CPU-ms a step "
            f"{seconds * STEPS_PER_EPOCH:8.2f} CPU-s an epoch of {STEPS_PER_EPOCH}"
        )
    line = f"{preset:>4}  {medians['plain'] / medians['fused']:.1f}x below plain in this run"
    if preset in ORIGINAL_EPOCH_S and not arguments.unrolled:
        original = ORIGINAL_EPOCH_S[preset]
        ratio = original / (medians["fused"] * STEPS_PER_EPOCH)
        line += f", {ratio:.1f}x below the original tool's {original:.0f} CPU-s (another run)"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="an .npz with X_train and y_train")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=["s", "m"])
    parser.add_argument("--rounds", type=int, default=5, help="plain steps; four fused ones each")
    parser.add_argument("--unrolled", action="store_true", help="second order")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    features = load_features(arguments.data)
    for preset in arguments.presets:
        measure(preset, features, arguments)


if __name__ == "__main__":
    main()
