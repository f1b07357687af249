"""Dilated layers of every width: the bits of the reference, and hardly more instructions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from c_builds import Emit, core_or_skip
from random_networks import random_samples, random_weights, random_windows

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.dilation import is_depthwise, runs_in_taps, tap_bytes
from tinyml_nas.cost.unroll import UNROLL
from tinyml_nas.export.c import time_major
from tinyml_nas.export.c.layers import resolve
from tinyml_nas.graph import INPUT, Conv, DepthwiseConv, Linear, Network, Node, Shape
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.graph.ops import causal_padding, same_padding
from tinyml_nas.proof.carriers import BoardC, EmulatedC
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.machine import Machine
from tinyml_nas.proof.cores.toolchain import build_bare_metal
from tinyml_nas.proof.emulate import COUNTED_CORES, emulate
from tinyml_nas.proof.parity import prove
from tinyml_nas.quantize.reference import run_reference

pytestmark = pytest.mark.c

LAYERS = 6
SEEDS, NIGHTLY_SEEDS = (55, 3), 60
OFTEN = ("cortex-m4", qemu.CORE)
"""Cores with loops over taps in assembly of their own; the random networks cover the others."""
STYLES: tuple[Optimize, ...] = get_args(Optimize)
WIDTHS = (1, 2, 3, 4, 7, 10, 12, 16, 17, 20, 24, 28, 32, 36, 40, 48)
DILATIONS = (1, 2, 3, 4, 8, 16, 32, 40)
MOST = {"of16": 1.1, "of32": 1.1, "apart": 1.12}
"""By layer, instructions of a dilated one in those of the same without dilation."""


def rarely(cases: Iterable[object], often: Sequence[object]) -> list[object]:
    """``cases``, of which those that are not ``often`` tested are left to the nightly run."""
    nightly = pytest.mark.nightly
    return [case if case in often else pytest.param(case, marks=nightly) for case in cases]


def network(seed: int) -> IntNetwork:
    """Random layers; every third network has packed weights as well."""
    rng = np.random.default_rng(seed)
    shape = Shape(int(rng.choice(WIDTHS)), int(rng.integers(40, 90)))
    nodes: list[Node] = []
    last = shape
    while len(nodes) < LAYERS:
        op = _random_op(rng, (8, 4, 2) if seed % 3 == 0 else (8,))
        try:
            output = op.output_shape((last,))
        except ValueError:
            continue
        if output.length >= min(last.length, 12):
            last = output
            nodes.append(Node(f"layer{len(nodes)}", op, (nodes[-1].name if nodes else INPUT,)))
    nodes.append(Node("classifier", Linear(3), (nodes[-1].name,)))
    return random_weights(seed, Network("dilated", shape, tuple(nodes)))


def _random_op(rng: np.random.Generator, bits: tuple[int, ...]) -> Conv | DepthwiseConv:
    kernel, dilation = int(rng.integers(1, 10)), int(rng.choice(DILATIONS))
    pads = (same_padding(kernel, dilation), causal_padding(kernel, dilation), (0, 0), (1, 5))
    pad, stride = pads[rng.integers(len(pads))], int(rng.choice((1, 1, 2, 3)))
    if rng.random() < 0.3:
        return DepthwiseConv(kernel, stride, pad, dilation=dilation)
    out, weight_bits = int(rng.choice(WIDTHS)), int(rng.choice(bits))
    return Conv(out, kernel, stride, pad, weight_bits=weight_bits, dilation=dilation)


@pytest.mark.fast
def test_the_networks_have_what_their_loops_tell_apart() -> None:
    nets = [network(seed).network for seed in SEEDS]
    widths = set().union(*map(tap_bytes, nets))
    assert {16, 32} < widths  # whole steps of Helium, one pass with DSP
    assert any(width % 16 for width in widths)
    assert any(width % 4 for width in widths)  # with packed weights
    assert max(widths) > 4 * UNROLL["balanced"]["dsp"]  # several passes of a tap
    layers = [(net, node) for net in nets for node in net.nodes if runs_in_taps(net, node)]
    assert {net.shapes[node.name].channels % 4 for net, node in layers} == {0, 1, 2, 3}
    assert any(is_depthwise(net, node) for net, node in layers)


@pytest.mark.parametrize("core", rarely(COUNTED_CORES, OFTEN))
@pytest.mark.parametrize("seed", rarely(range(NIGHTLY_SEEDS), SEEDS))
def test_every_width_and_distance_gives_the_bits_of_the_reference(
    emit: Emit, seed: int, core: str
) -> None:
    net, board = network(seed), core_or_skip(core) == qemu.CORE
    export = emit(net, optimize=STYLES[seed % len(STYLES)])
    carrier = BoardC(net, export) if board else EmulatedC(net, export, core)
    (result,) = prove(net, random_samples(net, 2), [carrier]).carriers
    assert (result.status, result.mismatches) == ("proven", 0), result


def test_intrinsics_give_the_bits_of_the_reference(emit: Emit, tmp_path: Path) -> None:
    core = core_or_skip("cortex-m4")
    net = _pair((5, 3))
    export, windows = emit(net), random_windows(net, 2)
    keep = [f"model_{name}" for name in ("run", "input", "scores")]
    program = tmp_path / "model.elf"
    build_bare_metal(core, export.sources, program, keep, flags=("-DMODEL_ACLE=1",))
    machine = Machine(program, core, export)
    truth = time_major(run_reference(net, windows)[net.network.output])
    for window, expected in zip(time_major(windows), truth, strict=True):
        machine.infer(window)
        scores = machine.read(machine.call("model_scores", machine.arena), expected.size)
        assert scores == expected.tobytes()


def _pair(dilations: tuple[int, int]) -> IntNetwork:
    """Layers of 16 and 32 channels, and one of each channel by itself."""
    first, second = dilations
    nodes = (
        Node("of16", Conv(32, 3, 1, same_padding(3, first), dilation=first), (INPUT,)),
        Node("of32", Conv(16, 3, 1, same_padding(3, second), dilation=second), ("of16",)),
        Node("apart", DepthwiseConv(3, 1, same_padding(3, first), dilation=first), ("of32",)),
        Node("classifier", Linear(3), ("apart",)),
    )
    for seed in range(100):  # the code for rare shifts would be left out on one of the two
        net = random_weights(seed, Network("pair", Shape(16, 64), nodes))
        model = resolve(net, "model")
        if not model.small_shifts and all(layer.dsp for layer in model.layers):
            return net
    raise AssertionError("every seed gives unusual shifts")


@pytest.mark.parametrize("core", rarely(COUNTED_CORES, OFTEN))
def test_dilation_takes_hardly_more_instructions(emit: Emit, core: str) -> None:
    counts = []
    for dilations in ((1, 1), (32, 2)):
        net = _pair(dilations)
        result = emulate(net, emit(net), core_or_skip(core), random_windows(net, 1))
        counts.append(result.layer_instructions)
    plain, dilated = counts
    for layer, most in MOST.items():
        assert dilated[layer] <= most * plain[layer], layer
