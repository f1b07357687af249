"""Each operation alone as a program of an Ethos-U, at the edges of its form: the same bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pytest
from measured_networks import integer_model
from npu_parts import accelerator

from tinyml_nas.cost.npu.ethos_u import ADD_TERMS, missing, program_of
from tinyml_nas.graph import (
    INPUT,
    Add,
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
    Op,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.graph.integer import (
    InputQuantization,
    Int8,
    IntAdd,
    IntConv,
    IntLayer,
    IntNetwork,
    Requantize,
    TensorScale,
)
from tinyml_nas.graph.ops import causal_padding, same_padding
from tinyml_nas.proof.ethos_u import run_program
from tinyml_nas.quantize import run_reference
from tinyml_nas.quantize.scheme import add_multipliers

NPU = accelerator("ethos-u55-128")
PAIRS = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))).astype(np.int8)
"""(2, 256, 256): all pairs of two int8 values."""


def compare(net: IntNetwork, x: Int8) -> Int8:
    """The program's output for windows (N, C, L), each value as the reference has it."""
    if why := missing():
        pytest.skip(f"NOT PROVEN: {why}")
    compiled = program_of(net, NPU)
    assert compiled.program is not None, compiled.why
    assert not compiled.split.rest
    output = net.network.output
    truth = run_reference(net, x)[output]
    found = run_program(compiled.program, x, net.network.shapes[output])
    np.testing.assert_array_equal(found, truth)
    return truth


def alone(op: Op, shape: Shape, inputs: tuple[str, ...] = (INPUT,)) -> None:
    """``op`` on noise and on both ends of the range."""
    network = Network("alone", shape, (Node("op", op, inputs),))
    net, _ = integer_model(network, 0, ADD_TERMS)
    random = np.random.default_rng(1).integers(-128, 128, (3, *shape)).astype(np.int8)
    ends = [np.full((1, *shape), value, np.int8) for value in (-128, 127)]
    truth = compare(net, np.concatenate([random, *ends]))
    assert len(np.unique(truth)) > 4


