"""Executed instructions, flash and RAM of the generated C on one network, beside its peers.

    python benchmarks/kernel_instructions.py

The network of 211k MACs (128 x 6 samples, convolutions 5/2 to 16, 5/2 to 32, 3 to 32 channels,
mean pool, dense 6) with random int8 weights.  The peers' code is not here: their figures were
measured on the same network with gcc 12 -O2: CMSIS-NN in its exact build (one rounding), and where
it does not run, the plain loops that a textbook has.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import integer_model  # noqa: E402

from tinyml_nas.devices import CORES  # noqa: E402
from tinyml_nas.export.c import emit_c  # noqa: E402
from tinyml_nas.export.emulate import COUNTED_CORES, emulate  # noqa: E402
from tinyml_nas.graph import INPUT, Conv, GlobalAvgPool, Linear, Network, Node, Shape  # noqa: E402
from tinyml_nas.graph.ops import same_padding  # noqa: E402
from tinyml_nas.quantize import quantize_input  # noqa: E402

PEERS = {
    "cortex-m0": ("CMSIS-NN", 1_694_154),
    "cortex-m3": ("CMSIS-NN", 728_000),
    "cortex-m4": ("CMSIS-NN", 537_312),
    "cortex-m7": ("CMSIS-NN", 537_312),
    "cortex-m33": ("CMSIS-NN", 537_312),
    "cortex-m55": ("CMSIS-NN", 105_490),
    "riscv32imc": ("plain loops", 1_961_482),
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


def main() -> None:
    """Print a line for each core and optimization."""
    net, x = integer_model(workload(), 1)
    windows = quantize_input(net, x[:2])
    with tempfile.TemporaryDirectory(prefix="tinyml_") as folder:
        export = emit_c(net, "model", Path(folder), x[:1])
        print(f"arena {export.arena_bytes} B, tables {dict(export.table_bytes)} B")
        for core in COUNTED_CORES:
            peer, baseline = PEERS[core]
            for optimize in ("-O2", "-Os"):
                run = emulate(net, export, core, windows, optimize)
                rest = run.linked.flash_bytes - export.table_bytes[CORES[core].backend]
                print(
                    f"{core} {optimize}: {run.instructions:,} instructions, "
                    f"{run.instructions / baseline:.3f} of the {baseline:,} of {peer}; "
                    f"code and records {rest} B, stack {run.stack_bytes} B"
                )


if __name__ == "__main__":
    main()
