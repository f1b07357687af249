"""Weights of 4 and 2 bits: their scales, fine-tuning, and the mix that holds a tolerance."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinyml_nas.config.sections.training import Training
from tinyml_nas.console import Console
from tinyml_nas.cost.packing import as_configured, weight_bits, weight_bytes
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.graph import INPUT, Conv, GlobalAvgPool, Linear, Network, Node, Shape
from tinyml_nas.graph.integer import IntConv
from tinyml_nas.quantize import Quantized, quantize, quantize_input, run_reference
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.mixed import Tolerance, longest, narrowing_path
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.quantize.scheme import WEIGHT_MAX, quantize_weight, weight_scales
from tinyml_nas.train.builder import NetworkModule, build_module
from tinyml_nas.train.loop import fit
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.train.seeding import generator

BITS = {"stem": 4, "left": 2, "narrow": 2, "hidden": 4, "wide": 8, "fc": 4}
NETWORK = Network(
    "small",
    Shape(2, 24),
    (
        Node("first", Conv(6, 5, 2, (2, 2)), (INPUT,)),
        Node("second", Conv(8, 3), ("first",)),
        Node("pool", GlobalAvgPool(), ("second",)),
        Node("last", Linear(3), ("pool",)),
    ),
)


def squared_error(weight: np.ndarray, scales: np.ndarray, bits: int) -> np.ndarray:
    restored = quantize_weight(weight, scales, bits) * scales.reshape(-1, 1, 1)
    return ((weight - restored) ** 2).sum(axis=(1, 2))


@pytest.mark.fast
@given(seed=st.integers(0, 1 << 32), n=st.integers(1, 7))
def test_no_ternary_weights_are_nearer_than_those_chosen(seed: int, n: int) -> None:
    weight = np.random.default_rng(seed).normal(size=(1, 1, n)).astype(np.float32)
    scales = weight_scales(weight, np.zeros(1), 1.0, 2)
    patterns = np.array(list(itertools.product((-1, 0, 1), repeat=n))[: 3**n])
    norms = np.maximum((patterns**2).sum(axis=1), 1)
    along = patterns @ weight.ravel()  # the best scale of each pattern leaves |w|^2 - along^2 / n
    least = (weight**2).sum() - (along**2 / norms).max()
    assert squared_error(weight, scales, 2)[0] == pytest.approx(least, rel=1e-4, abs=1e-6)


@pytest.mark.fast
def test_clipped_4_bit_weights_are_nearer_than_covered_ones() -> None:
    weight = np.random.default_rng(0).normal(size=(32, 8, 5)).astype(np.float32)
    covering = (np.abs(weight).max(axis=(1, 2)) / 7).astype(np.float32)
    chosen = squared_error(weight, weight_scales(weight, np.zeros(32), 1.0, 4), 4)
    covered = squared_error(weight, covering, 4)
    assert np.all(chosen <= covered)
    assert chosen.sum() < 0.9 * covered.sum()


@pytest.mark.fast
def test_the_torch_module_is_the_integer_model_at_any_bits(
    trained: NetworkModule,
    normalized: torch.Tensor,
    normalization: Normalization,
    windows: np.ndarray,
) -> None:
    folded = fold_batch_norm(trained)
    module = QuantizedModule(folded, calibrate(folded, normalized, "min_max"), BITS)
    net = lower(
        module.network, module.parameters_by_node(), module.scales, normalization,
        tuple("abcd"), tuple("xyz"),
    )  # fmt: skip
    for layer in net.layers:
        if isinstance(layer.op, IntConv):
            assert layer.op.weight_bits == BITS.get(layer.name, 8)
            assert np.abs(layer.op.weight).max() <= WEIGHT_MAX[layer.op.weight_bits]
    q = quantize_input(net, windows)
    expected = run_reference(net, q)
    with torch.no_grad():
        tensors = module.tensors(torch.from_numpy(q.astype(np.float32) - net.input.zero_point))
    for name, value in tensors.items():
        got = value.numpy() + net.scales[name].zero_point
        np.testing.assert_array_equal(got, expected[name], err_msg=name)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("task", "score", "floor"),
    [
        ("classification", 0.9, 0.9 * 0.95),
        ("regression", 0.8, 0.8 * 0.95),
        ("forecasting", 0.9, 1 - 1.1 * 0.1),
        ("anomaly", 0.6, 1 - 1.1 * 0.4),
    ],
)
def test_the_tolerance_is_of_the_score_or_of_the_error(
    task: str, score: float, floor: float
) -> None:
    assert Tolerance.of(Training(), task).floor(score) == pytest.approx(floor)


@pytest.mark.fast
def test_a_path_narrows_the_cheap_layers_first_and_ends_at_two_bits() -> None:
    measured = {
        "first": {4: 0.5, 2: 2.0},
        "second": {4: 0.0, 2: 0.01},
        "last": {4: 0.01, 2: 0.4},
    }
    path = narrowing_path(NETWORK, measured)
    assert path[0] == dict.fromkeys(measured, 8)
    assert path[-1] == dict.fromkeys(measured, 2)
    assert path[1]["second"] < 8
    sizes = [weight_bytes(NETWORK.with_weight_bits(bits)) for bits in path]
    assert sizes == sorted(sizes, reverse=True)
    narrowed = [next(n for n in b if b[n] != a[n]) for a, b in itertools.pairwise(path)]
    assert narrowed[-1] == "first"


@pytest.mark.fast
@given(length=st.integers(1, 20), good=st.integers(0, 20))
def test_bisection_finds_the_last_that_holds_with_few_attempts(length: int, good: int) -> None:
    tried = []

    def attempt(bits: Mapping[str, int]) -> int:
        tried.append(bits["step"])
        return bits["step"]

    path = [{"step": step} for step in range(length)]
    found, held = longest(path, attempt, lambda step: step < good)
    assert (found, held) == (max(0, min(good, length) - 1), good > 0)
    assert len(tried) <= 2 + np.log2(length)


def examples(count: int, seed: int) -> Examples:
    """Windows whose class is the frequency of a noisy sine."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 3
    time = np.arange(24)
    phase, noise = rng.uniform(0, 6, (count, 2, 1)), rng.normal(size=(count, 2, 24))
    x = np.sin(time * (0.4 + 0.25 * y[:, None, None]) + phase) + 0.6 * noise
    return Examples(x.astype(np.float32), y.astype(np.int64), np.arange(count))


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    statistics = Normalization(np.zeros(2, np.float32), np.ones(2, np.float32))
    sides = (examples(240, 1), examples(150, 2), examples(150, 3))
    return FeatureSet(*sides, statistics, tuple("abc"), ("x", "y"), ())


