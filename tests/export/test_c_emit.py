"""The text of the generated C: deterministic, stated figures true, golden for one tiny network."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from random_networks import random_int_network, random_samples, random_weights

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.export.c.emit import DILATED_HIDDEN_BYTES, HIDDEN_STACK_BYTES
from tinyml_nas.export.c.layers import resolve
from tinyml_nas.graph import (
    INPUT,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    Network,
    Node,
    Shape,
)
from tinyml_nas.graph.integer import (
    InputQuantization,
    IntAvgPool,
    IntConv,
    IntLayer,
    IntNetwork,
    Requantize,
    TensorScale,
)

pytestmark = pytest.mark.fast
GOLDEN = Path(__file__).parents[1] / "golden" / "c"


def requantize(channels: int) -> Requantize:
    multiplier = np.array([1 << 30, (1 << 31) - 1, 1234567890][:channels], np.int32)
    return Requantize(multiplier, np.array([33, 34, 35][:channels], np.int8), -128, 127)


def tiny_network() -> IntNetwork:
    """Conv, pooling and a classifier of two classes over 2 channels x 6 samples."""
    nodes = (
        Node("stem", Conv(3, 3, 2, (1, 1)), (INPUT,)),
        Node("pool", GlobalAvgPool(), ("stem",)),
        Node("classifier", Linear(2), ("pool",)),
    )
    weight = (np.arange(18) - 9).astype(np.int8)
    stem = IntConv(
        weight.reshape(3, 3, 2), np.array([5, -6, 7], np.int32), 2, (1, 1), requantize(3), 9999
    )
    classifier = IntConv(
        weight[:6].reshape(2, 1, 3), np.array([0, 1], np.int32), 1, (0, 0), requantize(2), 9999
    )
    pool = IntAvgPool(3, 1, (0, 0), requantize(1))
    return IntNetwork(
        network=Network("tiny", Shape(2, 6), nodes),
        input=InputQuantization(
            np.array([0.5, -1.25], np.float32), np.array([0.1, 3.0], np.float32), -3
        ),
        scales={
            INPUT: TensorScale(np.float32(0.1), -3),
            "stem": TensorScale(np.float32(0.02), -128),
            "pool": TensorScale(np.float32(0.01), -128),
            "classifier": TensorScale(np.float32(0.25), 4),
        },
        layers=(
            IntLayer("stem", "conv", (INPUT,), stem),
            IntLayer("pool", "global_avg_pool", ("stem",), pool),
            IntLayer("classifier", "linear", ("pool",), classifier),
        ),
        class_names=("at rest", "moving"),
        channel_names=("x", "y"),
    )


def texts(export: CExport) -> dict[str, str]:
    """Every file of the package by its path in it."""
    package = export.folder.parent
    paths = [*export.files.values(), *export.package.values()]
    assert set(paths) == {path for path in package.rglob("*") if path.is_file()}
    return {path.relative_to(package).as_posix(): path.read_text("ascii") for path in paths}


def test_the_text_is_the_golden_one(tmp_path: Path) -> None:
    net = tiny_network()
    samples = np.arange(24, dtype=np.float32).reshape(2, 2, 6) / 4
    written = texts(emit_c(net, "tiny", tmp_path, samples, run="first try"))
    if os.environ.get("UPDATE_GOLDEN"):
        for name, text in written.items():
            (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name).write_text(text, encoding="ascii", newline="\n")
    golden = [path for path in GOLDEN.rglob("*") if path.is_file()]
    assert written == {path.relative_to(GOLDEN).as_posix(): path.read_text() for path in golden}


def test_the_name_of_a_run_ends_neither_string_nor_comment_nor_table(tmp_path: Path) -> None:
    name = 'a "1" \\ */ | \n#error Prüfung ??/'
    export = emit_c(tiny_network(), "tiny", tmp_path, np.zeros((1, 2, 6), np.float32), run=name)
    (line,) = re.findall(r"#define TINY_RUN_NAME .*", export.files["header"].read_text("ascii"))
    assert line == (
        r'#define TINY_RUN_NAME "a \0421\042 \134 */ | \012#error Pr\303\274fung \077\077/"'
    )
    (row,) = re.findall(r"\| model .*", export.package["readme"].read_text("ascii"))
    assert row.count("|") - row.count(r"\|") == 3


def test_the_same_network_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    net = random_int_network(5)
    x = random_samples(net, 2)
    first, second = (emit_c(net, "model", tmp_path / name, x) for name in ("a", "b c"))
    assert texts(first) == texts(second)
    assert str(tmp_path) not in "".join(texts(first).values())


@pytest.mark.parametrize("seed", range(5))
def test_the_macros_state_the_plan_and_the_tables(tmp_path: Path, seed: int) -> None:
    net = random_int_network(seed)
    export = emit_c(net, "m", tmp_path, random_samples(net, 1))
    macros = dict(re.findall(r"#define (M_\w+) (\d+)\n", export.files["header"].read_text()))
    assert int(macros["M_ARENA_BYTES"]) == plan_memory(net.network).arena_bytes
    tables = sum(
        op.weight.nbytes + op.bias.nbytes + op.requantize.multiplier.nbytes + op.bias.size
        for op in (layer.op for layer in net.layers)
        if isinstance(op, IntConv)
    )
    assert int(macros["M_WEIGHT_BYTES"]) == tables == export.table_bytes["two_rows"]
    assert int(macros["M_INPUT_BYTES"]) == net.network.input_shape.size


def test_only_kernels_that_are_used_are_printed(tmp_path: Path) -> None:
    net = tiny_network()
    export = emit_c(net, "tiny", tmp_path, np.zeros((1, 2, 6), np.float32))
    text = export.files["source"].read_text()
    kernels = re.findall(r"^\w+ .*void tiny_(?!layer_)(\w+)\(", text, re.M)
    assert kernels == [
        "conv_outputs",
        "conv",  # Helium
        "conv",  # one row
        "conv_sums",  # two rows, in assembly
        "conv_sums",  # and in C
        "conv",
        "avg_pool",
        "dsp_sums",  # with intrinsics
        "conv_dsp",
        "conv_dsp",  # in assembly
        "fill",
    ]


@pytest.mark.parametrize(
    ("channels", "shift", "lower", "special"),
    [(2, 33, -128, True), (3, 55, -128, True), (1, 40, -128, False), (2, 32, -128, False),
     (2, 56, -128, False), (2, 40, -20, True)],
)  # fmt: skip
def test_which_convolutions_run_in_assembly(
    channels: int, shift: int, lower: int, special: bool
) -> None:
    net = tiny_network()
    shifts = np.full(channels, shift, np.int8)
    scaled = Requantize(np.full(channels, 1 << 30, np.int32), shifts, lower, 127)
    weight = np.arange(channels * 5, dtype=np.int8).reshape(channels, 5, 1)
    op = IntConv(weight, np.zeros(channels, np.int32), 1, (2, 2), scaled, 9999)
    network = Network("one", Shape(1, 9), (Node("stem", Conv(channels, 5, 1, (2, 2)), (INPUT,)),))
    layers = (IntLayer("stem", "conv", (INPUT,), op),)
    one = dataclasses.replace(
        net, network=network, layers=layers, class_names=(), channel_names=("x",)
    )
    [layer] = resolve(one, "m").layers
    assert (layer.dsp is not None) == special
    if layer.dsp is not None:
        words, pairs = layer.dsp.tables
        assert words.values.size == 2 * 2 * -(-channels // 2)
        assert pairs.values.size == 5 * -(-channels // 2)


@pytest.mark.parametrize(
    ("dilation", "hidden"), [(1, HIDDEN_STACK_BYTES), (3, DILATED_HIDDEN_BYTES)]
)
def test_the_stack_of_assembly_is_what_it_pushes(
    tmp_path: Path, dilation: int, hidden: Mapping[str, int]
) -> None:
    nodes = (
        Node("packed", Conv(16, 3, weight_bits=4, dilation=dilation), (INPUT,)),
        Node("depthwise", DepthwiseConv(3, dilation=dilation), ("packed",)),
        Node("dense", Conv(16, 3, dilation=dilation), ("depthwise",)),
    )
    net = random_weights(0, Network("stacks", Shape(16, 32), nodes))
    code = emit_c(net, "m", tmp_path, random_samples(net, 1)).files["source"].read_text()
    deepest = dict.fromkeys(hidden, 0)
    for body in code.split("volatile(")[1:]:
        backend = "mve" if "vpush" in body else "dsp" if "smlad" in body else "two_rows"
        frame = sum(map(stack_bytes, body.split("\\n")))
        deepest[backend] = max(deepest[backend], frame)
    assert deepest == hidden


def stack_bytes(instruction: str) -> int:
    """Bytes of stack that a line of assembly takes."""
    if match := re.search(r"\bsub +sp, #(\d+)", instruction):
        return int(match[1])
    if match := re.search(r"\b(v?)push +\{(.*)\}", instruction):
        registers = 0
        for part in match[2].split(", "):
            first, _, last = part.partition("-")
            registers += 1 + (int(last[1:]) - int(first[1:]) if last else 0)
        return registers * (8 if match[1] else 4)
    return 0
