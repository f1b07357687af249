"""Cost promised from the graph beside what linker and emulator deliver, for random networks.

    python benchmarks/cost_against_linker.py [--chains 40] [--cells 10] [--seed 5000]

Each network is quantized, compiled with -Os for every emulated core and run once.  Code is linked
flash without tables and constant records, on the core where it is largest; instructions are those
of the Cortex-M0.  The networks are others than those that benchmarks/fit_cycles.py fits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import Measured, data_bytes, measure, random_cells, random_chain  # noqa: E402

from tinyml_nas.devices.instructions import INSTRUCTIONS  # noqa: E402
from tinyml_nas.graph import Network, Shape, network_cost  # noqa: E402
from tinyml_nas.graph.latency import network_instructions  # noqa: E402
from tinyml_nas.zoo import ZOO  # noqa: E402

ZOO_SHAPE = Shape(9, 128)


def networks(chains: int, cells: int, seed: int) -> list[Network]:
    """Random chains, random cells and the zoo."""
    return [
        *(random_chain(seed + i) for i in range(chains)),
        *(random_cells(seed + i) for i in range(cells)),
        *(model.build(ZOO_SHAPE, 6) for model in ZOO.values()),
    ]


def ratios(measured: Measured) -> dict[str, float]:
    """Promised over delivered."""
    cost, data = network_cost(measured.network), data_bytes(measured.network)
    figures = {
        "RAM": cost.ram_bytes / measured.arena_bytes,
        "tables": cost.table_bytes / measured.table_bytes,
        "flash": cost.flash_bytes / measured.worst_flash,
        "code": (cost.flash_bytes - data) / (measured.worst_flash - data),
    }
    for core, counted in INSTRUCTIONS.items():
        promised = network_instructions(measured.network, counted)
        figures[core] = promised / measured.instructions[core]
    return figures


def row(measured: Measured) -> str:
    """One line of the table."""
    cost, found = network_cost(measured.network), ratios(measured)
    words = [
        f"{measured.network.name:14}",
        f"{cost.ram_bytes:6}/{measured.arena_bytes:<6}",
        f"{cost.flash_bytes:7}/{measured.worst_flash:<7}",
        *(f"{found[name]:6.3f}" for name in ("code", *INSTRUCTIONS)),
    ]
    return " ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--chains", type=int, default=40)
    parser.add_argument("--cells", type=int, default=10)
    parser.add_argument("--seed", type=int, default=5000)
    args = parser.parse_args()
    print("network         RAM/arena     flash/linked     code   " + "  ".join(INSTRUCTIONS))
    found = []
    for number, network in enumerate(networks(args.chains, args.cells, args.seed)):
        measured = measure(network, number)
        found.append(ratios(measured))
        print(row(measured), flush=True)
    print(f"\n{len(found)} networks, promised over delivered: mean, least, most")
    for name in found[0]:
        values = np.array([ratio[name] for ratio in found])
        print(f"{name:12} {values.mean():.4f} {values.min():.4f} {values.max():.4f}")


if __name__ == "__main__":
    main()
