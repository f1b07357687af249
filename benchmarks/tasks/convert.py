"""Published data sets in the form that the configurations beside this file read.

    python benchmarks/tasks/convert.py tecator Tecator_TRAIN.ts Tecator_TEST.ts
    python benchmarks/tasks/convert.py ett ETTh1.csv
    python benchmarks/tasks/convert.py machine machine_temperature_system_failure.csv \\
        combined_windows.json
    python benchmarks/tasks/convert.py bearings cwru_de12k.npz

writes to benchmarks/tasks/data. What they are, and where they come from:

tecator     fat of meat from its near-infrared spectrum (Borggaard & Thodberg, 1992; StatLib),
            in the files of the time-series regression archive
ett         hourly loads and oil temperature of a transformer (Zhou et al., "Informer", 2021); the
            literature's 20 months: 12 to train, 4 to validate, 4 to test
machine     temperature of an industrial machine, with its failures (Numenta Anomaly Benchmark)
bearings    drive-end vibration at 12 kHz, nine faults at four loads (Case Western Reserve
            University), one array per recording, called as in 1797_IR_14_DE12
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent / "data"
HOURS = 20 * 30 * 24
LOADS = ("1797", "1772", "1750", "1730")
"""Revolutions per minute at loads of 0 to 3 horsepower."""
FAULTS = ("B", "IR", "OR@6")
SIZES = (7, 14, 21)
"""Thousandths of an inch."""


def tecator(train: Path, test: Path) -> None:
    """Spectra and fat; each of the training side is a group of its own."""
    sides = [_cases(train), _cases(test)]
    x, y = (np.concatenate([side[i] for side in sides]) for i in range(2))
    part = [f"train_{i}" for i in range(len(sides[0][1]))] + ["test"] * len(sides[1][1])
    np.savez(FOLDER / "tecator.npz", X=x, y=y, part=part, targets=["fat"])


def _cases(file: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Values [N, T, 1] and targets [N] of a ``.ts`` file with one channel."""
    text = file.read_text(encoding="utf-8").partition("@data")[2]
    cases = [line.split(":") for line in text.split() if line]
    x = np.array([[float(value) for value in values.split(",")] for values, _ in cases], np.float32)
    return x[..., None], np.array([float(target) for _, target in cases], np.float32)


def ett(file: Path) -> None:
    """The first twenty months."""
    lines = file.read_text(encoding="utf-8").splitlines()[: HOURS + 1]
    (FOLDER / "ett_h1.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def machine(file: Path, windows: Path) -> None:
    """Temperature, and for each sample whether it lies in a window of an anomaly."""
    found = json.loads(windows.read_text(encoding="utf-8"))[f"realKnownCause/{file.name}"]
    rows = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    odd = [any(first[:19] <= at <= last[:19] for first, last in found) for at, _ in rows]
    lines = [
        f"{value},{'anomaly' if flag else 'normal'}"
        for (_, value), flag in zip(rows, odd, strict=True)
    ]
    text = "\n".join(["temperature,state", *lines]) + "\n"
    (FOLDER / "machine_temperature.csv").write_text(text, encoding="utf-8")


def bearings(file: Path) -> None:
    """Each recording with its fault and its load."""
    arrays = np.load(file)
    keys = [(load, fault, size) for load in LOADS for fault in FAULTS for size in SIZES]
    blocks = [arrays[f"{load}_{fault}_{size}_DE12"] for load, fault, size in keys]
    np.savez(
        FOLDER / "bearings.npz",
        X=np.concatenate(blocks).reshape(-1, 1),
        lengths=[len(block) for block in blocks],
        y=[f"{fault.split('@')[0]}_{size}" for _, fault, size in keys],
        load=[load for load, _, _ in keys],
        channels=["drive_end"],
    )


CONVERTERS: dict[str, Callable[..., None]] = {
    "tecator": tecator, "ett": ett, "machine": machine, "bearings": bearings,
}  # fmt: skip


def main() -> None:
    if len(sys.argv) < 3 or sys.argv[1] not in CONVERTERS:
        sys.exit(__doc__)
    FOLDER.mkdir(exist_ok=True)
    CONVERTERS[sys.argv[1]](*map(Path, sys.argv[2:]))


if __name__ == "__main__":
    main()