def wide() -> Iterator[tuple[Op, Shape]]:
    """Strides that an Ethos-U does not have, of kernels as long, shorter and longer."""
    shape = Shape(3, 61)
    for stride in (4, 5, 8):
        for kernel in (1, stride - 1, stride, stride + 1, 2 * stride + 3):
            pad = (kernel // 2, (kernel - 1) // 2) if stride != 5 or kernel % 2 else (0, 0)
            if stride == 5 or kernel > stride:
                yield Conv(5, kernel, stride, pad, relu=False, norm=False), shape
            if stride != 5:
                yield DepthwiseConv(kernel, stride, pad, relu=False, norm=False), shape
            if kernel > 1:
                yield MaxPool(kernel, stride, pad), shape
        yield AvgPool(stride, stride), shape


def dilated() -> Iterator[tuple[Op, Shape]]:
    """Dilations with each padding, over lengths that are multiples of them and of none."""
    for dilation in (2, 3, 8):
        pads = (same_padding(3, dilation), causal_padding(3, dilation), (dilation, 1))
        for length, pad in product((37, 48), pads):
            if dilation > 2 or length == 37:
                yield (
                    Conv(5, 3, 1, pad, relu=False, norm=False, dilation=dilation),
                    Shape(3, length),
                )
        yield DepthwiseConv(3, 1, (dilation, 1), norm=False, dilation=dilation), Shape(3, 37)
        yield DepthwiseConv(3, 4, (dilation, 1), norm=False, dilation=dilation), Shape(3, 37)
        yield Conv(5, 3, 2, (dilation, 1), norm=False, dilation=dilation), Shape(3, 37)
        yield Conv(5, 3, norm=False, dilation=dilation), Shape(3, 37)


OTHERS: Sequence[tuple[Op, Shape]] = (
    (Conv(7, 4, 3, norm=False), Shape(1, 33)),  # its last windows leave steps unread
    (Conv(7, 20, norm=False), Shape(3, 20)),  # one window
    (DepthwiseConv(20, norm=False), Shape(3, 20)),
    (DepthwiseConv(20, 4, norm=False), Shape(3, 20)),
    (Conv(1, 1, relu=False, norm=False), Shape(1, 1)),
    (Linear(6), Shape(3, 1)),
    (Linear(6), Shape(3, 20)),
    (Linear(300), Shape(1, 9)),
    (GlobalAvgPool(), Shape(5, 31)),
    (AvgPool(3, 2, (1, 1)), Shape(5, 31)),
    (MaxPool(3, 2, (1, 1)), Shape(5, 31)),
    (MaxPool(3, 3), Shape(5, 32)),
    *((Upsample(factor), Shape(3, 7)) for factor in (1, 2, 5)),
    *((Interpolate(length), Shape(3, 16)) for length in (16, 20, 24, 48)),
    (Interpolate(25), Shape(3, 10)),
    (Interpolate(5), Shape(3, 1)),
    (Interpolate(14), Shape(1, 7)),
    (Reshape(1), Shape(6, 10)),
    (Reshape(60), Shape(6, 10)),
    (Reshape(4), Shape(6, 10)),
)
JOINS: Sequence[Op] = (Concat(), Concat("length"), Add(), Add(relu=True))


@pytest.mark.parametrize(("op", "shape"), [*wide()], ids=str)
def test_a_stride_as_a_shape(op: Op, shape: Shape) -> None:
    alone(op, shape)


@pytest.mark.parametrize(("op", "shape"), [*dilated()], ids=str)
def test_a_dilation_as_columns(op: Op, shape: Shape) -> None:
    alone(op, shape)


@pytest.mark.parametrize(("op", "shape"), OTHERS, ids=str)
def test_an_operation_alone(op: Op, shape: Shape) -> None:
    alone(op, shape)


@pytest.mark.parametrize("op", JOINS, ids=str)
def test_a_join_of_one_tensor_with_itself(op: Op) -> None:
    alone(op, Shape(3, 20), (INPUT, INPUT))


def test_a_row_of_tensors_of_unlike_lengths() -> None:
    nodes = (
        Node("a", Conv(4, 3, 2), (INPUT,)),
        Node("b", Conv(4, 5), (INPUT,)),
        Node("row", Concat("length"), ("b", "a", "b")),
    )
    net, _ = integer_model(Network("row", Shape(3, 20), nodes), 0, ADD_TERMS)
    x = np.random.default_rng(1).integers(-128, 128, (4, 3, 20)).astype(np.int8)
    assert len(np.unique(compare(net, x))) > 4


@pytest.mark.parametrize("minus", [False, True])
@pytest.mark.parametrize(
    "ratios", [(1, 1), (1, 1 / 127), (0.93, 0.11), (3.7, 0.02), (0.01, 0.6)], ids=str
)
def test_a_sum_of_any_scales_over_all_pairs_of_values(
    ratios: tuple[float, float], minus: bool
) -> None:
    net = sum_of(ratios, minus)
    x = PAIRS.transpose(1, 0, 2)  # 256 windows of 256 pairs
    assert len(np.unique(compare(net, x))) > 4


def sum_of(ratios: tuple[float, float], minus: bool) -> IntNetwork:
    """The sum of the two channels, whose scales are ``ratios`` times that of the sum."""
    nodes = (
        *(Node(name, Conv(1, 1, relu=False, norm=False), (INPUT,)) for name in "ab"),
        Node("sum", Add(minus=minus), ("a", "b")),
    )
    network = Network("pairs", Shape(2, 256), nodes)
    zeros = {INPUT: 0, "a": 0, "b": 0, "sum": -17}
    as_it_is = Requantize(np.array([1 << 30], np.int32), np.array([30], np.int8), -128, 127)
    picks = ([1, 0], [0, 1])
    convolutions = (
        IntConv(
            np.array([[pick]], np.int8),
            np.zeros(1, np.int32),
            stride=1,
            pad=(0, 0),
            requantize=as_it_is,
            acc_bound=128,
        )
        for pick in picks
    )
    multipliers, shift = add_multipliers(ratios, ADD_TERMS)
    signs = np.array([1, -1 if minus else 1], np.int32)
    ops = (*convolutions, IntAdd(Requantize(multipliers * signs, shift, -128, 127)))
    return IntNetwork(
        network=network,
        input=InputQuantization(np.zeros(2, np.float32), np.ones(2, np.float32), 0),
        scales={name: TensorScale(np.float32(1), zero) for name, zero in zeros.items()},
        layers=tuple(
            IntLayer(node.name, node.op.kind, node.inputs, op)
            for node, op in zip(nodes, ops, strict=True)
        ),
        class_names=("sum",),
        channel_names=("a", "b"),
    )
