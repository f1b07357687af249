"""Cost promised from the graph beside what linker and emulator deliver, for random networks.

    python benchmarks/cost_against_linker.py [--chains 40] [--cells 10] [--seed 5000]

Each network is quantized, compiled with -Os by every compiler for every emulated core and run
once.  Code is linked flash without tables and constant records, on the core of a back-end and with
the compiler where it is largest; instructions are those of the compiler that needs most.  The
networks are others than those that benchmarks/fit_cycles.py fits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import Measured, data_bytes, measure, random_cells, random_chain

from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.latency import network_instructions
from tinyml_nas.cost.tables import CODE_BYTES, INSTRUCTIONS
from tinyml_nas.graph import Network, Shape
from tinyml_nas.zoo import ZOO

ZOO_SHAPE = Shape(9, 128)


def networks(chains: int, cells: int, seed: int) -> list[Network]:
    """Random chains, random cells and a quarter of the zoo."""
    return [
        *(random_chain(seed + i) for i in range(chains)),
        *(random_cells(seed + i) for i in range(cells)),
        *(model.build(ZOO_SHAPE, 6) for model in list(ZOO.values())[::4]),
    ]


def ratios(measured: Measured) -> dict[str, float]:
    """Promised over delivered."""
    figures = {"RAM": network_cost(measured.network).ram_bytes / measured.arena_bytes}
    for backend in CODE_BYTES:
        cost, data = network_cost(measured.network, backend), data_bytes(measured.network, backend)
        linked = measured.worst_flash(backend)
        figures[f"tables {backend}"] = cost.table_bytes / measured.tables[backend]
        figures[f"flash {backend}"] = cost.flash_bytes / linked
        figures[f"code {backend}"] = (cost.flash_bytes - data) / (linked - data)
    for core in INSTRUCTIONS:
        promised = network_instructions(measured.network, core)
        figures[core] = promised / measured.most_instructions(core)
    return figures


def row(measured: Measured) -> str:
    """One line of the table."""
    found = ratios(measured)
    return f"{measured.network.name:14} " + " ".join(f"{value:6.3f}" for value in found.values())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--chains", type=int, default=40)
    parser.add_argument("--cells", type=int, default=10)
    parser.add_argument("--seed", type=int, default=5000)
    args = parser.parse_args()
    found = []
    for number, network in enumerate(networks(args.chains, args.cells, args.seed)):
        measured = measure(network, number)
        found.append(ratios(measured))
        if number == 0:
            print("network        " + ", ".join(found[0]))
        print(row(measured), flush=True)
    print(f"\n{len(found)} networks, promised over delivered: mean, least, most")
    for name in found[0]:
        values = np.array([ratio[name] for ratio in found])
        print(f"{name:12} {values.mean():.4f} {values.min():.4f} {values.max():.4f}")


if __name__ == "__main__":
    main()
