"""What fewer bits per weight save and cost: flash, RAM, time, and accuracy over seeds.

    python benchmarks/weight_bits.py --data WATCH=watch.npz --model CLS_4k --seeds 3

A data file is one of `search_accuracy.py`.  Each seed trains one float network, which is quantized
with 8, 4 and 2 bits and with a mix of them; a fifth of the training groups validates, chooses the
epoch and the mix, and the test side is opened once, by the integer model.  Flash, RAM and latency
are the promised ones.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from search_accuracy import load_features, mean_sd

from tinyml_nas.config.sections.training import Training
from tinyml_nas.console import Console
from tinyml_nas.cost.budget import resources_of
from tinyml_nas.cost.packing import as_configured, weight_bits
from tinyml_nas.devices import Device, load_device
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import Network, Shape
from tinyml_nas.pipeline.final import Entrant, FinalFit, Job, answers
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.train.tasks import task_of
from tinyml_nas.zoo import ZOO

WIDTHS = {
    "8": {"quantization_weight_bitwidth": 8},
    "4": {"quantization_weight_bitwidth": 4},
    "2": {"quantization_weight_bitwidth": 2},
    "2, ends 8": {"quantization_weight_bitwidth": 2, "partial_quantization": True},
    "mixed": {"auto_quantization": True},
}


def one(
    features: FeatureSet, training: Training, model: str, seed: int, folder: Path
) -> tuple[dict[str, float], Network]:
    """Test accuracies of one network of one seed, and the network as it would ship."""
    shape = Shape(*features.train.x.shape[1:])
    network = as_configured(ZOO[model].build(shape, features.outputs), training)
    entrant = Entrant("chosen", network, recipe_from_config(training))
    final = FinalFit(features.for_choices(), training, seed, folder)
    fitted = final(Job(entrant, 0), Console(quiet=True))
    assert fitted.quantized is not None
    given = answers(fitted.module, fitted.quantized, features, features.test)
    task, y = task_of(features), torch.from_numpy(features.test.y)
    shipped = network.with_weight_bits(weight_bits(fitted.quantized.integer.network))
    figures = {name: task.score(out, task.wanted(y), y) for name, out in given.items()}
    return figures | {"validation": fitted.validation["int8"]}, shipped


def report(
    name: str, width: str, runs: list[dict[str, float]], ships: list[Network], device: Device
) -> None:
    """One line of the table."""
    needs = [resources_of(network, device) for network in ships]
    flash, ram, milliseconds = (
        statistics.fmean(values)
        for values in zip(
            *((n.flash_bytes, n.ram_bytes, 1e3 * (n.latency_seconds or 0)) for n in needs),
            strict=True,
        )
    )
    drop = [run["int8"] - run["float"] for run in runs]
    print(
        f"| {name} | {width} | {flash:,.0f} | {ram:,.0f} | {milliseconds:.2f} "
        f"| {mean_sd([run['validation'] for run in runs])} "
        f"| {mean_sd([run['int8'] for run in runs])} | {mean_sd(drop)} |",
        flush=True,
    )


def main() -> None:
    """Print the table of each set, a line per width."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--model", default="CLS_4k", choices=list(ZOO))
    parser.add_argument("--device", default="cortex-m0plus")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--tolerance", type=float, default=0.01)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    base = Training(
        model_name=arguments.model,
        training_epochs=arguments.epochs,
        batch_size=64,
        optimizer="adam",
        learning_rate=3e-3,
        autoquant_tolerance_classification=arguments.tolerance,
    )
    device = load_device(arguments.device, "balanced")
    print("| data | bits | flash B | RAM B | ms | validation % | test % | test minus float |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for item in arguments.data:
        name, path = item.split("=", 1)
        features = load_features(Path(path))
        with tempfile.TemporaryDirectory() as folder:
            for width, keys in WIDTHS.items():
                runs, ships = [], []
                for seed in range(1, arguments.seeds + 1):
                    at = Path(folder) / str(seed)
                    training = base.model_copy(update=keys)
                    figures, shipped = one(features, training, arguments.model, seed, at)
                    for used in at.glob("*/*/fine_tuning*"):
                        used.unlink()  # the float network stays for the next width
                    runs.append(figures)
                    ships.append(shipped)
                    print(f"    {name} {width} seed {seed}: {figures} {weight_bits(shipped)}")
                report(name, width, runs, ships, device)


if __name__ == "__main__":
    main()
