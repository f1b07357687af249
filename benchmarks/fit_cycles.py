"""Fits what the generated C executes and occupies, and writes the cost tables of the package.

    python benchmarks/fit_cycles.py [--chains 160] [--cells 40] [--packed 40] [--processes 2]
                                    [--save FILE | --load FILE ...]

Random chains, random cells, a few others and some of the zoo are quantized, compiled with -Os by
every compiler that is counted, and run once per emulated core; GCC for Arm and QEMU must be
installed.  Seven networks in ten are fitted and the others judge; the tables in
tinyml_nas/cost/tables/costs.json are then fitted on all, with the headroom that no network
exceeds.  Prints the errors on the held-out networks.  `--save` appends to a file of one network a
line, which `--load` fits without measuring.  Ten seconds of CPU per network.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linprog, nnls

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import (
    Measured,
    data_bytes,
    measurable_cores,
    measure,
    random_cells,
    random_chain,
    random_dilated,
    random_packed,
)

from tinyml_nas.config.names import SUGGESTED
from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.flash import layer_code, shared_code
from tinyml_nas.cost.kernels import kernel_of
from tinyml_nas.cost.latency import (
    layer_instructions,
    layer_trips,
    network_instructions,
)
from tinyml_nas.cost.tables import CODE_BYTES, COSTS_FILE, Instructions
from tinyml_nas.devices.cores import CORES, Backend
from tinyml_nas.graph import (
    INPUT,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
    Shape,
    Upsample,
)
from tinyml_nas.graph.ops import same_padding
from tinyml_nas.proof.emulate import COUNTED
from tinyml_nas.zoo import ZOO

Vector = npt.NDArray[np.float64]
HELD_OUT_SHARE = 0.3
NARROW_NETWORKS, RARE_NETWORKS = 6, 16
PACKED_SEED = 1000
SHORT, RARE_SHORT, RARE = 4.0, 50.0, 24
"""By so much a promise for packed layers rather errs upwards, since their loops vary more, and
for a kernel of which fewer layers than this were measured."""
SCALAR_NETWORKS, DILATED_NETWORKS = 5, 30
ZOO_SHAPES = (Shape(6, 64), Shape(1, 128), Shape(3, 100))
DECODERS = ("AD_500", "AD_2k", "AD_4k", "AD_17k", "AE_1k", "AE_4k")
"""Those that upsample in steps and in lines, once and several times."""
DECODED_SHAPES = (Shape(6, 32), Shape(1, 128), Shape(3, 48))
FILLED = {("cortex-m55", "gcc"): 2.0, ("cortex-m0", "gcc"): 5.0}
FILLED_ELSEWHERE = 4.0
"""Instructions per byte of margin: stores in a loop, whose end the M55 has an instruction for."""
FILLED_BY_EIGHTS, FILLED_BY_VECTORS = 1.6, 0.2
"""The same where dilated layers have wide margins, and on the M55."""


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


def rare_kernels(seed: int) -> Network:
    """Kernels that the other networks seldom have: each in one layer, or in two."""
    draw = random.Random(seed)
    channels, times = draw.randint(2, 12), 1 + seed % 2
    pool = MaxPool(2, 2) if seed // 2 % 2 else MaxPool(3, 2, (1, 1))
    nodes, last = [Node("stem", Conv(channels, 3, 1, (1, 1)), (INPUT,))], "stem"
    for i in range(times):
        nodes += [
            Node(f"halved{i}", pool, (last,)),
            Node(f"doubled{i}", Upsample(2), (f"halved{i}",)),
            Node(f"joined{i}", Concat("length"), (f"doubled{i}", last)),
        ]
        last = f"joined{i}"
    for i in range(times):
        nodes.append(Node(f"line{i}", Interpolate(draw.randint(250, 300) + 50 * i), (last,)))
        last = f"line{i}"
    if seed // 4 % 2:
        nodes.append(Node("average", AvgPool(draw.randint(2, 5), 2), (last,)))
        last = "average"
    means = [Node(f"mean{i}", GlobalAvgPool(), ((last, "stem")[i],)) for i in range(times)]
    joined = Node("means", Concat(), tuple(node.name for node in means))
    nodes += [*means, joined, Node("classifier", Linear(4), ("means",))]
    return Network(
        f"rare{seed}", Shape(draw.randint(1, 6), draw.choice((32, 48, 60))), tuple(nodes)
    )


def packed_scalar(seed: int) -> Network:
    """A packed layer of one channel: a pair is too many for it with DSP, and rare in the rest."""
    network = random_chain(seed)
    last = network.nodes[-1]
    ends = (Node(last.name, Linear(1, weight_bits=4 - 2 * (seed % 2)), last.inputs),)
    return Network(f"scalar{seed}", network.input_shape, (*network.nodes[:-1], *ends))


def networks(chains: int, cells: int, packed: int) -> Iterator[Network]:
    """Random chains and cells, some packed or dilated, what is rare, the zoo and its decoders."""
    yield from map(random_chain, range(chains))
    yield from map(random_cells, range(cells))
    yield from map(random_packed, range(PACKED_SEED, PACKED_SEED + packed))
    yield from map(packed_scalar, range(min(packed, SCALAR_NETWORKS)))
    yield from map(random_dilated, range(DILATED_NETWORKS))
    yield from map(narrow_depthwise, range(NARROW_NETWORKS))
    yield from map(rare_kernels, range(RARE_NETWORKS))
    for shape in ZOO_SHAPES:
        yield from (ZOO[name].build(shape, 4) for name in SUGGESTED["classification"])
    for shape in DECODED_SHAPES:
        yield from (ZOO[name].build(shape, 0) for name in DECODERS)


def telling(measured: Sequence[Measured], backend: Backend) -> list[Measured]:
    """Without the narrow depthwise layers, where the other networks have that kernel as well."""
    return [m for m in measured if backend == "dsp" or not m.network.name.startswith("narrow")]


def measured_seed(numbered: tuple[int, Network]) -> Measured:
    """What a process measures; the number is the seed."""
    seed, network = numbered
    for backend, table in CODE_BYTES.items():  # the C says its size, also with a new kernel
        for name in causes(network, backend):
            table.setdefault(name, 0)
    return measure(network, seed)


def measure_all(candidates: Iterable[Network], processes: int) -> Iterator[Measured]:
    """Every network, one line each."""
    one_thread = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with ProcessPoolExecutor(processes, **one_thread) as pool:
        for m in pool.map(measured_seed, enumerate(candidates)):
            print(f"{m.network.name}: flash {m.flash}, instructions {m.instructions}", flush=True)
            yield m


def saved(measured: Iterable[Measured], path: Path) -> Iterator[Measured]:
    """The same networks, each appended to ``path`` as a line of JSON."""
    with path.open("a", encoding="utf-8") as file:
        for m in measured:
            file.write(json.dumps(asdict(m) | {"network": m.network.to_json()}) + "\n")
            file.flush()
            yield m


def load(path: Path) -> list[Measured]:
    """What ``saved`` wrote."""
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


def fit_all_instructions(measured: Sequence[Measured]) -> dict[str, dict[str, Instructions]]:
    """The table of every core and compiler."""
    return {
        core: {
            name: fit_instructions(telling(measured, CORES[core].backend), core, name)
            for name in names
        }
        for core, names in COUNTED.items()
    }


def fit_instructions(measured: Sequence[Measured], core: str, compiler: str) -> Instructions:
    """Instructions per trip of each kernel."""
    backend = CORES[core].backend
    filling = {
        "padding": FILLED.get((core, compiler), FILLED_ELSEWHERE),
        "wide_padding": FILLED_BY_VECTORS if backend == "mve" else FILLED_BY_EIGHTS,
    }
    rows: dict[str, list[tuple[dict[str, int], float]]] = defaultdict(list)
    rest, padded = [], set[str]()
    for m in measured:
        filled, layers = margin_bytes(m.network), m.layers[core][compiler]
        for node in m.network.nodes:
            kernel = kernel_of(m.network, node, backend)
            trips = dict(layer_trips(m.network, node, backend))
            (way,) = filling.keys() & trips.keys()
            padded.update([kernel] if trips.pop(way) else [])
            if count := layers[node.name]:  # a layer that leaves all where it is has no code
                rows[kernel].append((trips, count - filling[way] * filled[node.name]))
        rest.append(m.instructions[core][compiler] - sum(layers.values()))
    outside = max(0, round(float(np.median(rest))))  # on the M55 the first layer contains it
    table: dict[str, dict[str, float]] = {"network": {"run": outside}}
    for kernel, samples in sorted(rows.items()):
        names = dict.fromkeys(name for trips, _ in samples for name in trips)
        a = np.array([[trips.get(name, 0) for name in names] for trips, _ in samples], float)
        short = SHORT if kernel.startswith("packed") else 1.0
        short = RARE_SHORT if len(samples) < RARE else short
        found = least_absolute(a, np.array([count for _, count in samples], float), short)
        table[kernel] = {n: round(float(c), 2) for n, c in zip(names, found, strict=True) if c > 0}
        table[kernel] |= filling if kernel in padded else {}
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


def fit_all_code(measured: Sequence[Measured]) -> dict[str, dict[str, int]]:
    """The table of every back-end."""
    backends = dict.fromkeys(CORES[core].backend for core in COUNTED)
    return {backend: fit_code(telling(measured, backend), backend) for backend in backends}


def fit_code(measured: Sequence[Measured], backend: Backend) -> dict[str, int]:
    """Bytes of code by cause, none negative: least relative squares over the largest link."""
    counted = [causes(m.network, backend) for m in measured]
    names = sorted({name for causes in counted for name in causes})
    a = np.array([[causes.get(name, 0) for name in names] for causes in counted], float)
    y = np.array([code_bytes(m, backend) for m in measured], float)
    found, _ = nnls(a / y[:, None], np.ones(len(y)))
    return {n: round(c) for n, c in zip(names, found.tolist(), strict=True)}


def code_bytes(m: Measured, backend: Backend) -> int:
    """Linked flash without tables and records."""
    return m.worst_flash(backend) - data_bytes(m.network, backend)


def causes(network: Network, backend: Backend) -> dict[str, int]:
    """How often each cause of code counts in ``network``."""
    total: dict[str, int] = defaultdict(int)
    layers = (layer_code(network, node, backend) for node in network.nodes)
    for part in (shared_code(network, backend), *layers):
        for name, times in part.items():
            total[name] += times
    return {name: times for name, times in total.items() if times}


def judge_instructions(
    measured: Sequence[Measured], core: str, tables: Mapping[str, Instructions]
) -> float:
    """Print the errors of whole networks, and of layers that matter; the worst excess.

    Networks with a kernel that the tables have not are left out.
    """
    network, layer, backend = [], [], CORES[core].backend
    for m in telling(measured, backend):
        kernels = {kernel_of(m.network, node, backend) for node in m.network.nodes}
        if not all(kernels <= set(table) for table in tables.values()):
            continue
        total = m.most_instructions(core)
        filled = margin_bytes(m.network)
        network.append(network_instructions(m.network, core, tables=tables) / total - 1)
        for node in m.network.nodes:
            count = max(by_layer[node.name] for by_layer in m.layers[core].values())
            if count > 0.02 * total and not filled[node.name]:
                promised = layer_instructions(m.network, node, core, tables=tables)
                layer.append(promised / count - 1)
    print(f"{core}: networks {_errors(network)}; layers of 2 % and more {_errors(layer)}")
    return float(1 / (1 + min(network)))


def judge_code(measured: Sequence[Measured], backend: Backend, table: Mapping[str, int]) -> float:
    """Print the error of the code, and of all flash; the worst excess in bytes."""
    code, flash, excess = [], [], []
    for m in telling(measured, backend):
        counted = causes(m.network, backend)
        if not counted.keys() <= table.keys():
            continue
        data, linked = data_bytes(m.network, backend), code_bytes(m, backend)
        promised = sum(table[name] * times for name, times in counted.items())
        code.append(promised / linked - 1)
        flash.append((promised + data) / (linked + data) - 1)
        excess.append(linked - promised)
    print(f"{backend} code: {_errors(code)}; flash with its tables: {_errors(flash)}")
    return max(excess)


def _errors(relative: Sequence[float]) -> str:
    e = np.array(relative)
    low, high = np.quantile(e, (0.05, 0.95))
    return (
        f"mean {e.mean():+.2%}, rms {np.sqrt((e**2).mean()):.2%}, 90 % within {low:+.2%} to "
        f"{high:+.2%}, extremes {e.min():+.2%} and {e.max():+.2%} (n = {len(e)})"
    )


def judged(measured: Sequence[Measured], costs: Mapping[str, Any]) -> dict[str, float]:
    """The headroom that ``costs`` want so that they are kept by every one of ``measured``."""
    factors = [judge_instructions(measured, c, t) for c, t in costs["instructions"].items()]
    excess = [judge_code(measured, backend, t) for backend, t in costs["code_bytes"].items()]
    return {
        "headroom": math.ceil(1000 * max(1.0, *factors)) / 1000,
        "code_headroom_bytes": max(0, *excess),
    }


def fit(measured: Sequence[Measured]) -> dict[str, Any]:
    """The tables of every core and back-end."""
    return {"instructions": fit_all_instructions(measured), "code_bytes": fit_all_code(measured)}


def written(table: Any, depth: int = 0) -> str:
    """JSON with a line for each innermost table."""
    if not isinstance(table, dict) or not any(isinstance(part, dict) for part in table.values()):
        return json.dumps(table)
    lines = (
        f"{' ' * (depth + 1)}{json.dumps(name)}: {written(part, depth + 1)}"
        for name, part in table.items()
    )
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--chains", type=int, default=160)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--packed", type=int, default=40)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--load", type=Path, nargs="+")
    args = parser.parse_args()
    if args.load:
        measured = [m for path in args.load for m in load(path)]
    else:
        if missing := set(COUNTED) - set(measurable_cores()):
            sys.exit(f"compilers or emulators of {', '.join(sorted(missing))} are not installed")
        found = measure_all(networks(args.chains, args.cells, args.packed), args.processes)
        measured = list(saved(found, args.save) if args.save else found)
    held = np.random.default_rng(0).random(len(measured)) < HELD_OUT_SHARE
    fitted = [m for m, out in zip(measured, held, strict=True) if not out]
    unseen = [m for m, out in zip(measured, held, strict=True) if out]
    print(f"{len(fitted)} networks fitted; these {len(unseen)} held out:")
    strict = judged(unseen, fit(fitted))
    costs = fit(measured)
    print(f"all {len(measured)} fitted:")
    loose = judged(measured, costs)
    headroom = {name: max(strict[name], loose[name]) for name in strict}
    print(f"held out {strict}, fitted {loose}: {headroom} written to {COSTS_FILE}")
    COSTS_FILE.write_text(written(headroom | costs) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
