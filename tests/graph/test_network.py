"""Networks are checked when they are made, survive JSON, and know what they cost."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.kernels import copies
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
    reach_of,
)
from tinyml_nas.graph.ops import causal_padding, interpolation, same_padding
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator

pytestmark = pytest.mark.fast

SHAPE = Shape(3, 20)


def _network(*nodes: Node) -> Network:
    return Network("net", SHAPE, nodes)


def test_every_operation_survives_json(every_op: Network) -> None:
    assert Network.from_json(every_op.to_json()) == every_op


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Conv(5, 3), (5, 18)),
        (Conv(5, 3, 2, (1, 1)), (5, 10)),
        (Conv(5, 4, 3, (1, 2)), (5, 7)),
        (MaxPool(3, 2, (1, 1)), (3, 10)),
        (AvgPool(3, 1, (1, 1)), (3, 20)),
        (GlobalAvgPool(), (3, 1)),
        (Linear(4), (4, 1)),
        (Reshape(4), (4, 15)),
        (Upsample(3), (3, 60)),
        (Interpolate(33), (3, 33)),
    ],
)
def test_output_shapes(op: Op, expected: tuple[int, int]) -> None:
    assert _network(Node("out", op, (INPUT,))).shapes["out"] == expected


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((), "has no nodes"),
        (
            (Node("a", Conv(1, 21), (INPUT,)),),
            "'a': conv with kernel 21 does not fit a length of 20",
        ),
        ((Node("a", Conv(1, 3), ("b",)),), "'a' reads 'b' before it exists"),
        ((Node(INPUT, Conv(1, 3), (INPUT,)),), "two tensors named 'input'"),
        ((Node("a", Conv(4, 1), (INPUT,)), Node("b", Add(), (INPUT, "a"))), "one shape"),
        ((Node("a", Conv(3, 3), (INPUT,)), Node("b", Concat(), (INPUT, "a"))), "one length"),
        ((Node("a", Conv(3, 3), (INPUT, INPUT)),), "takes one input, not 2"),
        (
            (Node("a", Conv(4, 3), (INPUT,)), Node("b", Concat("length"), (INPUT, "a"))),
            "one number",
        ),
        ((Node("a", Reshape(7), (INPUT,)),), "60 values cannot be reshaped to 7 channels"),
        ((Node("a", Interpolate(19), (INPUT,)),), "from 20 steps to 19 would lose some"),
    ],
)
def test_a_network_that_cannot_run_is_refused(nodes: tuple[Node, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _network(*nodes)


def test_interpolation_is_that_of_torch() -> None:
    for source, length in ((1, 5), (4, 7), (16, 31), (5, 10), (6, 6)):
        x = torch.randn(1, 1, source, dtype=torch.float64)
        expected = F.interpolate(x, size=length, mode="linear", align_corners=False)
        found = [
            (x[0, 0, a] * (2 * length - weight) + x[0, 0, b] * weight) / (2 * length)
            for a, b, weight in interpolation(source, length)
        ]
        torch.testing.assert_close(torch.stack(found), expected[0, 0])


@pytest.mark.parametrize(
    ("kernel", "pad"), [(1, (0, 0)), (2, (0, 1)), (3, (1, 1)), (4, (1, 2)), (5, (2, 2))]
)
def test_an_even_kernel_has_its_extra_padding_on_the_right(
    kernel: int, pad: tuple[int, int]
) -> None:
    """As PyTorch's ``padding="same"``, ONNX's ``SAME_UPPER`` and TensorFlow have it."""
    assert same_padding(kernel) == pad


@pytest.mark.parametrize(
    ("kernel", "dilation", "pad"), [(3, 1, (1, 1)), (3, 4, (4, 4)), (2, 3, (1, 2)), (1, 9, (0, 0))]
)
def test_a_dilation_widens_the_padding_that_keeps_the_length(
    kernel: int, dilation: int, pad: tuple[int, int]
) -> None:
    assert same_padding(kernel, dilation) == pad
    for op in (
        Conv(2, kernel, 1, pad, dilation=dilation),
        DepthwiseConv(kernel, 1, pad, dilation=dilation),
    ):
        assert op.output_shape((Shape(2, 40),)).length == 40
    causal = causal_padding(kernel, dilation)
    assert causal == (sum(pad), 0)


def test_a_dilation_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="node 'a': a dilation of 0: taps lie one step apart"):
        _network(Node("a", Conv(2, 3, dilation=0), (INPUT,)))


def test_reach_is_what_changes_the_output() -> None:
    """By its definition: inputs whose change reaches one value in the middle, before the mean."""
    rng = random.Random(3)
    for _ in range(20):
        ops: list[Op] = []
        for _ in range(rng.randint(1, 4)):
            kernel, dilation, stride = rng.randint(1, 5), rng.randint(1, 4), rng.choice((1, 1, 2))
            pad = same_padding(kernel, dilation)
            ops.append(Conv(1, kernel, stride, pad, False, False, dilation=dilation))
        names = [INPUT, *(f"conv{i}" for i in range(len(ops)))]
        nodes = [
            Node(after, op, (before,))
            for (before, after), op in zip(pairwise(names), ops, strict=True)
        ]
        head = (Node("mean", GlobalAvgPool(), (names[-1],)), Node("fc", Linear(2), ("mean",)))
        network = Network("chain", Shape(1, 512), (*nodes, *head))
        module = build_module(network, generator(1, "reach"))
        x = torch.randn(1, 1, 512, requires_grad=True)
        values = module.tensors(x)[names[-1]]
        (seen,) = torch.autograd.grad(values[0, 0, values.shape[2] // 2], x)
        touched = seen[0, 0].nonzero().ravel()
        assert int(touched.max() - touched.min()) + 1 == reach_of(network)


def test_what_lies_where_it_goes_is_not_copied() -> None:
    branches = (Node("a", Conv(8, 3), (INPUT,)), Node("b", Conv(8, 1), (INPUT,)))
    joined = Node("cat", Concat("length"), ("a", "b"))
    network = _network(*branches, joined, Node("end", Conv(4, 3, 1, (1, 1)), ("cat",)))
    offsets = {name: b.data_offset for name, b in plan_memory(network).buffers.items()}
    assert offsets["b"] - offsets["a"] == network.shapes["a"].size
    assert offsets["a"] == offsets["cat"]
    assert copies(network, joined) == ()
    reshape = Node("steps", Reshape(4), ("a",))
    ends = (Node("one", Linear(3), ("steps",)), Node("two", Linear(3), ("a",)))
    network = _network(branches[0], reshape, *ends, Node("sum", Add(), ("one", "two")))
    assert copies(network, reshape) == (Shape(8 * 18, 1),)  # what is read later stays


def test_the_cost_of_two_layers_by_hand() -> None:
    cost = network_cost(
        _network(Node("conv", Conv(4, 5, 2, (2, 2)), (INPUT,)), Node("fc", Linear(2), ("conv",)))
    )
    assert cost.parameters == (4 * 5 * 3 + 4) + (2 * 4 * 10 + 2)
    assert cost.macs == 4 * 5 * 3 * 10 + 2 * 4 * 10
    tables = (60 + 4 * 9) + (80 + 2 * 9)
    assert tables < cost.flash_bytes < tables + 1000
    # two rows of output lie below the input and its two margin rows on each side, for its first
    # windows are read for every channel; a word that is read at the end reaches over by a byte
    assert cost.ram_bytes == 2 * 4 + 24 * 3 + 4
