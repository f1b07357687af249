"""Is a core ever slower with its own convolution than with the portable one?

    python benchmarks/backends.py

Five networks of the search spaces (1 to 9 channels, 32 to 1,024 samples, chains with residual
additions, cells with concatenations), with random weights.  Prints the instructions with the DSP or
Helium kernels and without them, and the arena beside the smallest that can be proven.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import integer_model, measurable_cores
from test_memory_plan import problem

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.placement import longest_chain, most_live
from tinyml_nas.devices import CORES
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.graph import Add, Network, Shape
from tinyml_nas.proof.emulate import emulate
from tinyml_nas.quantize import quantize_input
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Gene, Genotype
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.spaces import random_genome
from tinyml_nas.search.spaces.chain import ChainSpace

MACS = (10_000, 400_000)
CLASSES = 5
OWN = {"dsp": ("DSP",), "mve": ("MVE", "DSP")}
"""Macros that choose the kernels of a back-end."""


def chain(shape: Shape, draw: random.Random, *, residual: bool) -> Network:
    """A random chain, with an addition where ``residual``."""
    space = ChainSpace(shape, CLASSES)
    while True:
        try:
            network = space.network(random_genome(space, draw), f"chain {shape}")
        except ValueError:
            continue
        adds = any(isinstance(node.op, Add) for node in network.nodes)
        if MACS[0] < network_cost(network).macs < MACS[1] and adds == residual:
            return network


def cells(shape: Shape, draw: random.Random) -> Network:
    """A random network of cells, each of which ends in a concatenation."""
    space = SearchSpace(
        shape, classes=CLASSES, layers=3, nodes=3, channels=4, stem_multiplier=2, fanout=3
    )

    def genes() -> tuple[Gene, ...]:
        return tuple((draw.choice(PRIMITIVES[1:]), draw.randint(0, i)) for i in range(3))

    return derive(Genotype(genes(), genes(), space.concat), space, f"cells {shape}")


def networks() -> Iterator[Network]:
    """The five networks."""
    draw = random.Random(4)
    yield chain(Shape(1, 32), draw, residual=False)
    yield chain(Shape(9, 128), draw, residual=True)
    yield chain(Shape(6, 512), draw, residual=True)
    yield cells(Shape(3, 256), draw)
    yield cells(Shape(1, 1024), draw)


def without(export: CExport, macros: tuple[str, ...]) -> None:
    """Switch kernels off in the header of ``export``."""
    header = export.files["header"]
    lines = "".join(f"#define {export.prefix.upper()}_{macro} 0\n" for macro in macros)
    header.write_text(lines + header.read_text())


def smallest(network: Network) -> int:
    """A lower bound of the arena, none above the arena of the plan being looked for."""
    arena = plan_memory(network).arena_bytes
    return min(arena, max(most_live(*problem(network)), longest_chain(*problem(network), arena)))


def main() -> None:
    """Print a block for each network."""
    cores = [core for core in measurable_cores() if CORES[core].backend in OWN]
    for seed, network in enumerate(networks()):
        net, x = integer_model(network, seed)
        windows, cost = quantize_input(net, x[:1]), network_cost(network)
        print(f"{network.name}: {len(network.nodes)} layers, {cost.macs:,} MACs, arena ", end="")
        print(f"{cost.ram_bytes:,} B, no less than {smallest(network):,} B")
        for core in cores:
            with tempfile.TemporaryDirectory(prefix="tinyml_") as folder:
                export = emit_c(net, "model", Path(folder), x[:1])
                own = emulate(net, export, core, windows).instructions
                without(export, OWN[CORES[core].backend])
                portable = emulate(net, export, core, windows).instructions
            print(f"    {core}: {own:,} instructions, {own / portable:.2f} of {portable:,}")


if __name__ == "__main__":
    main()
