"""The zoo's models have the structure of their namesakes: the same parameters and the same work.

The tables count as TI's classes do: weights, biases, scale and shift of every batch norm, that of
the input included.  Our networks have none at the input, and none anywhere once folded.
"""

from __future__ import annotations

import pytest

from tinyml_nas.config import names
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.graph import Conv, DepthwiseConv, Linear, Network, Shape, reach_of
from tinyml_nas.zoo import ZOO
from tinyml_nas.zoo.architecture import parse
from tinyml_nas.zoo.entries import model_names, models_for, own_model

pytestmark = pytest.mark.fast

Counts = tuple[int, int]
"""Parameters and multiply-accumulates."""

CLASSIFICATION: dict[str, tuple[Counts, Counts]] = {
    "CLS_100": ((268, 102_416), (297, 27_672)),
    "CLS_500": ((532, 217_120), (633, 64_560)),
    "CLS_1k": ((876, 282_656), (977, 80_944)),
    "CLS_1.2k": ((1_048, 462_880), (1_149, 126_000)),
    "CLS_1.5k": ((1_344, 113_696), (1_485, 36_144)),
    "CLS_1.9k": ((1_764, 811_040), (1_881, 215_088)),
    "CLS_2k": ((4_996, 761_920), (5_193, 211_040)),
    "CLS_2.8k": ((2_532, 43_104), (2_729, 15_848)),
    "CLS_3.1k": ((3_064, 211_752), (3_141, 58_224)),
    "CLS_3.9k": ((3_848, 138_280), (3_921, 36_156)),
    "CLS_4k": ((3_692, 182_336), (3_809, 50_784)),
    "CLS_4.2k": ((4_132, 189_840), (4_225, 50_464)),
    "CLS_5k": ((4_796, 359_488), (4_953, 97_632)),
    "CLS_6k": ((6_596, 217_120), (6_713, 57_392)),
    "CLS_8k": ((9_668, 630_848), (9_865, 168_032)),
    "CLS_13k": ((12_580, 649_344), (12_729, 167_616)),
    "CLS_20k": ((66_596, 2_324_608), (66_825, 591_552)),
    "CLS_40k": ((38_828, 11_189_856), (38_993, 2_821_792)),
    "CLS_55k": ((52_092, 282_240), (52_305, 133_376)),
    "CLS_ResCat_3k": ((708, 51_716), (849, 20_124)),
    "CLS_ResAdd_3k": ((708, 51_716), (849, 20_124)),
    "TEST_NEW_MODEL_2K": ((1_828, 435_776), (2_025, 130_656)),
}
"""For 1 x 512 with 2 classes and 3 x 128 with 3."""

REGRESSION: dict[str, Counts] = {
    "REGR_500": (155, 15_368),
    "REGR_1k": (627, 55_432),
    "REGR_2k": (1_803, 80_144),
    "REGR_2k_NPU": (1_443, 104_584),
    "REGR_3k": (17_019, 16_964),
    "REGR_4k": (2_819, 209_952),
    "REGR_6k": (2_131, 70_688),
    "REGR_8k": (6_371, 252_960),
    "REGR_10k": (4_291, 155_712),
    "REGR_13k": (10_179, 604_192),
    "REGR_20k": (16_483, 997_440),
}
"""For 1 x 512 with one target."""

FORECASTING: dict[str, tuple[Counts, Counts]] = {
    "FCST_500": ((155, 15_368), (218, 1_984)),
    "FCST_1k": ((627, 55_432), (2_090, 8_448)),
    "FCST_2k": ((1_443, 104_584), (2_906, 14_592)),
    "FCST_4k": ((3_203, 154_656), (12_618, 29_440)),
    "FCST_6k": ((2_131, 70_688), (11_546, 18_944)),
    "FCST_8k": ((6_371, 252_960), (15_786, 41_728)),
    "FCST_10k": ((7_075, 407_616), (25_898, 71_168)),
    "FCST_13k": ((39_299, 3_227_648), (39_306, 432_128)),
    "FCST_20k": ((24_771, 1_392_704), (57_930, 210_432)),
}
"""For 1 x 512 with one step and 1 x 64 with 8."""

ANOMALY: dict[str, tuple[Counts, Counts]] = {
    "AD_500": ((265, 43_008), (315, 13_824)),
    "AD_1k": ((1_213, 337_920), (1_407, 102_912)),
    "AD_2k": ((2_545, 405_504), (2_643, 107_520)),
    "AD_4k": ((4_129, 402_432), (4_227, 105_216)),
    "AD_6k": ((3_041, 563_200), (3_139, 146_944)),
    "AD_8k": ((10_465, 1_536_000), (10_563, 390_144)),
    "AD_10k": ((9_697, 1_597_440), (9_891, 411_648)),
    "AD_16k": ((16_705, 4_491_264), (16_803, 1_132_032)),
    "AD_17k": ((16_705, 1_050_624), (16_803, 271_872)),
    "AD_20k": ((40_897, 6_119_424), (41_091, 1_542_144)),
    "AD_Linear": ((153_312, 151_552), (86_568, 85_248)),
    "Ondevice_Trainable_AD_Linear": ((345_408, 344_064), (194_544, 193_536)),
}
"""For 1 x 512 and 3 x 128; these have no batch norm at the input."""

