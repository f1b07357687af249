"""Which layers an accelerator takes, why not the others, and what to change."""

from __future__ import annotations

import pytest

from tinyml_nas.config.names import SUGGESTED
from tinyml_nas.cost.npu import ADAPTERS, lint
from tinyml_nas.devices import NpuRules, device_names, load_device
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
    Op,
    Shape,
    residual_of,
)
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.fast

NPU = load_device("F28P55")


def _behind(op: Op, channels: int = 8, length: int = 32) -> Network:
    """``op`` behind a first convolution that every rule allows."""
    nodes = (Node("first", Conv(channels, 1), (INPUT,)), Node("op", op, ("first",)))
    return Network("net", Shape(1, length), nodes)


ALLOWED = [
    (Conv(8, 7, 2), "GCONV"),
    (Conv(12, 1), "PWCONV"),
    (DepthwiseConv(7), "DWCONV"),
    (MaxPool(4, 4), "MAXPOOL"),
    (AvgPool(4, 4), "DWCONV"),
    (GlobalAvgPool(), "AVGPOOL"),
    (Linear(3), "FC"),
    (Conv(8, 1, dilation=4), "PWCONV"),  # one tap lies apart from none
]
APART = "use a dilation of 1, with a stride before it or a longer kernel"
REFUSED = [
    (Conv(6, 3), 8, "6 output channels are no multiple of 4", "use 8"),
    (Conv(9, 1), 8, "9 output channels are no multiple of 4", "use 8"),
    (Conv(8, 9), 8, "its kernel of 9 is longer than 7", "use a kernel of 7"),
    (Conv(8, 3, 3), 8, "its stride is 3", "use a stride of 1 or 2"),
    (DepthwiseConv(9), 8, "its kernel of 9 is longer than 7", "use a kernel of 7"),
    (Conv(8, 3, dilation=4), 8, "its dilation is 4", APART),
    (DepthwiseConv(5, dilation=2), 8, "its dilation is 2", APART),
    (MaxPool(5, 2), 8, "its window of 5 is longer than 4", "use a window of 4"),
    (AvgPool(8, 8), 8, "its window of 8 is longer than 7", "use a window of 7"),
]


@pytest.mark.parametrize(("op", "pattern"), ALLOWED, ids=lambda value: str(value))
def test_what_the_accelerator_takes(op: Op, pattern: str) -> None:
    report = lint(_behind(op), NPU)
    assert report is not None
    first, placed = report.placements
    assert (first.pattern, first.on_npu) == ("FCONV", True)
    assert (placed.pattern, placed.on_npu, placed.reason) == (pattern, True, "")
    assert report.macs_share == 1


@pytest.mark.parametrize(
    ("op", "channels", "reason", "mend"), REFUSED, ids=lambda value: str(value)
)
def test_what_stays_on_the_core_and_why(op: Op, channels: int, reason: str, mend: str) -> None:
    report = lint(_behind(op, channels), NPU)
    assert report is not None
    (placed,) = report.on_core
    assert (placed.layer, placed.reason, placed.mend) == ("op", reason, mend)
    assert report.sentences()[1] == f"on the core: op: {reason}; {mend}"
    assert report.macs_share < 1 or not op.macs((Shape(channels, 32),))


def test_every_complaint_about_a_layer_is_told_at_once() -> None:
    report = lint(_behind(Conv(7, 11, 3), 6), NPU)
    assert report is not None
    first, second = report.on_core
    assert first.reason == "6 output channels are no multiple of 4"
    assert second.reason == (
        "6 input channels are no multiple of 4, 7 output channels are no multiple of 4, "
        "its stride is 3, its kernel of 11 is longer than 7"
    )
    assert second.mend == "use 8 and use a stride of 1 or 2 and use a kernel of 7"


@pytest.mark.parametrize(("channels", "takes"), [(1, True), (4, True), (3, False), (6, False)])
def test_the_first_convolution_reads_one_channel_or_a_multiple(channels: int, takes: bool) -> None:
    nodes = (Node("first", Conv(8, 8), (INPUT,)),)
    report = lint(Network("net", Shape(channels, 32), nodes), NPU)
    assert report is not None
    assert report.placements[0].on_npu is takes
    if not takes:
        assert report.placements[0].mend == "use 1 variable, or 4"


def test_joins_short_means_and_small_layers() -> None:
    nodes = (
        Node("first", Conv(8, 1), (INPUT,)),
        Node("sum", Add(), ("first", "first")),
        Node("join", Concat(), ("first", "sum")),
        Node("mean", GlobalAvgPool(), ("join",)),
        Node("small", Linear(8), ("mean",)),
        Node("smaller", Linear(2), ("small",)),
    )
    report = lint(Network("net", Shape(1, 2), nodes), NPU)
    assert report is not None
    by_name = {placed.layer: placed for placed in report.placements}
    assert by_name["sum"].on_npu
    assert by_name["sum"].mend == "as long as both inputs have one scale"
    assert by_name["join"].reason == "there is no concat"
    assert by_name["mean"].reason == "a mean of fewer than 3 values"
    assert by_name["small"].on_npu
    assert by_name["smaller"].reason == "8 inputs are too few"


def test_the_suggested_classifiers_run_there_on_one_channel_but_for_dilated_layers() -> None:
    for name in SUGGESTED["classification"]:
        network = ZOO[name].build(Shape(1, 256), 2)
        dilated = [n.name for n in network.nodes if isinstance(n.op, Conv) and n.op.dilation > 1]
        report = lint(network, NPU)
        assert report is not None
        assert [placed.layer for placed in report.on_core] == dilated
        assert bool(dilated) == name.startswith("TCN")


def test_every_model_of_the_zoo_is_judged() -> None:
    for model in ZOO.values():
        network = model.build(Shape(1, 256), 2)
        network = residual_of(network) if model.task == "anomaly" else network
        report = lint(network, NPU)
        assert report is not None
        assert all(placement.mend for placement in report.on_core)


def test_every_accelerator_has_its_adapter_and_cde_says_that_it_assumes() -> None:
    devices = [load_device(name) for name in device_names()]
    npus = (device.npu for device in devices)
    kinds = {npu.kind for npu in npus if isinstance(npu, NpuRules)}
    assert kinds == set(ADAPTERS)
    report = lint(_behind(Linear(2)), load_device("CC2755"))
    assert report is not None
    assert report.basis.startswith("assumed")
    assert lint(_behind(Linear(2)), load_device("cortex-m4")) is None
