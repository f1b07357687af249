"""Instructions are sums over loops whose trips the shapes give; nothing is promised unmeasured."""

from __future__ import annotations

import pytest

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.flash import network_cost, shared_code
from tinyml_nas.cost.kernels import kernel_of
from tinyml_nas.cost.latency import (
    latency_seconds,
    layer_instructions,
    layer_seconds,
    layer_trips,
    network_instructions,
)
from tinyml_nas.cost.tables import CODE_BYTES, HEADROOM, INSTRUCTIONS
from tinyml_nas.devices import load_device
from tinyml_nas.devices.cores import Backend
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
    Shape,
    Upsample,
)

pytestmark = pytest.mark.fast


def _trips(op: Op, shape: Shape, inputs: int = 1, backend: Backend = "one_row") -> dict[str, int]:
    network = Network("net", shape, (Node("node", op, (INPUT,) * inputs),))
    return dict(layer_trips(network, network.nodes[0], backend))


@pytest.mark.parametrize(("backend", "rows"), [("one_row", 9), ("two_rows", 5)])
def test_a_convolution_runs_over_pairs_of_channels(backend: Backend, rows: int) -> None:
    assert _trips(Conv(5, 3, 2, (1, 1)), Shape(3, 18), backend=backend) == {
        "layer": 1,
        "padding": 2 * 3,
        "row": rows,
        "pair": rows * 3,
        "pass": rows * 3 * 3,  # four taps of nine at a time
        "tap": rows * 3 * 9,
    }


@pytest.mark.parametrize("backend", ["one_row", "two_rows", "two_steps", "dsp", "mve"])
def test_long_taps_that_lie_apart_cost_a_run_each(backend: Backend) -> None:
    plain, apart = (
        _trips(Conv(6, 3, 1, (dilation, dilation), dilation=dilation), Shape(16, 20), 1, backend)
        for dilation in (1, 4)
    )
    assert apart.pop("wide_padding") == 4 * plain.pop("padding")
    assert apart.pop("run") > 0 == apart.pop("long_run", 0)
    assert {name: trips for name, trips in apart.items() if name in ("tap", "word")} == {
        name: trips for name, trips in plain.items() if name in ("tap", "word")
    }


@pytest.mark.parametrize("backend", ["one_row", "two_rows", "two_steps", "dsp", "mve"])
def test_windows_of_short_taps_are_gathered_two_at_a_time(backend: Backend) -> None:
    plain, gathered = (
        _trips(Conv(6, 3, 1, (dilation, dilation), dilation=dilation), Shape(5, 19), 1, backend)
        for dilation in (1, 4)
    )
    assert gathered.pop("padding") == 4 * plain.pop("padding")
    more = {"gathered": 10, "gathered_tap": 19 * 3, "gathered_byte": 19 * 3 * 5}
    assert gathered == plain | more


@pytest.mark.parametrize("backend", ["one_row", "two_rows", "dsp"])
def test_speed_takes_fewer_passes_and_more_code(backend: Backend) -> None:
    network = Network("net", Shape(4, 18), (Node("conv", Conv(6, 12), (INPUT,)),))
    styles: tuple[Optimize, ...] = ("speed", "balanced", "size")
    trips = [layer_trips(network, network.nodes[0], backend, style) for style in styles]
    assert trips[0]["pass"] < trips[1]["pass"] < trips[2]["pass"]
    flash = [network_cost(network, backend, style).flash_bytes for style in styles]
    assert flash[0] > flash[1] > flash[2]


@pytest.mark.parametrize(("backend", "rows"), [("one_row", 9), ("two_rows", 5), ("two_steps", 5)])
def test_a_depthwise_convolution_runs_over_channels(backend: Backend, rows: int) -> None:
    assert _trips(DepthwiseConv(3, 2, (1, 1)), Shape(4, 18), backend=backend) == {
        "layer": 1,
        "padding": 2 * 4,
        "row": rows,
        "value": rows * 4,
        "tap": rows * 4 * 3,
    }


def test_with_dsp_a_convolution_runs_over_words_of_two_rows_and_two_channels() -> None:
    assert _trips(Conv(5, 7, 2, (1, 1)), Shape(5, 20), backend="dsp") == {
        "layer": 1,
        "padding": 2 * 5,
        "row": 4,
        "pair": 4 * 3,
        "pass": 4 * 3 * 2,
        "word": 4 * 3 * 9,
        "clamped": 0,
    }


def test_with_dsp_a_depthwise_convolution_runs_over_quads_of_channels() -> None:
    assert _trips(DepthwiseConv(5, 2, (2, 2)), Shape(6, 20), backend="dsp") == {
        "layer": 1,
        "padding": 4 * 6,
        "row": 10,
        "quad": 10 * 2,
        "odd_tap": 10 * 2,
        "tap_pair": 10 * 2 * 2,
        "clamped": 0,
    }


def test_a_linear_layer_is_a_convolution_of_one_row() -> None:
    trips = _trips(Linear(4), Shape(3, 7))
    assert trips == _trips(Conv(4, 7), Shape(3, 7))
    assert trips["tap"] == 2 * 21


def test_a_pool_starts_with_its_first_tap() -> None:
    trips = _trips(AvgPool(3, 2, (1, 1)), Shape(2, 8))
    assert trips == {"layer": 1, "padding": 4, "row": 4, "value": 8, "tap": 16}
    assert _trips(GlobalAvgPool(), Shape(2, 8))["tap"] == 2 * 7


def test_a_concat_copies_each_input() -> None:
    trips = _trips(Concat(), Shape(4, 8), inputs=3)
    assert (trips["input"], trips["row"], trips["value"]) == (3, 24, 96)
    assert _trips(Concat(), Shape(2, 8), inputs=3)["narrow_row"] == 24