STATED = {
    "ArcFault_model_200_t": 296,
    "ArcFault_model_300_t": 388,
    "ArcFault_model_700_t": 844,
    "ArcFault_model_1400_t": 1_648,
    "MotorFault_model_1_t": 588,
    "MotorFault_model_2_t": 2_808,
    "MotorFault_model_3_t": 996,
}
"""Of networks that nobody has seen, for 1 x 512 and two classes."""


def counted(network: Network, input_norm: bool = True) -> Counts:
    """Parameters as TI counts them, and multiply-accumulates."""
    norms = sum(
        network.shapes[node.name].channels
        for node in network.nodes
        if isinstance(node.op, Conv | DepthwiseConv | Linear) and node.op.norm
    )
    cost = network_cost(network)
    return cost.parameters + 2 * (norms + input_norm * network.input_shape.channels), cost.macs


CASES = [
    *((n, Shape(1, 512), 2, counts) for n, (counts, _) in CLASSIFICATION.items()),
    *((n, Shape(3, 128), 3, counts) for n, (_, counts) in CLASSIFICATION.items()),
    *((n, Shape(1, 512), 1, counts) for n, counts in REGRESSION.items()),
    *((n, Shape(1, 512), 1, counts) for n, (counts, _) in FORECASTING.items()),
    *((n, Shape(1, 64), 8, counts) for n, (_, counts) in FORECASTING.items()),
    *((n, Shape(1, 512), 0, counts) for n, (counts, _) in ANOMALY.items()),
    *((n, Shape(3, 128), 0, counts) for n, (_, counts) in ANOMALY.items()),
    ("HAR_TINIE_CNN_2K", Shape(3, 512), 4, (1_690, 767_104)),
    ("HAR_TINIE_CNN_2K", Shape(1, 512), 2, (1_492, None)),
    ("REGR_1k", Shape(4, 16), 1, (705, 2_440)),
    ("FCST_20k", Shape(4, 16), 1, (24_921, 48_704)),
]


@pytest.mark.parametrize(("name", "shape", "outputs", "expected"), CASES)
def test_parameters_and_work_are_those_of_the_namesake(
    name: str, shape: Shape, outputs: int, expected: tuple[int, int | None]
) -> None:
    model = ZOO[name]
    parameters, macs = counted(model.build(shape, outputs), model.task != "anomaly")
    assert parameters == expected[0]
    if expected[1] is not None:
        assert macs == expected[1]


@pytest.mark.parametrize(("name", "stated"), STATED.items())
def test_closed_models_have_ours_of_the_same_size(name: str, stated: int) -> None:
    parameters, _ = counted(ZOO[name].build(Shape(1, 512), 2))
    assert parameters == pytest.approx(stated, rel=0.08)
    assert ZOO[name].description == "ours of the same size"


def test_what_stands_in_for_an_lstm_has_its_size() -> None:
    for name, parameters in (("FCST_LSTM8", 361), ("FCST_LSTM10", 531)):
        found, _ = counted(ZOO[name].build(Shape(1, 64), 1), input_norm=False)
        assert found == pytest.approx(parameters, rel=0.1)


def test_the_parameters_of_the_yolo_are_counted_without_its_padding() -> None:
    assert counted(ZOO["YOLO_Classifier_8K"].build(Shape(1, 512), 2))[0] == 8_196


@pytest.mark.parametrize("name", ZOO)
def test_every_model_reads_its_input_and_survives_json(name: str) -> None:
    shape = Shape(6, 64)
    network = ZOO[name].build(shape, 7)
    expected = shape if ZOO[name].task == "anomaly" else Shape(7, 1)
    assert network.shapes[network.output].size == expected.size
    assert ZOO[name].task != "anomaly" or network.shapes[network.output] == shape
    assert Network.from_json(network.to_json()) == network


def test_our_autoencoders_compress_and_follow_every_step() -> None:
    for name in ("AE_1k", "AE_4k", "AE_TCN_500", "AE_TCN_4k", "AE_TCN_8k"):
        network = ZOO[name].build(Shape(1, 128), 0)
        assert min(shape.size for shape in network.shapes.values()) <= 128 / 4
        assert network.nodes[-1].op.kind == "conv"


def test_an_autoencoder_says_which_lengths_it_reads() -> None:
    with pytest.raises(ValueError, match="it reads multiples of 16"):
        ZOO["AD_20k"].build(Shape(3, 120), 0)
    assert ZOO["AD_17k"].build(Shape(3, 121), 0).shapes["conv8"] == Shape(3, 121)
    with pytest.raises(ValueError, match="leaves none for a width of n/16"):
        ZOO["AD_Linear"].build(Shape(1, 15), 0)


