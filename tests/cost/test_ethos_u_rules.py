"""Which layers an Ethos-U takes: Vela compiles them; of the others we say why, and the way out."""

from __future__ import annotations

import pytest

from tinyml_nas.cost.npu import lint
from tinyml_nas.cost.npu.ethos_u import compile_tosa, lower_tosa, missing, place, placeholder, split
from tinyml_nas.devices import EthosU, load_device
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
    Op,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.zoo import ZOO, fewest_outputs

pytestmark = pytest.mark.fast

SHORTER, FEWER = "use a shorter one", "use fewer"
FRAME = "use a frame_size that the strides divide"
REFUSED: list[tuple[Op, Shape, str, str]] = [
    (Conv(65_537, 1), Shape(1, 2), "its 65,537 channels are more than 65,536", FEWER),
    (Reshape(70_000), Shape(1, 70_000), "its 70,000 channels are more than 65,536", FEWER),
    (Linear(2), Shape(1, 65_537), "its 65,537 steps are more than 65,536", "stride before it"),
    (
        GlobalAvgPool(),
        Shape(1, 65_537),
        "its 65,537 steps are more than 65,536",
        "stride before it",
    ),
    (
        Conv(2, 32_769),
        Shape(1, 40_000),
        "its window of 32,769 steps is longer than 32,768",
        SHORTER,
    ),
    (
        Conv(2, 3, 2, dilation=16_384),
        Shape(1, 40_000),
        "its window of 32,769 steps is longer than 32,768",
        SHORTER,
    ),
    (
        DepthwiseConv(40_000),
        Shape(1, 50_000),
        "its window of 40,000 steps is longer than 32,768",
        SHORTER,
    ),
    (
        MaxPool(70_000, 1),
        Shape(1, 80_000),
        "its window of 70,000 steps is longer than 32,768",
        SHORTER,
    ),
    (
        AvgPool(70_000, 1),
        Shape(1, 80_000),
        "its window of 70,000 steps is longer than 32,768",
        SHORTER,
    ),
    (
        Conv(2, 3, 16_385),
        Shape(4, 20_000),
        "its stride makes an axis of 65,540, more than 65,536",
        SHORTER,
    ),
    (
        DepthwiseConv(3, 70_000),
        Shape(4, 80_000),
        "its stride makes an axis of 70,000, more than 65,536",
        SHORTER,
    ),
    (
        Interpolate(131),
        Shape(1, 66),
        "its 66 and 131 steps have too small a common divisor, 1",
        FRAME,
    ),
    (
        Interpolate(640),
        Shape(1, 10),
        "its 10 and 640 steps have too small a common divisor, 10",
        FRAME,
    ),
]
TAKEN: list[tuple[Op, Shape]] = [
    (Conv(65_536, 1), Shape(1, 2)),
    (Conv(2, 1), Shape(65_536, 2)),
    (Linear(2), Shape(1, 65_536)),
    (GlobalAvgPool(), Shape(1, 65_536)),
    (Conv(2, 32_768), Shape(1, 70_000)),
    (Conv(2, 32_768, 3), Shape(1, 70_000)),
    (Conv(2, 3, 2, dilation=16_383), Shape(1, 70_000)),
    (DepthwiseConv(32_768, 2), Shape(2, 40_000)),
    (MaxPool(32_768, 1), Shape(1, 40_000)),
    (AvgPool(32_768, 2), Shape(1, 70_000)),
    (Conv(2, 3, 16_384), Shape(4, 40_000)),
    (DepthwiseConv(3, 65_536), Shape(2, 70_000)),
    (Interpolate(630), Shape(1, 10)),
    (Upsample(2_000), Shape(8, 2)),
    (Reshape(60_000), Shape(1, 60_000)),
    (Concat("length"), Shape(3, 40_000)),
]


@pytest.fixture(scope="module")
def npu() -> EthosU:
    found = load_device("AlifE3-HE").npu
    assert isinstance(found, EthosU)
    return found


def compile_whole(network: Network, npu: EthosU) -> None:
    """Vela makes a program of ``network``; raises ``ToolError`` where it does not."""
    assert not place(network, npu).on_core
    if why := missing():
        pytest.skip(f"NOT COMPILED: {why}")
    program = compile_tosa(lower_tosa(placeholder(network), npu), npu)
    assert program.cycles > 0
    assert program.output.size_bytes == network.shapes[network.output].size


@pytest.mark.parametrize(("op", "shape", "reason", "mend"), REFUSED, ids=str)
def test_what_is_refused_has_layer_reason_and_way_out(
    op: Op, shape: Shape, reason: str, mend: str
) -> None:
    nodes = (Node("first", Conv(shape.channels, 1), (INPUT,)), Node("op", op, ("first",)))
    network = Network("net", shape, nodes)
    report = lint(network, load_device("AlifE3-HE"))
    assert report is not None
    (placed,) = report.on_core
    assert (placed.layer, placed.reason, placed.mend) == ("op", reason, mend)
    assert report.sentences()[1:] == [f"on the core: op: {reason}; {mend}"]


@pytest.mark.parametrize(("op", "shape"), TAKEN, ids=str)
def test_what_is_just_taken_compiles(npu: EthosU, op: Op, shape: Shape) -> None:
    inputs = (INPUT, INPUT) if isinstance(op, Concat) else (INPUT,)
    compile_whole(Network("net", shape, (Node("op", op, inputs),)), npu)


@pytest.mark.parametrize("name", ZOO)
def test_a_network_of_the_zoo_is_taken_whole(npu: EthosU, name: str) -> None:
    model = ZOO[name]
    network = model.build(Shape(1, 128), max(3, fewest_outputs(model.task)))
    compile_whole(network, npu)


def test_a_forced_layer_is_named_and_the_rest_follows_it(npu: EthosU) -> None:
    network = ZOO["CLS_1k"].build(Shape(1, 128), 3)
    names = [node.name for node in network.nodes]
    refused = frozenset({names[1]})
    (placed,) = place(network, npu, refused).on_core
    assert (placed.layer, placed.reason) == (names[1], "it is forced to the core")
    parts = split(network, npu, refused)
    assert (parts.taken, parts.rest) == ((names[0],), tuple(names[1:]))
