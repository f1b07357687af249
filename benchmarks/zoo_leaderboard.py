"""What the zoo's models reach on data sets, and what each costs: the tables of docs/zoo.md.

    python benchmarks/zoo_leaderboard.py CONFIG ... [--models NAME ...] [--seeds 3]
        [--runs runs/zoo] [--set SECTION.KEY=VALUE ...] > docs/zoo.md

Each model of a configuration's task is trained by the whole pipeline, once per seed, which draws
the split as well, the same for all models; without C, whose cost is known before.  What a folder of
an earlier call holds is not run again.  The score is read on the test split, once, after every
choice: accuracy, or R² where numbers are predicted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch

from tinyml_nas import pipeline
from tinyml_nas.console import Console
from tinyml_nas.cost.latency import network_instructions
from tinyml_nas.errors import TinymlError
from tinyml_nas.graph import Network
from tinyml_nas.load import load_config
from tinyml_nas.zoo.entries import models_for

CORE = "cortex-m4"
INTRODUCTION = """\
Written by `benchmarks/zoo_leaderboard.py`; what the sets are, and what others reached on them, is
in [benchmarks.md](benchmarks.md). The score is accuracy, R² or, of anomalies, the area under the
ROC curve, on the test side, which was opened once: mean and deviation over {seeds} seeds in
percent. A seed also draws what the split leaves open. *Lost* is float minus int8. Flash and RAM are
promised for a {core}, code included; instructions are of one inference there.
"""
HEADER = (
    "| model | int8 score, % | lost by int8, points | parameters | flash, B | RAM, B "
    "| instructions, M4 |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
)


@dataclass(frozen=True)
class Standing:
    """One model on one data set, over the seeds."""

    name: str
    float_scores: Sequence[float]
    int8_scores: Sequence[float]
    cost: dict[str, Any]
    instructions: float

    def row(self) -> str:
        """Its line of the table."""
        spread = f" ± {100 * stdev(self.int8_scores):.1f}" if len(self.int8_scores) > 1 else ""
        lost = 100 * (mean(self.float_scores) - mean(self.int8_scores))
        return (
            f"| {self.name} | {100 * mean(self.int8_scores):.1f}{spread} | {lost:+.1f} "
            f"| {self.cost['parameters']:,} | {self.cost['flash_bytes']:,} "
            f"| {self.cost['ram_bytes']:,} | {self.instructions:,.0f} |"
        )


def result(config: Path, model: str, seed: int, runs: Path, values: Sequence[str]) -> Any:
    """The record of the model that one run trained, from ``runs`` if it was run before."""
    name = f"{config.parent.name}-{config.stem}-{model}-{seed}"
    file = runs / name / "latest" / "results.json"
    if not file.is_file():
        settings = {
            "common.run_name": name,
            "training.model_name": model,
            "training.nas_enabled": "false",
            "compilation.enable": "false",
        }
        written = [f"{key}={value}" for key, value in settings.items()]
        loaded = load_config(config, [*values, *written, f"common.seed={seed}"])
        pipeline.run(loaded, output=runs, resume=False, console=Console(quiet=True))
    return json.loads(file.read_text(encoding="utf-8"))["models"][0]


def standing(name: str, records: Sequence[Any]) -> Standing:
    """What ``records``, one for each seed, say of the model ``name``."""
    scores = {kind: [r["score"][kind]["test"] for r in records] for kind in ("float", "int8")}
    network = Network.from_json(records[0]["network"])
    instructions = network_instructions(network, CORE)
    return Standing(name, scores["float"], scores["int8"], records[0]["cost"], instructions)


def table(config: Path, args: argparse.Namespace) -> str:
    """The section of one data set."""
    task = load_config(config, args.set).config.common.task
    standings, left_out = [], []
    for name in args.models or models_for(task):
        try:
            seeds = range(args.seed, args.seed + args.seeds)
            records = [result(config, name, seed, args.runs, args.set) for seed in seeds]
        except TinymlError as error:
            left_out.append(f"{name}: {error.message}")
            continue
        standings.append(standing(name, records))
        print(standings[-1].row(), file=sys.stderr, flush=True)
    standings.sort(key=lambda found: -mean(found.int8_scores))
    dataset = load_config(config, args.set).config.dataset
    lines = [f"## {dataset.dataset_name}", "", HEADER, *(found.row() for found in standings)]
    return "\n".join([*lines, *(f"\nNot run: {why}" for why in left_out)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("configs", nargs="+", type=Path, metavar="CONFIG")
    parser.add_argument("--models", nargs="+", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=42, help="the first one")
    parser.add_argument("--runs", type=Path, default=Path("runs/zoo"))
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sections = [table(config, args) for config in args.configs]
    print("# The zoo's models on data\n")
    print(INTRODUCTION.format(seeds=args.seeds, core=CORE))
    print("\n\n".join(sections))


if __name__ == "__main__":
    main()