def test_the_words_of_an_architecture() -> None:
    text = "{cb 2 k3, gap | avg 4/2 p1, pw 2c, gap} cat, fcr n/2, as 2"
    network = parse("words", text, Shape(2, 8), 3)
    assert [node.name for node in network.nodes] == [
        "conv1", "global_avg_pool1", "avg_pool", "conv2", "global_avg_pool2", "concat", "linear",
        "reshape",
    ]  # fmt: skip
    assert [tuple(network.shapes[name]) for name in ("avg_pool", "concat", "reshape")] == [
        (2, 4),
        (8, 1),
        (2, 4),
    ]
    with pytest.raises(ValueError, match="no word 'conf'"):
        parse("words", "conf 3", Shape(2, 8), 3)


def test_the_taps_of_a_layer_lie_apart_as_its_dilation_says() -> None:
    network = parse("apart", "cbr 4 k3 d4, dw k5 d2 p0", Shape(2, 20), 3)
    ordinary, depthwise = (node.op for node in network.nodes)
    assert isinstance(ordinary, Conv)
    assert isinstance(depthwise, DepthwiseConv)
    assert (ordinary.dilation, ordinary.pad) == (4, (4, 4))
    assert (depthwise.dilation, depthwise.pad) == (2, (0, 0))
    assert network.shapes[network.output] == Shape(4, 20 - 8)


@pytest.mark.parametrize(
    ("samples", "stem", "apart"),
    [
        (24, (5, 1), [1, 2, 4, 8]),
        (128, (5, 2), [2, 4, 8, 16]),
        (450, (5, 2), [2, 4, 8, 16]),
        (451, (9, 4), [2, 4, 8, 16]),
        (1024, (17, 8), [2, 4, 8, 16]),
        (16_000, (17, 8), [32, 64, 128, 256]),
    ],
)
def test_a_tcn_follows_its_window(samples: int, stem: tuple[int, int], apart: list[int]) -> None:
    network = ZOO["TCN_4k"].build(Shape(1, samples), 3)
    first, *body = [node.op for node in network.nodes if isinstance(node.op, Conv)]
    assert (first.kernel, first.stride) == stem
    assert [op.dilation for op in body] == apart
    assert len({network.shapes[node.name].length for node in network.nodes[:5]}) == 1
    residual = ZOO["TCN_Res_4k"].build(Shape(1, samples), 3)
    convolutions = [node.op for node in residual.nodes if isinstance(node.op, Conv)]
    assert [op.dilation for op in convolutions[1::2]] == apart
    assert [op.dilation for op in convolutions[2::2]] == apart


@pytest.mark.parametrize("samples", range(1, 40))
def test_a_tcn_reads_the_shortest_windows(samples: int) -> None:
    assert reach_of(ZOO["TCN_4k"].build(Shape(1, samples), 3)) == samples


@pytest.mark.parametrize("samples", [13, 14, 24, 31, 32, 96, 225, 300, 450, 451, 1000, 4096])
def test_the_last_step_of_a_forecast_sees_the_whole_window(samples: int) -> None:
    network = ZOO["FCST_TCN_4k"].build(Shape(1, samples), 24)
    first, *_, last = (node for node in network.nodes if isinstance(node.op, Conv))
    assert network.shapes[last.name].length in (1, 2)
    assert isinstance(first.op, Conv)
    # the last window of the strided layer ends with the latest sample
    steps, padded = network.shapes[first.name].length, samples + first.op.pad[0]
    assert (steps - 1) * first.op.stride + first.op.kernel == padded
    assert first.op.pad[1] == 0
    undone = parse(
        "body", ZOO["FCST_TCN_4k"].architecture.removesuffix(", fc"), Shape(1, samples), 1
    )
    assert reach_of(undone) >= samples - network.shapes[last.name].length * first.op.stride


def test_the_names_of_a_yaml_are_those_of_the_zoo() -> None:
    assert {name for task in names.TASKS for name in models_for(task)} == set(ZOO)
    for task, suggested in names.SUGGESTED.items():
        assert {ZOO[name].task for name in suggested} == {task}
    for name in model_names():
        assert (entry := own_model(name)) is not None
        assert entry.name in ZOO


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CLS_1k_NPU", "CLS_1k"),
        ("CLS_ResCat_3k", "CLS_ResCat_3k"),
        ("ECG_55k_NPU", "CLS_55k"),
        ("REGR_2k", "REGR_2k"),
        ("REGR_2k_NPU", "REGR_2k_NPU"),
        ("REGR_1k_NPU", "REGR_1k"),
        ("REGR_500_NPU", "REGR_500"),
        ("AD_8k", "AD_8k"),
        ("FanImbalance_model_2_t", "MotorFault_model_2_t"),
        ("TimeSeries_Generic_1k_NPU_t", "CLS_1k"),
        ("DSCNN_NPU", "DSCNN"),
    ],
)
def test_the_names_of_tis_zoo(name: str, meant: str) -> None:
    entry = own_model(name)
    assert entry is not None
    assert entry.name == meant


def test_unknown_names_mean_nothing() -> None:
    assert own_model("CLS_7k") is None
