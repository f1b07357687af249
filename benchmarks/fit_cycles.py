"""Fits what the generated C executes and occupies, and says how well unseen networks are predicted.

    python benchmarks/fit_cycles.py [--chains 160] [--cells 40] [--packed 40] [--cores CORE ...]
                                    [--save FILE | --load FILE]

Random chains, random cells, a few others and some of the zoo are quantized, compiled with -Os and
run once per emulated core (of all, or of those named: name all cores of a back-end, whose code is
fitted to the largest).  Seven networks in ten are fitted and the others judge; what is printed is
then fitted on all.  Prints the table `INSTRUCTIONS` of tinyml_nas/devices/instructions.py, the
table `CODE_BYTES` of tinyml_nas/devices/code_sizes.py, and the errors on the held-out networks.
Four seconds per network.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog, nnls

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import (  # noqa: E402
    Measured,
    data_bytes,
    measure,
    random_cells,
    random_chain,
    random_packed,
)

from tinyml_nas.config.names import SUGGESTED  # noqa: E402
from tinyml_nas.devices.code_sizes import CODE_BYTES  # noqa: E402
from tinyml_nas.devices.cores import CORES, Backend  # noqa: E402
from tinyml_nas.devices.instructions import Instructions  # noqa: E402
from tinyml_nas.export.emulate import COUNTED_CORES  # noqa: E402
from tinyml_nas.graph import (  # noqa: E402
    INPUT,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    Network,
    Node,
    Shape,
    plan_memory,
)
from tinyml_nas.graph.cost import layer_code, shared_code  # noqa: E402
from tinyml_nas.graph.kernels import kernel_of  # noqa: E402
from tinyml_nas.graph.latency import layer_trips  # noqa: E402
from tinyml_nas.graph.ops import same_padding  # noqa: E402
from tinyml_nas.zoo import ZOO  # noqa: E402

Vector = npt.NDArray[np.float64]
HELD_OUT_SHARE = 0.3
NARROW_NETWORKS = 6
PACKED_SEED = 1000
SHORT = 4.0
"""By so much a promise for packed layers rather errs upwards: their loops vary more."""
SCALAR_NETWORKS = 5
ZOO_SHAPES = (Shape(6, 64), Shape(1, 128), Shape(3, 100))
DECODERS = ("AD_500", "AD_2k", "AD_4k", "AD_17k", "AE_1k", "AE_4k")
"""Those that upsample in steps and in lines, once and several times."""
DECODED_SHAPES = (Shape(6, 32), Shape(1, 128), Shape(3, 48))
FILL_TRIPS = {core: 2.0 if core == "cortex-m55" else 4.0 for core in COUNTED_CORES}
"""Instructions per byte of margin: stores in a loop, whose end the M55 has an instruction for."""


def narrow_depthwise(seed: int) -> Network:
    """Depthwise layers of two or three channels: too few for the DSP kernel, rare in the rest."""
    kernels = (3, 5, 4, 9)[: 2 + seed % 3]
    sources = (INPUT, *(f"layer{i}" for i in range(len(kernels))))
    layers = (
        Node(f"layer{i}", DepthwiseConv(k, 1, same_padding(k)), (sources[i],))
        for i, k in enumerate(kernels)
    )
    ends = (Node("pool", GlobalAvgPool(), (sources[-1],)), Node("classifier", Linear(4), ("pool",)))
    return Network(f"narrow{seed}", Shape(2 + seed % 2, 64 + 9 * seed), (*layers, *ends))


def packed_scalar(seed: int) -> Network:
    """A packed layer of one channel: a pair is too many for it with DSP, and rare in the rest."""
    network = random_chain(seed)
    last = network.nodes[-1]
    ends = (Node(last.name, Linear(1, weight_bits=4 - 2 * (seed % 2)), last.inputs),)
    return Network(f"scalar{seed}", network.input_shape, (*network.nodes[:-1], *ends))


def networks(chains: int, cells: int, packed: int) -> Iterator[Network]:
    """Random chains and cells, some packed, narrow depthwise layers, the zoo and its decoders."""
    yield from map(random_chain, range(chains))
    yield from map(random_cells, range(cells))
    yield from map(random_packed, range(PACKED_SEED, PACKED_SEED + packed))
    yield from map(packed_scalar, range(min(packed, SCALAR_NETWORKS)))
    yield from map(narrow_depthwise, range(NARROW_NETWORKS))
    for shape in ZOO_SHAPES:
        yield from (ZOO[name].build(shape, 4) for name in SUGGESTED["classification"])
    for shape in DECODED_SHAPES:
        yield from (ZOO[name].build(shape, 0) for name in DECODERS)


def telling(measured: Sequence[Measured], backend: Backend) -> list[Measured]:
    """Without the narrow depthwise layers, where the other networks have that kernel as well."""
    return [m for m in measured if backend == "dsp" or not m.network.name.startswith("narrow")]


def measure_all(candidates: Iterable[Network], cores: Sequence[str]) -> list[Measured]:
    """Every network, measured on ``cores``; one line each."""
    result = []
    for seed, network in enumerate(candidates):
        result.append(measure(network, seed, cores))
        flash, counts = result[-1].flash, result[-1].instructions
        print(f"{network.name}: flash {dict(flash)}, instructions {dict(counts)}", flush=True)
    return result


def save(measured: Sequence[Measured], path: Path) -> None:
    """One JSON line per network."""
    lines = (json.dumps(asdict(m) | {"network": m.network.to_json()}) for m in measured)
    path.write_text("\n".join(lines), encoding="utf-8")


def load(path: Path) -> list[Measured]:
    """What ``save`` wrote."""
    records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Measured(**r | {"network": Network.from_json(r["network"])}) for r in records]


def least_absolute(a: Vector, y: Vector, short: float = 1.0) -> Vector:
    """Coefficients, none negative, of the smallest mean absolute error relative to ``y``.

    Odd layers (a multiplier that is a power of two, an unrolled loop) do not pull at the rest.
    What falls short of ``y`` counts ``short`` times.
    """
    rows, columns = a.shape
    scaled, identity = a / y[:, None], np.eye(rows)
    cost = np.concatenate([np.zeros(columns), np.full(rows, short), np.ones(rows)])
    equations = np.hstack([scaled, identity, -identity])
    solved = linprog(cost, A_eq=equations, b_eq=np.ones(rows), bounds=(0, None))
    result: Vector = solved.x[:columns]
    return result


def fit_instructions(measured: Sequence[Measured], core: str) -> Instructions:
    """Instructions per trip of each kernel."""
    backend = CORES[core].backend
    rows: dict[str, list[tuple[dict[str, int], float]]] = defaultdict(list)
    rest, padded = [], set[str]()
    for m in measured:
        filled = margin_bytes(m.network)
        for node in m.network.nodes:
            kernel = kernel_of(m.network, node, backend)
            trips = dict(layer_trips(m.network, node, backend))
            padded.update([kernel] if trips.pop("padding") else [])
            count = m.layers[core][node.name] - FILL_TRIPS[core] * filled[node.name]
            rows[kernel].append((trips, count))
        rest.append(m.instructions[core] - sum(m.layers[core].values()))
    outside = max(0, round(float(np.median(rest))))  # on the M55 the first layer contains it
    table: dict[str, dict[str, float]] = {"network": {"run": outside}}
    for kernel, samples in sorted(rows.items()):
        names = list(samples[0][0])
        a = np.array([[trips[name] for name in names] for trips, _ in samples], float)
        short = SHORT if kernel.startswith("packed") else 1.0
        found = least_absolute(a, np.array([count for _, count in samples], float), short)
        table[kernel] = {n: round(float(c), 2) for n, c in zip(names, found, strict=True) if c > 0}
        table[kernel] |= {"padding": FILL_TRIPS[core]} if kernel in padded else {}
    return table


def margin_bytes(network: Network) -> dict[str, int]:
    """Bytes of margin that each layer fills: around the tensors that it is the first to read."""
    unread = dict(plan_memory(network).buffers)
    fresh = {
        node.name: [unread.pop(name) for name in dict.fromkeys(node.inputs) if name in unread]
        for node in network.nodes
    }
    return {
        name: sum((b.margin_left + b.margin_right) * b.row_bytes for b in buffers)
        for name, buffers in fresh.items()
    }


def fit_code(measured: Sequence[Measured], backend: Backend) -> dict[str, int]:
    """Bytes of code by cause, none negative: least relative squares over the largest core."""
    a = np.array([causes(m.network, backend) for m in measured], float)
    y = np.array([code_bytes(m, backend) for m in measured], float)
    found, _ = nnls(a / y[:, None], np.ones(len(y)))
    return {n: round(c) for n, c in zip(CODE_BYTES[backend], found.tolist(), strict=True)}


def code_bytes(m: Measured, backend: Backend) -> int:
    """Linked flash without tables and records."""
    return m.worst_flash(backend) - data_bytes(m.network, backend)


def causes(network: Network, backend: Backend) -> list[int]:
    """How often each entry of ``CODE_BYTES`` counts in ``network``."""
    total: dict[str, int] = defaultdict(int)
    layers = (layer_code(network, node, backend) for node in network.nodes)
    for part in (shared_code(network, backend), *layers):
        for name, times in part.items():
            total[name] += times
    return [total[name] for name in CODE_BYTES[backend]]


def judge_instructions(measured: Sequence[Measured], core: str, table: Instructions) -> None:
    """Print the errors of whole networks, and of layers that matter."""
    backend = CORES[core].backend
    network, layer = [], []
    for m in measured:
        total = m.instructions[core]
        filled, promised = margin_bytes(m.network), table["network"]["run"]
        for node in m.network.nodes:
            count = m.layers[core][node.name] - FILL_TRIPS[core] * filled[node.name]
            trips = layer_trips(m.network, node, backend)
            costs = table[kernel_of(m.network, node, backend)]
            whole = sum(costs.get(name, 0.0) * times for name, times in trips.items())
            promised += whole
            if count > 0.02 * total:
                layer.append((whole - costs.get("padding", 0.0) * trips["padding"]) / count - 1)
        network.append(promised / total - 1)
    print(f"{core}: networks {_errors(network)}; layers of 2 % and more {_errors(layer)}")


def judge_code(measured: Sequence[Measured], backend: Backend, table: dict[str, int]) -> None:
    """Print the error of the code, and of all flash."""
    code, flash = [], []
    for m in measured:
        data, times = data_bytes(m.network, backend), causes(m.network, backend)
        promised = sum(c * n for c, n in zip(table.values(), times, strict=True))
        code.append(promised / code_bytes(m, backend) - 1)
        flash.append((promised + data) / m.worst_flash(backend) - 1)
    print(f"{backend} code: {_errors(code)}; flash with its tables: {_errors(flash)}")


def _errors(relative: Sequence[float]) -> str:
    e = np.array(relative)
    low, high = np.quantile(e, (0.05, 0.95))
    return (
        f"mean {e.mean():+.2%}, rms {np.sqrt((e**2).mean()):.2%}, 90 % within {low:+.2%} to "
        f"{high:+.2%}, extremes {e.min():+.2%} and {e.max():+.2%} (n = {len(e)})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--chains", type=int, default=160)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--packed", type=int, default=40)
    parser.add_argument(
        "--cores", nargs="+", choices=COUNTED_CORES, default=list(COUNTED_CORES), metavar="CORE"
    )
    parser.add_argument("--save", type=Path)
    parser.add_argument("--load", type=Path)
    args = parser.parse_args()
    candidates = networks(args.chains, args.cells, args.packed)
    measured = load(args.load) if args.load else measure_all(candidates, args.cores)
    if args.save:
        save(measured, args.save)
    held = np.random.default_rng(0).random(len(measured)) < HELD_OUT_SHARE
    fitted = [m for m, out in zip(measured, held, strict=True) if not out]
    unseen = [m for m, out in zip(measured, held, strict=True) if out]
    print(f"{len(fitted)} networks fitted, {len(unseen)} held out")
    tables = {
        core: fit_instructions(telling(fitted, CORES[core].backend), core)
        for core in measured[0].flash
    }
    final = {
        core: fit_instructions(telling(measured, CORES[core].backend), core) for core in tables
    }
    print(f"INSTRUCTIONS = {json.dumps(final, indent=4)}")
    for core, table in tables.items():
        judge_instructions(telling(unseen, CORES[core].backend), core, table)
    backends = {CORES[core].backend for core in tables}
    code = {b: fit_code(telling(fitted, b), b) for b in CODE_BYTES if b in backends}
    final_code = {backend: fit_code(telling(measured, backend), backend) for backend in code}
    print(f"CODE_BYTES = {json.dumps(final_code, indent=4)}")
    for backend, sizes in code.items():
        judge_code(telling(unseen, backend), backend, sizes)


if __name__ == "__main__":
    main()
