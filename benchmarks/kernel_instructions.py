"""Executed instructions, flash and RAM of the generated C on one network, beside its peers.

    python benchmarks/kernel_instructions.py [--compiler GCC] [--optimize speed] [--layers]

The network of 211k MACs (128 x 6 samples, convolutions 5/2 to 16, 5/2 to 32, 3 to 32 channels,
mean pool, dense 6) with random int8 weights.  The peers' code is not here: their figures were
measured on the same network with gcc 12 -O2: CMSIS-NN in its exact build (one rounding), and where
it does not run, the plain loops that a textbook has.  A second network, of the other kernels, has
no peers.  Dilated layers stand beside the same layer without dilation, and with its zeros written
out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import get_args

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import integer_model

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.devices import CORES
from tinyml_nas.export.c import emit_c
from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    Shape,
)
from tinyml_nas.graph.ops import same_padding, span_of
from tinyml_nas.proof.cores.targets import EMULATED_CORES, THUMB
from tinyml_nas.proof.cores.toolchain import (
    BareMetalBuild,
    build_bare_metal,
    gcc_build,
)
from tinyml_nas.proof.emulate import COUNTED_CORES, emulate
from tinyml_nas.quantize import quantize_input

DILATED_CHANNELS, DILATIONS = (16, 32), (2, 8, 32)
THUMB_CORES = [core for core, emulated in EMULATED_CORES.items() if emulated.isa is THUMB]
PEERS = {
    "cortex-m0": ("CMSIS-NN", 1_694_154),
    "cortex-m3": ("CMSIS-NN", 728_000),
    "cortex-m4": ("CMSIS-NN", 537_312),
    "cortex-m7": ("CMSIS-NN", 537_312),
    "cortex-m33": ("CMSIS-NN", 537_312),
    "cortex-m55": ("CMSIS-NN", 103_400),
    "riscv32imc": ("plain loops", 1_638_000),
}


def workload() -> Network:
    """The network of the peers' figures."""
    nodes = (
        Node("conv1", Conv(16, 5, 2, (1, 2)), (INPUT,)),
        Node("conv2", Conv(32, 5, 2, (1, 2)), ("conv1",)),
        Node("conv3", Conv(32, 3, 1, same_padding(3)), ("conv2",)),
        Node("mean", GlobalAvgPool(), ("conv3",)),
        Node("classifier", Linear(6), ("mean",)),
    )
    return Network("workload", Shape(6, 128), nodes)


def other_kernels() -> Network:
    """One or two layers of every kernel that the workload has not."""
    nodes = (
        Node("stem", Conv(17, 1, 1, (0, 0)), (INPUT,)),
        Node("depthwise3", DepthwiseConv(3, 1, same_padding(3)), ("stem",)),
        Node("depthwise9", DepthwiseConv(9, 1, same_padding(9)), ("depthwise3",)),
        Node("sum", Add(), ("depthwise3", "depthwise9")),
        Node("max", MaxPool(3, 1, (1, 1)), ("sum",)),
        Node("average", AvgPool(3, 1, (1, 1)), ("max",)),
        Node("both", Concat(), ("max", "average")),
        Node("halved", MaxPool(2, 2, (0, 0)), ("both",)),
        Node("mean", GlobalAvgPool(), ("halved",)),
        Node("classifier", Linear(6), ("mean",)),
    )
    return Network("other kernels", Shape(6, 128), nodes)


def show(
    network: Network,
    build: BareMetalBuild,
    cores: Sequence[str],
    made_for: Optimize,
    peers: Mapping[str, tuple[str, int]],
    layers: bool,
) -> None:
    """Print a line for each core and optimization."""
    net, x = integer_model(network, 1)
    windows = quantize_input(net, x[:2])
    with tempfile.TemporaryDirectory(prefix="tinyml_") as folder:
        export = emit_c(net, "model", Path(folder), x[:1], made_for)
        tables = dict(export.table_bytes)
        print(f"{network.name}: arena {export.arena_bytes} B, tables {tables} B")
        for core in cores:
            for optimize in ("-O2", "-Os"):
                run = emulate(net, export, core, windows, optimize, build)
                rest = run.linked.flash_bytes - export.table_bytes[CORES[core].backend]
                peer, count = peers.get(core, ("", 0))
                ratio = f", {run.instructions / count:.3f} of {peer}: {count:,}" if peer else ""
                print(
                    f"{core} {optimize}: {run.instructions:,} instructions{ratio}; "
                    f"code and records {rest} B, stack {run.stack_bytes} B"
                )
                if layers:
                    print(f"    {dict(run.layer_instructions)}")


def one_layer(channels: int, kernel: int, dilation: int) -> Network:
    """A convolution of ``kernel`` taps over 64 steps of ``channels``, and a classifier."""
    pad = same_padding(kernel, dilation)
    nodes = (
        Node("layer", Conv(channels, kernel, 1, pad, dilation=dilation), (INPUT,)),
        Node("mean", GlobalAvgPool(), ("layer",)),
        Node("classifier", Linear(6), ("mean",)),
    )
    return Network("one layer", Shape(channels, 64), nodes)


def layer_costs(network: Network, build: BareMetalBuild, core: str) -> tuple[int, int]:
    """Instructions of its first layer at -Os, and flash of the whole."""
    net, x = integer_model(network, 1)
    with tempfile.TemporaryDirectory(prefix="tinyml_") as folder:
        export = emit_c(net, "model", Path(folder), x[:1])
        run = emulate(net, export, core, quantize_input(net, x[:1]), "-Os", build)
    return run.layer_instructions["layer"], run.linked.flash_bytes


def show_dilated(build: BareMetalBuild, cores: Sequence[str]) -> None:
    """Print a line for each core, number of channels and dilation."""
    for core, channels in product(cores, DILATED_CHANNELS):
        plain, flash = layer_costs(one_layer(channels, 3, 1), build, core)
        for dilation in DILATIONS:
            count, more = layer_costs(one_layer(channels, 3, dilation), build, core)
            zeros, _ = layer_costs(one_layer(channels, span_of(3, dilation), 1), build, core)
            print(
                f"{core} {channels} channels, dilation {dilation}: {count:,} instructions, "
                f"{count / plain:.3f} of the undilated layer, {count / zeros:.3f} of zeros; "
                f"{more - flash:+d} B of flash"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--compiler", help="a cross-compiling gcc, such as arm-none-eabi-gcc; the default is zig"
    )
    parser.add_argument("--optimize", choices=get_args(Optimize), default="balanced")
    parser.add_argument("--layers", action="store_true", help="instructions of each layer as well")
    args = parser.parse_args()
    build = gcc_build(args.compiler) if args.compiler else build_bare_metal
    cores = THUMB_CORES if args.compiler else COUNTED_CORES
    show(workload(), build, cores, args.optimize, PEERS, args.layers)
    show(other_kernels(), build, cores, args.optimize, {}, args.layers)
    show_dilated(build, cores)


if __name__ == "__main__":
    main()
