"""From float weights to the integer model: folding, calibration, QAT and lowering agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import INPUT, Add, Conv, GlobalAvgPool, Linear, Network, Node, Shape
from tinyml_nas.graph.integer import IntNetwork, TensorScale
from tinyml_nas.quantize.calibrate import OBSERVERS, calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import accumulator_bound, lower_node
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.train.builder import NetworkModule, build_module
from tinyml_nas.train.seeding import generator

pytestmark = pytest.mark.fast


def test_folding_keeps_every_activation(trained: NetworkModule, normalized: torch.Tensor) -> None:
    folded = fold_batch_norm(trained)
    assert not any(isinstance(m, torch.nn.BatchNorm1d) for m in folded.modules())
    before, after = trained.tensors(normalized), folded.tensors(normalized)
    for name, expected in before.items():
        torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-4)


def test_untouched_int8_values_share_one_scale(every_op: Network) -> None:
    groups = every_op.scale_groups
    assert ("cat", "difference", "max", "plain_sum", "stem") in groups
    assert sorted(name for group in groups for name in group) == sorted(every_op.shapes)


@pytest.mark.parametrize("method", OBSERVERS)
def test_calibration_never_widens_the_range(
    method: str, trained: NetworkModule, normalized: torch.Tensor
) -> None:
    folded = fold_batch_norm(trained)
    widest = calibrate(folded, normalized, "min_max")
    for name, scale in calibrate(folded, normalized, method).items():
        assert 0 < scale.scale <= widest[name].scale * 1.0001


def test_the_qat_forward_pass_is_the_integer_model(
    quantized_module: QuantizedModule, integer: IntNetwork, windows: np.ndarray
) -> None:
    q = quantize_input(integer, windows)
    expected = run_reference(integer, q)
    centered = torch.from_numpy(q.astype(np.float32) - integer.input.zero_point)
    with torch.no_grad():
        tensors = quantized_module.tensors(centered)
    for name, value in tensors.items():
        got = value.numpy() + integer.scales[name].zero_point
        np.testing.assert_array_equal(got, expected[name], err_msg=name)


def test_every_weight_gets_a_gradient(
    quantized_module: QuantizedModule, normalized: torch.Tensor
) -> None:
    quantized_module(normalized).pow(2).sum().backward()
    for name, parameter in quantized_module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_integer_model_follows_the_float_model(
    trained: NetworkModule, integer: IntNetwork, windows: np.ndarray, normalized: torch.Tensor
) -> None:
    output = integer.network.output
    q = run_reference(integer, quantize_input(integer, windows))[output]
    scale = integer.output_scale
    real = (q.astype(np.float32) - scale.zero_point) * scale.scale
    with torch.no_grad():
        expected = trained.tensors(normalized)[output].numpy()
    assert np.abs(real - expected).max() < 0.1 * np.abs(expected).max()


def test_normalisation_is_folded_into_the_input(integer: IntNetwork, windows: np.ndarray) -> None:
    q = quantize_input(integer, windows).astype(np.float32)
    real = (q - integer.input.zero_point) * integer.input.scale.reshape(1, -1, 1)
    restored = real + integer.input.mean.reshape(1, -1, 1)
    half_step = integer.input.scale.reshape(1, -1, 1) * 0.501
    assert np.all(np.abs(restored - windows) <= half_step)


def test_an_accumulator_that_could_overflow_names_its_layer() -> None:
    channels = 140_000
    network = Network("wide", Shape(channels, 1), (Node("big", Conv(1, 1, norm=False), (INPUT,)),))
    parameters = {"big": (np.ones((1, channels, 1), np.float32), np.zeros(1, np.float32))}
    scales = {name: TensorScale(np.float32(0.1), 0) for name in (INPUT, "big")}
    with pytest.raises(ConfigError, match=r"'big': its accumulator can reach .* beyond int32"):
        lower_node(network, network.nodes[0], parameters, scales)


@given(
    st.lists(st.integers(-127, 127), min_size=1, max_size=7),
    st.integers(-(1 << 22), 1 << 22),
    st.integers(-128, 127),
)
def test_no_partial_sum_exceeds_the_accumulator_bound(
    weights: list[int], bias: int, zero_point: int
) -> None:
    w = np.array(weights, np.int8)
    bound = accumulator_bound(w.reshape(1, -1, 1), np.array([bias], np.int32), zero_point)
    ends = np.array(list(itertools.product((-128, 127), repeat=len(w))))
    in_data = bias + np.cumsum(w * (ends - zero_point), axis=1)
    in_bias = bias - zero_point * int(w.astype(int).sum()) + np.cumsum(w * ends, axis=1)
    worst = max(np.abs(in_data).max(), np.abs(in_bias).max(), abs(bias))
    assert worst <= bound <= abs(bias) + 383 * int(np.abs(w.astype(int)).sum())


def test_a_layer_that_calibration_saw_dead_still_has_a_ratio(normalized: torch.Tensor) -> None:
    nodes = (
        Node("left", Conv(3, 1, relu=False), (INPUT,)),
        Node("sum", Add(relu=True), ("left", INPUT)),
        Node("fc", Linear(2), ("sum",)),
    )
    network = Network("dead", Shape(*normalized.shape[1:]), nodes)
    folded = fold_batch_norm(build_module(network, generator(1, "test")).eval())
    with torch.no_grad():
        folded.get_submodule("left").conv.bias.fill_(-1000)
    module = QuantizedModule(folded, calibrate(folded, 8 * normalized, "min_max"))
    with torch.no_grad():
        assert torch.isfinite(module(normalized)).all()


def test_a_mean_over_more_than_float32_carries_names_its_layer() -> None:
    network = Network("long", Shape(1, 70_000), (Node("mean", GlobalAvgPool(), (INPUT,)),))
    scales = {name: TensorScale(np.float32(0.1), 0) for name in (INPUT, "mean")}
    with pytest.raises(ConfigError, match=r"'mean': a mean over 70,000 values"):
        lower_node(network, network.nodes[0], {}, scales)
