"""Instructions promised before training beside those of code that gcc, clang and zig build.

    python benchmarks/counts_of_compilers.py [--networks NAME ...] [--cores CORE ...]
                                             [--optimize -Os]

Networks of every kind of layer with random weights are compiled by each compiler that is installed
and run once per emulated core.  A line has what is promised, headroom included, and the share of it
that the code of each compiler takes; the lines that come nearest to their promise, or exceed it,
are last.  zig and gcc have columns in the cost tables.  clang is the system's, another release of
the compiler that zig contains; GCC for Arm links its objects.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "export")]

from measured_networks import integer_model

from tinyml_nas.cost.latency import network_instructions
from tinyml_nas.cost.tables import HEADROOM
from tinyml_nas.export.c import emit_c
from tinyml_nas.graph import (
    INPUT,
    Add,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    Shape,
)
from tinyml_nas.graph.ops import Op, same_padding
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.targets import EMULATED_CORES, THUMB
from tinyml_nas.proof.cores.toolchain import (
    CROSS_COMPILERS,
    GCC,
    NO_LIBC,
    BareMetalBuild,
    linker_script,
    run_tool,
)
from tinyml_nas.proof.emulate import COUNTED, emulate
from tinyml_nas.quantize import quantize_input
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Gene, Genotype
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.cells.primitives import PRIMITIVES

CLANG = "clang"
HEAD = (GlobalAvgPool(), Linear(6))


def chain(name: str, shape: Shape, *ops: Op) -> Network:
    """One layer after the other."""
    sources = (INPUT, *(f"layer{i}" for i in range(len(ops))))
    return Network(
        name, shape, tuple(Node(f"layer{i}", op, (sources[i],)) for i, op in enumerate(ops))
    )


def separable(name: str, shape: Shape, stem: Op, channels: int, kernel: int) -> Network:
    """Four depthwise layers, each before a pointwise one."""
    block = (DepthwiseConv(kernel, 1, same_padding(kernel)), Conv(channels, 1))
    return chain(name, shape, stem, *(4 * block), *HEAD)


def residual() -> Network:
    """Three additions, one of which has a convolution beside it."""

    def straight(channels: int, stride: int = 1, relu: bool = False) -> Conv:
        return Conv(channels, 3, stride, (1, 1), relu=relu)

    return Network(
        "residual",
        Shape(6, 128),
        (
            Node("stem", Conv(16, 5, 2, same_padding(5)), (INPUT,)),
            Node("one_a", straight(16, relu=True), ("stem",)),
            Node("one_b", straight(16), ("one_a",)),
            Node("one", Add(relu=True), ("one_b", "stem")),
            Node("two_a", straight(32, 2, relu=True), ("one",)),
            Node("two_b", straight(32), ("two_a",)),
            Node("skip", Conv(32, 1, 2, (0, 0), relu=False), ("one",)),
            Node("two", Add(relu=True), ("two_b", "skip")),
            Node("three_a", straight(32, relu=True), ("two",)),
            Node("three_b", straight(32), ("three_a",)),
            Node("three", Add(relu=True), ("three_b", "two")),
            Node("mean", GlobalAvgPool(), ("three",)),
            Node("classifier", Linear(6), ("mean",)),
        ),
    )


def cells(name: str, layers: int, channels: int, seed: int) -> Network:
    """A stack of random cells as a preset of the differentiable search has it."""
    draw, shape = random.Random(seed), Shape(3, 128)
    space = SearchSpace(
        shape, classes=5, layers=layers, nodes=4, channels=channels, stem_multiplier=3, fanout=4
    )

    def genes() -> tuple[Gene, ...]:
        return tuple((draw.choice(PRIMITIVES[1:]), draw.randint(0, i)) for i in range(4))

    return derive(Genotype(genes(), genes(), space.concat), space, name)


def networks() -> Iterator[Network]:
    """One or two of every kind."""
    short, wide = Conv(32, 3, 1, (1, 1)), Conv(64, 3, 1, (1, 1))
    yield chain(
        "plain", Shape(6, 128), Conv(16, 5, 2, (1, 2)), Conv(32, 5, 2, (1, 2)), short, *HEAD
    )
    yield separable("separable", Shape(3, 256), Conv(32, 9, 2, same_padding(9)), 32, 3)
    yield separable("wide separable", Shape(1, 250), Conv(64, 40, 2, (19, 19)), 64, 9)
    yield residual()
    yield chain(
        "large kernels",
        Shape(1, 1024),
        *(Conv(8, 31, 4, (15, 15)), Conv(8, 15, 2, (7, 7)), MaxPool(2, 2), Conv(16, 7, 1, (3, 3))),
        *HEAD,
    )
    yield cells("cells s", 3, 1, 1)
    yield cells("cells m", 10, 1, 2)
    yield cells("cells l", 12, 4, 3)
    yield chain("dense", Shape(1, 64), *(Linear(n, relu=True) for n in (32, 16, 32)), Linear(64))
    yield chain(
        "large dense",
        Shape(1, 640),
        *(Linear(n, relu=True) for n in (128, 128, 8, 128)),
        Linear(640),
    )
    yield chain("wide pointwise", Shape(64, 16), Conv(128, 1), Conv(128, 1), Conv(64, 1), *HEAD)
    yield chain("wide", Shape(32, 64), wide, wide, *HEAD)


def clang_build(
    core: str, sources: Sequence[Path], program: Path, keep: Sequence[str], *, optimize: str
) -> Path:
    """A ``BareMetalBuild`` with the clang of this machine."""
    script, objects = program.with_suffix(".ld"), []
    script.write_text(linker_script(keep), encoding="ascii")
    target = ("--target=thumb-none-eabi", f"-mcpu={core}", "-mfloat-abi=soft", "-std=c99")
    sections = ("-ffunction-sections", "-fdata-sections", "-fomit-frame-pointer")
    for number, source in enumerate(sources):
        objects.append(program.with_suffix(f".{number}.o"))
        command = (CLANG, *target, optimize, "-ffreestanding", *sections, "-c", source)
        run_tool([*command, "-o", objects[-1]])
    link = (GCC, f"-mcpu={core}", "-mthumb", *NO_LIBC, "-Wl,--gc-sections", "-T", script)
    run_tool([*link, *objects, "-lgcc", "-o", program])
    return program


def builds() -> dict[str, Mapping[str, BareMetalBuild]]:
    """By core what is installed."""
    tools: dict[str, tuple[BareMetalBuild, Sequence[str]]] = {
        "zig": (CROSS_COMPILERS["zig"], ()),
        "gcc": (CROSS_COMPILERS["gcc"], (GCC,)),
        "clang": (clang_build, (CLANG, GCC)),
    }
    here = [name for name, (_, needed) in tools.items() if all(map(shutil.which, needed))]
    thumb = {core for core, emulated in EMULATED_CORES.items() if emulated.isa is THUMB}
    found = {}
    for core, counted in COUNTED.items():
        names = [name for name in here if name in counted or (name == "clang" and core in thumb)]
        if core != qemu.CORE or not qemu.missing_tools():
            found[core] = {name: tools[name][0] for name in names}
    return found


@dataclass(frozen=True)
class Counts:
    """Of one network on one core: what was promised, and by compiler what was counted."""

    network: str
    core: str
    promised: float
    counted: Mapping[str, int]

    @property
    def shares(self) -> dict[str, float]:
        """By compiler the share of the promise that its code takes."""
        return {name: count / self.promised for name, count in self.counted.items()}

    def __str__(self) -> str:
        shares = "  ".join(f"{name} {share:.3f}" for name, share in self.shares.items())
        return f"{self.network:15} {self.core:11} {self.promised:>12,.0f}  {shares}"


def count(
    network: Network, by_core: Mapping[str, Mapping[str, BareMetalBuild]], optimize: str
) -> Iterator[Counts]:
    """A record for each core."""
    net, x = integer_model(network, 1)
    inputs = quantize_input(net, x[:1])
    with tempfile.TemporaryDirectory(prefix="tinyml_") as folder:
        export = emit_c(net, "model", Path(folder), x[:1])

        def instructions(core: str, build: BareMetalBuild) -> int:
            return emulate(net, export, core, inputs, optimize, build).instructions

        for core, compilers in by_core.items():
            counted = {name: instructions(core, build) for name, build in compilers.items()}
            promised = HEADROOM * network_instructions(network, core)
            yield Counts(network.name, core, promised, counted)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", metavar="NAME")
    parser.add_argument("--cores", nargs="+", choices=COUNTED, default=list(COUNTED))
    parser.add_argument("--optimize", default="-Os")
    args = parser.parse_args()
    by_core = {core: found for core, found in builds().items() if core in args.cores}
    found: list[Counts] = []
    for network in networks():
        if not args.networks or network.name in args.networks:
            found += count(network, by_core, args.optimize)
            print(f"{network.name} is counted", file=sys.stderr)
    print(*sorted(found, key=lambda counts: max(counts.shares.values())), sep="\n")
    for name in ("zig", "gcc", "clang"):
        shares = [c.shares[name] for c in found if name in c.shares]
        if shares:
            print(f"{name}: {min(shares):.3f} to {max(shares):.3f} of what was promised")


if __name__ == "__main__":
    main()