def test_upsampling_runs_over_rows_of_both_sides() -> None:
    trips = _trips(Upsample(3), Shape(4, 5))
    assert (trips["source"], trips["row"], trips["value"]) == (5, 15, 60)
    trips = _trips(Interpolate(9), Shape(4, 5))
    assert (trips["row"], trips["value"]) == (9, 36)


@pytest.mark.parametrize(
    ("op", "shape", "kernel"),
    [
        (Linear(2), Shape(3, 8), "conv"),
        (DepthwiseConv(3), Shape(1, 8), "conv"),
        (MaxPool(3, 1, (1, 1)), Shape(2, 8), "clipped_max_pool"),
        (DepthwiseConv(3), Shape(2, 8), "lone_depthwise_conv"),
        (MaxPool(2, 2), Shape(2, 8), "lone_max_pool"),
        (MaxPool(8, 1), Shape(2, 8), "lone_global_max_pool"),
    ],
)
def test_the_kernel_that_the_c_takes(op: Op, shape: Shape, kernel: str) -> None:
    network = Network("net", shape, (Node("node", op, (INPUT,)),))
    channels = network.shapes["node"].channels
    assert kernel_of(network, network.nodes[0], "two_rows") == kernel
    of_dsp = kernel_of(network, network.nodes[0], "dsp")  # takes four depthwise channels at least
    assembly = "conv_dsp" if channels > 1 else "lone_conv"
    assert of_dsp == (assembly if kernel == "conv" else kernel)


@pytest.mark.parametrize(("channels", "kernel"), [(3, "lone_depthwise_conv"), (4, "depthwise_dsp")])
def test_four_depthwise_channels_are_enough_for_dsp(channels: int, kernel: str) -> None:
    node = Node("node", DepthwiseConv(3), (INPUT,))
    network = Network("net", Shape(channels, 8), (node,))
    assert kernel_of(network, node, "dsp") == kernel
    assert shared_code(network, "dsp")["quad_kernel"] == (channels == 4)


def test_a_layer_that_alone_calls_its_kernel_has_its_constants_in_it() -> None:
    ops: tuple[Op, ...] = (MaxPool(2, 1), Upsample(2), GlobalAvgPool())
    for times in (1, 2):
        names = [(f"{op.kind}{i}", op) for i in range(times) for op in ops]
        network = Network("net", Shape(2, 8), tuple(Node(n, op, (INPUT,)) for n, op in names))
        kernels = [kernel_of(network, node, "two_rows") for node in network.nodes]
        lone = "lone_" if times == 1 else ""
        assert kernels == times * [f"{lone}{op.kind}" for op in ops]


def test_two_depthwise_layers_share_their_kernel() -> None:
    nodes = (Node("a", DepthwiseConv(3), (INPUT,)), Node("b", DepthwiseConv(3), ("a",)))
    network = Network("net", Shape(2, 8), nodes)
    assert [kernel_of(network, node, "dsp") for node in nodes] == ["depthwise_conv"] * 2
    assert shared_code(network, "dsp")["depthwise_kernel"] == 1


@pytest.mark.parametrize("core", INSTRUCTIONS)
def test_every_kernel_was_counted_on_every_core(core: str) -> None:
    shape = Shape(2, 8)
    pools = (MaxPool(2, 2), MaxPool(8, 1), AvgPool(3, 2), GlobalAvgPool())
    ops: list[tuple[Op, int]] = [(op, 1) for op in (Conv(2, 3), DepthwiseConv(3), *pools)]
    ops += [(Linear(2), 1), (Add(), 2), (Concat(), 2), (Upsample(2), 1), (Interpolate(11), 1)]
    for op, inputs in (*ops, (Concat("length"), 2)):
        network = Network("net", shape, (Node("node", op, (INPUT,) * inputs),))
        assert layer_instructions(network, network.nodes[0], core) > 10


def test_a_latency_is_the_sum_of_its_layers_with_headroom(every_op: Network) -> None:
    device = load_device("MSPM0G3507")
    total = network_instructions(every_op, "cortex-m0")
    latency = latency_seconds(every_op, device)
    assert latency == pytest.approx(HEADROOM * total * 1.3 / 80e6)
    layers = sum(layer_seconds(every_op, node, device) or 0.0 for node in every_op.nodes)
    run = max(table["network"]["run"] for table in INSTRUCTIONS["cortex-m0"].values())
    start = HEADROOM * run * 1.3 / 80e6
    assert latency == pytest.approx(layers + start)


def test_each_layer_is_promised_for_the_compiler_that_needs_most(every_op: Network) -> None:
    zig, gcc = ({c: INSTRUCTIONS["cortex-m0"][c]} for c in ("zig", "gcc"))
    both = INSTRUCTIONS["cortex-m0"]
    for node in every_op.nodes:
        alone = [layer_instructions(every_op, node, "cortex-m0", tables=t) for t in (zig, gcc)]
        assert layer_instructions(every_op, node, "cortex-m0", tables=both) == max(alone)
        assert layer_instructions(every_op, node, "cortex-m0") == max(alone)
    totals = [network_instructions(every_op, "cortex-m0", tables=t) for t in (zig, gcc)]
    assert network_instructions(every_op, "cortex-m0") >= max(totals)


def test_a_device_whose_core_was_never_counted_promises_nothing(every_op: Network) -> None:
    device = load_device("F28P55")
    assert latency_seconds(every_op, device) is None
    assert layer_seconds(every_op, every_op.nodes[0], device) is None


def test_no_code_has_less_than_no_bytes() -> None:
    assert all(size >= 0 for sizes in CODE_BYTES.values() for size in sizes.values())