TRAINING = Training(
    training_epochs=12, batch_size=32, optimizer="adam", learning_rate=1e-2, qat_epochs=6
)


@pytest.fixture(scope="module")
def learned(features: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> NetworkModule:
    module = build_module(NETWORK, generator(0, "weights"))
    result = fit(
        module, features, recipe_from_config(TRAINING), seed=0, title="train",
        checkpoint=tmp_path_factory.mktemp("fit") / "checkpoint.npz", console=Console(quiet=True),
    )  # fmt: skip
    module.load_state_dict(result.state)
    return module.cpu().eval()


def quantized(
    learned: NetworkModule, features: FeatureSet, folder: Path, **keys: object
) -> Quantized:
    training = TRAINING.model_copy(update=keys)
    module = NetworkModule(as_configured(NETWORK, training))
    module.load_state_dict(learned.state_dict())
    return quantize(
        module.eval(), features, training, recipe_from_config(training), seed=1,
        checkpoint=folder / "fine_tuning.npz", console=Console(quiet=True), title="quantize",
    )  # fmt: skip


def test_fine_tuning_at_two_bits_beats_calibration(
    learned: NetworkModule, features: FeatureSet, tmp_path: Path
) -> None:
    keys = {"quantization_weight_bitwidth": 2}
    record = quantized(learned, features, tmp_path, **keys).record
    assert record.method == "QAT"
    before, after = record.ptq_validation_score, record.qat_validation_score
    assert before is not None
    assert after is not None
    assert after > before + 0.05
    assert [layer.bits for layer in record.layers] == [2, 2, 2]


def test_a_mix_holds_its_tolerance_and_is_smaller_and_keeps_what_is_fixed(
    learned: NetworkModule, features: FeatureSet, tmp_path: Path
) -> None:
    keys = {
        "auto_quantization": True,
        "autoquant_tolerance_classification": 0.03,
        "quantization_layers": {"first": 8},
        "quantization_method": "PTQ",
    }
    result = quantized(learned, features, tmp_path, **keys)
    auto, bits = result.record.auto, weight_bits(result.integer.network)
    assert auto is not None
    assert auto.held
    assert auto.floor == pytest.approx(0.97 * auto.float_score)
    assert result.record.validation_score is not None
    assert result.record.validation_score >= auto.floor
    assert bits["first"] == 8
    assert weight_bytes(result.integer.network) < weight_bytes(NETWORK)
    measured = {layer.name: layer.sensitivity for layer in result.record.layers}
    assert measured["first"] == {}
    assert set(measured["second"]) == {"4", "2"}


def test_the_test_side_chooses_nothing(
    learned: NetworkModule, features: FeatureSet, tmp_path: Path
) -> None:
    keys = {"auto_quantization": True, "quantization_method": "PTQ"}
    other = dataclasses.replace(features, test=examples(9, 7))
    results = [
        quantized(learned, f, tmp_path / name, **keys)
        for name, f in (("a", features), ("b", other))
    ]
    assert results[0].record == results[1].record


def test_without_tolerance_all_layers_keep_eight_bits(
    learned: NetworkModule, features: FeatureSet, tmp_path: Path
) -> None:
    keys = {
        "auto_quantization": True,
        "autoquant_tolerance_classification": -0.5,  # better than the float model: no mix is
        "quantization_method": "PTQ",
    }
    result = quantized(learned, features, tmp_path, **keys)
    assert result.record.auto is not None
    assert not result.record.auto.held
    assert set(weight_bits(result.integer.network).values()) == {8}
