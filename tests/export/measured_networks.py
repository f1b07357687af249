"""Random networks of both search spaces, quantized, compiled and counted."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from random_networks import dilated

from tinyml_nas.config.names import NAS_PRESETS
from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.flash import record_bytes, table_bytes
from tinyml_nas.cost.packing import weight_bits
from tinyml_nas.devices.cores import CORES, Backend
from tinyml_nas.export.c import emit_c
from tinyml_nas.features import Normalization
from tinyml_nas.graph import (
    INPUT,
    Add,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    Network,
    Node,
    Shape,
)
from tinyml_nas.graph.integer import Float32, IntNetwork
from tinyml_nas.graph.ops import causal_padding, same_padding
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.toolchain import CROSS_COMPILERS, GCC
from tinyml_nas.proof.emulate import COUNTED, COUNTED_CORES, emulate
from tinyml_nas.quantize import quantize_input
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import folded_parameters
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Gene, Genotype
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.spaces import random_genome
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator

CHANNELS = (1, 2, 3, 6, 9)
LENGTHS = (32, 64, 100, 128, 256)
MACS = (1_000, 1_500_000)


@dataclass(frozen=True)
class Measured:
    """What the linker and the emulator say of one network, by core and compiler."""

    network: Network
    arena_bytes: int
    tables: Mapping[str, int]
    flash: Mapping[str, Mapping[str, int]]
    instructions: Mapping[str, Mapping[str, int]]
    layers: Mapping[str, Mapping[str, Mapping[str, int]]]

    def worst_flash(self, backend: Backend) -> int:
        """Linked flash on the core of ``backend`` and with the compiler where it is largest."""
        measured = (self.flash[core] for core in cores_of(backend) if core in self.flash)
        return max(max(by_compiler.values()) for by_compiler in measured)

    def most_instructions(self, core: str) -> int:
        """Instructions with the compiler that needs most."""
        return max(self.instructions[core].values())


def random_chain(seed: int) -> Network:
    """A network of the chain space that only ``seed`` decides."""
    draw = random.Random(seed)
    while True:
        shape = Shape(draw.choice(CHANNELS), draw.choice(LENGTHS))
        space = ChainSpace(shape, draw.randint(2, 10))
        try:
            network = space.network(random_genome(space, draw), f"chain{seed}")
        except ValueError:
            continue
        macs = sum(node.op.macs(network.input_shapes(node)) for node in network.nodes)
        if MACS[0] < macs < MACS[1]:
            return network


def random_cells(seed: int) -> Network:
    """A network of the cell space that only ``seed`` decides."""
    draw = random.Random(seed)
    nodes = draw.randint(2, 4)
    space = SearchSpace(
        Shape(draw.choice(CHANNELS), draw.choice(LENGTHS)),
        classes=draw.randint(2, 10),
        layers=draw.randint(2, 5),
        nodes=nodes,
        channels=draw.choice((1, 2, 4)),
        stem_multiplier=draw.randint(1, 3),
        fanout=draw.randint(1, nodes),
    )
    return _derived(draw, space, f"cells{seed}")


def random_cells_of(preset: str, seed: int) -> Network:
    """A small network of the cells of ``preset``, of a few layers, that only ``seed`` decides."""
    draw = random.Random(seed)
    shape = Shape(draw.choice(CHANNELS), draw.randint(12, 20))
    layers, *widths = NAS_PRESETS[preset]
    space = SearchSpace(shape, draw.randint(2, 6), min(layers, 6), *widths)
    return _derived(draw, space, f"cells_{preset}{seed}")


def _derived(draw: random.Random, space: SearchSpace, name: str) -> Network:
    def genes() -> tuple[Gene, ...]:
        return tuple((draw.choice(PRIMITIVES[1:]), draw.randint(0, i)) for i in range(space.nodes))

    return derive(Genotype(genes(), genes(), space.concat), space, name)


def random_packed(seed: int) -> Network:
    """A network of either space whose layers have random weight bits, not all of them 8."""
    draw = random.Random(seed)
    network = random_cells(seed) if seed % 4 == 0 else random_chain(seed)
    choices = draw.choice(((8,), (4,), (2,), (8, 4), (8, 4, 2)))
    bits = {name: draw.choice(choices) for name in weight_bits(network)}
    bits[draw.choice(list(bits))] = draw.choice((4, 2))
    network = network.with_weight_bits(bits)
    return replace(network, name=f"packed{seed}")


def random_tcn(seed: int) -> Network:
    """A TCN whose dilations double until the window is seen, that only ``seed`` decides."""
    draw = random.Random(seed)
    channels, kernel = draw.choice((4, 6, 10, 12, 16, 24, 32)), draw.choice((2, 3, 3, 5))
    nodes, last = [Node("stem", Conv(channels, 5, draw.choice((1, 2)), (2, 2)), (INPUT,))], "stem"
    depthwise, residual = draw.random() < 0.3, draw.random() < 0.5
    for i in range(draw.randint(2, 5)):
        d = 2**i
        pad = draw.choice((same_padding, causal_padding))(kernel, d)
        if depthwise:
            nodes.append(Node(f"depthwise{i}", DepthwiseConv(kernel, 1, pad, dilation=d), (last,)))
            nodes.append(Node(f"conv{i}", Conv(channels, 1), (f"depthwise{i}",)))
        else:
            nodes.append(Node(f"conv{i}", Conv(channels, kernel, 1, pad, dilation=d), (last,)))
        if residual:
            nodes.append(Node(f"sum{i}", Add(relu=True), (f"conv{i}", last)))
        last = nodes[-1].name
    nodes += [Node("pool", GlobalAvgPool(), (last,)), Node("classifier", Linear(4), ("pool",))]
    shape = Shape(draw.choice(CHANNELS), draw.choice((32, 48, 64, 100)))
    return Network(f"tcn{seed}", shape, tuple(nodes))


def random_dilated(seed: int) -> Network:
    """A TCN, or a network of either space with random dilations, some of them packed."""
    spaces = (random_tcn, random_chain, random_tcn, random_cells, random_tcn, random_packed)
    network = spaces[seed % len(spaces)](seed)
    if not network.name.startswith("tcn"):
        network = dilated(seed, network, (1, 2, 4, 9))
    elif seed % 4 == 0:
        network = network.with_weight_bits(dict.fromkeys(weight_bits(network), 4))
    return replace(network, name=f"dilated{seed}")


def integer_model(
    network: Network, seed: int, add_terms: int | None = None
) -> tuple[IntNetwork, Float32]:
    """``network`` with random weights, quantized on noise, and the windows of noise."""
    channels, length = network.input_shape
    module = build_module(network, generator(seed, "weights"))
    x = torch.randn(16, channels, length, generator=generator(seed, "noise"))
    module.train()
    with torch.no_grad():  # batch norms that have seen data
        for _ in range(3):
            module(x)
    folded = fold_batch_norm(module.eval())
    net = lower(
        folded.network,
        folded_parameters(folded),
        calibrate(folded, x, "min_max"),
        Normalization(np.zeros(channels, np.float32), np.ones(channels, np.float32)),
        tuple(f"class {i}" for i in range(network.shapes[network.output].size)),
        tuple(f"channel {i}" for i in range(channels)),
        add_terms,
    )
    return net, x.numpy()


def missing_tools(core: str) -> list[str]:
    """What counting on ``core`` with every compiler wants and pip does not bring."""
    if core == qemu.CORE:
        return qemu.missing_tools()
    return [GCC] if "gcc" in COUNTED[core] and shutil.which(GCC) is None else []


def measurable_cores() -> list[str]:
    """Cores of which every compiler and the emulator are installed."""
    return [core for core in COUNTED if not missing_tools(core)]


def measure(
    network: Network,
    seed: int,
    cores: Iterable[str] = (),
    optimize: Optimize = "balanced",
) -> Measured:
    """Compile and run ``network`` on each of ``cores``, or on all that can be measured."""
    net, x = integer_model(network, seed)
    with tempfile.TemporaryDirectory(prefix="tinyml_") as folder:
        export = emit_c(net, "model", Path(folder), x[:1], optimize)
        inputs = quantize_input(net, x[:1])
        runs = {
            core: {
                name: emulate(net, export, core, inputs, build=CROSS_COMPILERS[name])
                for name in COUNTED[core]
            }
            for core in cores or measurable_cores()
        }

    def figures(figure: str) -> dict[str, dict[str, Any]]:
        return {
            core: {name: getattr(run, figure) for name, run in by_compiler.items()}
            for core, by_compiler in runs.items()
        }

    return Measured(
        network=network,
        arena_bytes=export.arena_bytes,
        tables=export.table_bytes,
        flash={
            core: {name: linked.flash_bytes for name, linked in by_compiler.items()}
            for core, by_compiler in figures("linked").items()
        },
        instructions=figures("instructions"),
        layers=figures("layer_instructions"),
    )


def cores_of(backend: Backend) -> list[str]:
    """The emulated cores of ``backend``."""
    return [core for core in COUNTED_CORES if CORES[core].backend == backend]


def data_bytes(network: Network, backend: Backend) -> int:
    """Flash that is no code: tables and constant records."""
    return sum(
        table_bytes(network, node, backend) + record_bytes(network, node, backend)
        for node in network.nodes
    )
