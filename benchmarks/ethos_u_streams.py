"""Programs of Ethos-U for the zoo and for random networks: compiled, executed, compared.

    python benchmarks/ethos_u_streams.py

Every distinct network of the zoo (all tasks, 1 x 128 and 3 x 100), 60 random chains and 60 random
cells, on three accelerators.  Weights are random and scales are calibrated on noise, so that
outputs depend on inputs.  Three random windows and one of the lowest values go through each
program, and every output is compared.  An output varies if random windows change it.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import integer_model, random_cells, random_chain
from test_ethos_u_streams import executed, noise, npu_of

from tinyml_nas.cost.npu.ethos_u import ADD_TERMS, place
from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.graph import Network, Shape
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.quantize import run_reference
from tinyml_nas.zoo import ZOO, fewest_outputs

DEVICES = ("AlifE3-HE", "AlifE3-HP", "Corstone-300-U65")
RANDOM = 60


def networks() -> dict[str, Network]:
    """By name; of equal ones the first."""
    found: dict[tuple[object, ...], tuple[str, Network]] = {}
    for name, model in ZOO.items():
        for shape in (Shape(1, 128), Shape(3, 100)):
            try:
                network = model.build(shape, max(3, fewest_outputs(model.task)))
            except ValueError:
                continue  # it reads inputs of another shape
            found.setdefault((shape, network.nodes), (f"{name} {tuple(shape)}", network))
    zoo = dict(found.values())
    chains = {f"chain {seed}": random_chain(seed) for seed in range(RANDOM)}
    return zoo | chains | {f"cells {seed}": random_cells(seed) for seed in range(RANDOM)}


def varying(net: IntNetwork) -> int:
    """How many outputs are not the same for all random windows."""
    y = run_reference(net, noise(net.network)[:-1])[net.network.output]
    return int((y != y[:1]).any(axis=0).sum())


def main() -> None:
    """Print each refusal, then a line for each accelerator."""
    every = {name: integer_model(n, 1, ADD_TERMS)[0] for name, n in networks().items()}
    sizes = [net.network.shapes[net.network.output].size for net in every.values()]
    varied = [varying(net) for net in every.values()]
    print(f"{sum(varied):,} of {sum(sizes):,} outputs vary; none in {varied.count(0)} networks")
    for device in DEVICES:
        npu, count = npu_of(device), Counter[str]()
        for name, net in every.items():
            left = place(net.network, npu).on_core
            for placed in left:
                print(f"{npu.accelerator}: {name}: {placed.layer}: {placed.reason}; {placed.mend}")
            count["whole"] += not left
            try:
                count["outputs"] += executed(net, npu)
            except ParityError as error:
                count["differ"] += 1
                print(f"{npu.accelerator}: {name}: {error.message}")
            except ToolError as error:
                count["refused"] += 1
                print(f"{npu.accelerator}: {name}: {error.message}")
        print(
            f"{npu.accelerator}: {len(every)} networks, {count['whole'] / len(every):.1%} wholly "
            f"on the NPU, {count['refused']} refused, {count['outputs']:,} outputs compared, "
            f"{count['differ']} networks differ",
            flush=True,
        )


if __name__ == "__main__":
    main()
