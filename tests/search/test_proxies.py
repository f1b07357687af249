"""Each proxy against its formula in NumPy on a network small enough to follow by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from samples import features

from tinyml_nas.graph import (
    INPUT,
    Add,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    Shape,
    residual_of,
)
from tinyml_nas.search.proxies import PROXIES
from tinyml_nas.search.proxies.protocol import Batches, Probe
from tinyml_nas.search.proxies.ranking import draw_batches, rank_mean
from tinyml_nas.search.proxies.sigeo import Coefficients, combination
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator
from tinyml_nas.train.tasks.classification import Classification

pytestmark = pytest.mark.fast

LAYERS = ("first", "second", "classifier")


@pytest.fixture
def perceptron() -> Probe:
    """4 inputs, two hidden layers of the same shape, 3 classes; 4 mini-batches of 8."""
    network = Network(
        "perceptron",
        Shape(4, 1),
        (
            Node("first", Linear(4, relu=True), (INPUT,)),
            Node("second", Linear(4, relu=True), ("first",)),
            Node("classifier", Linear(3), ("second",)),
        ),
    )
    module = build_module(network, generator(1, "weights"))
    noise = generator(1, "noise")
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.endswith("bias"):
                value.copy_(0.3 * torch.randn(value.shape, generator=noise))
    batches = tuple(
        (torch.randn(8, 4, 1, generator=noise), torch.randint(3, (8,), generator=noise))
        for _ in range(4)
    )
    return Probe(network, module, Batches(batches, Classification(3)))


@pytest.fixture
def branched() -> Probe:
    """A network with batch norm, a sum, a depthwise convolution and a concat."""
    network = Network(
        "branched",
        Shape(2, 16),
        (
            Node("stem", Conv(4, 3, 1, (1, 1)), (INPUT,)),
            Node("conv", Conv(4, 3, 1, (1, 1), relu=False), ("stem",)),
            Node("add", Add(relu=True), ("stem", "conv")),
            Node("depthwise", DepthwiseConv(3, 2, (1, 1)), ("add",)),
            Node("avg", GlobalAvgPool(), ("depthwise",)),
            Node("max", MaxPool(8, 1), ("depthwise",)),
            Node("pools", Concat(), ("avg", "max")),
            Node("classifier", Linear(3), ("pools",)),
        ),
    )
    module = build_module(network, generator(2, "weights"))
    data = features((2, 16), count=96)
    return Probe(network, module, draw_batches(data.train, data, 0, size=16))


def numbers(probe: Probe) -> dict[str, np.ndarray]:
    """The perceptron's parameters as matrices."""
    state = {n: v.detach().double().numpy() for n, v in probe.module.named_parameters()}
    return {n: v.squeeze(-1) if v.ndim == 3 else v for n, v in state.items()}


def backpropagated(probe: Probe, batch: int) -> tuple[float, dict[str, np.ndarray], np.ndarray]:
    """Loss, gradients and ReLU codes of the perceptron on one mini-batch."""
    p = numbers(probe)
    x, y = (t.numpy() for t in probe.batches.parts[batch])
    inputs, codes = [x[:, :, 0].astype(np.float64)], []
    for layer in LAYERS:
        z = inputs[-1] @ p[f"{layer}.conv.weight"].T + p[f"{layer}.conv.bias"]
        codes.append(z > 0)
        inputs.append(z if layer == "classifier" else np.maximum(z, 0))
    odds = np.exp(inputs[-1]) / np.exp(inputs[-1]).sum(1, keepdims=True)
    loss = -np.log(odds[np.arange(len(y)), y]).mean()
    error, gradients = (odds - np.eye(3)[y]) / len(y), {}
    for i in (2, 1, 0):
        gradients[f"{LAYERS[i]}.conv.weight"] = error.T @ inputs[i]
        gradients[f"{LAYERS[i]}.conv.bias"] = error.sum(0)
        if i:
            error = (error @ p[f"{LAYERS[i]}.conv.weight"]) * codes[i - 1]
    return float(loss), gradients, np.concatenate(codes[:2], axis=1)


def expected_zico(probe: Probe) -> float:
    total = 0.0
    for layer in LAYERS:
        g = np.stack([backpropagated(probe, b)[1][f"{layer}.conv.weight"] for b in range(4)])
        mean, deviation = np.abs(g).mean(0), g.std(0)
        total += math.log((mean[deviation > 0] / deviation[deviation > 0]).sum())
    return total


def expected_fisher_rao(probe: Probe) -> float:
    p = numbers(probe)
    inner = sum(
        float((g * p[name]).sum())
        for b in range(4)
        for name, g in backpropagated(probe, b)[1].items()
    )
    return math.log(abs(inner) + 1e-10)


def expected_loss(probe: Probe) -> float:
    return float(np.mean([backpropagated(probe, b)[0] for b in range(4)]))


def score(name: str, probe: Probe) -> float:
    return PROXIES[name].score(probe)


def test_params_and_macs(branched):
    weights = 2 * 4 * 3 + 4 * 4 * 3 + 4 * 3 + 8 * 3
    assert score("params", branched) == weights + 4 + 4 + 4 + 3
    assert score("macs", branched) == 2 * 4 * 3 * 16 + 4 * 4 * 3 * 16 + 4 * 3 * 8 + 8 * 3


def test_zico(perceptron):
    assert score("zico", perceptron) == pytest.approx(expected_zico(perceptron), rel=1e-4)


def test_zico_of_a_layer_without_gradient(perceptron):
    with torch.no_grad():
        perceptron.module.first.conv.weight.zero_()
        perceptron.module.first.conv.bias.fill_(-1)  # never on: no gradient before it
    value = score("zico", perceptron)
    assert value == pytest.approx(expected_zico_of_dead_first(perceptron), rel=1e-4)


def expected_zico_of_dead_first(probe: Probe) -> float:
    g = np.stack([backpropagated(probe, b)[1]["classifier.conv.weight"] for b in range(4)])
    deviation = g.std(0)
    return math.log((np.abs(g).mean(0)[deviation > 0] / deviation[deviation > 0]).sum())


def test_fisher_rao(perceptron):
    expected = expected_fisher_rao(perceptron)
    assert score("fisher_rao", perceptron) == pytest.approx(expected, rel=1e-4)


def test_a_norm_hides_the_weights_before_it_from_fisher_rao(branched):
    terms = {n: (g.sum(0) @ branched.parameters[n]).item() for n, g in branched.gradients.items()}
    hidden = [abs(terms[f"{name}.conv.weight"]) for name in ("stem", "conv", "depthwise")]
    assert max(hidden) < 1e-3 * abs(terms["classifier.conv.weight"])
    assert abs(terms["depthwise.norm.weight"]) > 1e-3 * abs(terms["classifier.conv.weight"])


def test_loss(perceptron):
    assert score("loss", perceptron) == pytest.approx(expected_loss(perceptron), rel=1e-5)
    assert not PROXIES["loss"].higher_is_better


def test_grad_norm(perceptron):
    expected = sum(
        np.linalg.norm(backpropagated(perceptron, b)[1][f"{layer}.conv.weight"]) / 4
        for layer in LAYERS
        for b in range(4)
    )
    assert score("grad_norm", perceptron) == pytest.approx(expected, rel=1e-5)


def test_sigeo(perceptron):
    z, f = expected_zico(perceptron), expected_fisher_rao(perceptron)
    loss = expected_loss(perceptron)
    assert score("sigeo", perceptron) == pytest.approx(-z - f, rel=1e-4)
    value = combination(perceptron, Coefficients(zico=0.5, fisher_rao=2, loss=3))
    assert value == pytest.approx(-0.5 * z - 2 * f + 3 * loss, rel=1e-4)
    assert not PROXIES["sigeo"].higher_is_better


def test_naswot(perceptron):
    code = backpropagated(perceptron, 0)[2]
    distinct = np.unique(code, axis=0, return_index=True)[1][:5]
    code = code[distinct]
    distance = (code[:, None] != code[None]).sum(2)
    sign, expected = np.linalg.slogdet(code.shape[1] - distance.astype(float))
    assert (len(distinct), sign) == (5, 1)
    x, y = perceptron.batches.parts[0]
    some = Probe(
        perceptron.network,
        perceptron.module,
        Batches(((x[distinct], y[distinct]),), Classification(2)),
    )
    assert score("naswot", some) == pytest.approx(expected, abs=1e-6)
    twins = Probe(
        perceptron.network, perceptron.module, Batches(((x[[0, 0, 1]], y[:3]),), Classification(2))
    )
    assert score("naswot", twins) < -20


def test_synflow(perceptron):
    flow = np.ones(4)
    for layer in LAYERS:
        flow = np.abs(numbers(perceptron)[f"{layer}.conv.weight"]) @ flow
    assert score("synflow", perceptron) == pytest.approx(3 * flow.sum(), rel=1e-6)


def test_synflow_of_a_convolution_sees_no_norm():
    network = Network(
        "conv",
        Shape(2, 5),
        (
            Node("conv", Conv(3, 3, 1, (1, 1)), (INPUT,)),
            Node("pool", GlobalAvgPool(), ("conv",)),
            Node("classifier", Linear(2), ("pool",)),
        ),
    )
    module = build_module(network, generator(5, "weights"))
    with torch.no_grad():
        module.conv.norm.weight.fill_(-3)
        module.conv.norm.bias.fill_(7)
        module.conv.norm.running_mean.fill_(2)
    conv = np.abs(module.conv.conv.weight.detach().double().numpy())  # (3, 2, 3)
    head = np.abs(module.classifier.conv.weight.detach().double().numpy()[:, :, 0])
    taps = conv.sum(1)  # padding silences the outer tap at either end
    mean = (5 * taps.sum(1) - taps[:, 0] - taps[:, 2]) / 5
    assert PROXIES["synflow"].score(
        Probe(network, module, Batches((), Classification(2)))
    ) == pytest.approx(2 * (head @ mean).sum(), rel=1e-6)


def test_synflow_of_a_residual_is_that_of_the_reconstruction():
    network = Network("auto", Shape(2, 6), (Node("conv", Conv(2, 3, 1, (1, 1)), (INPUT,)),))
    scores = [
        PROXIES["synflow"].score(
            Probe(each, build_module(each, generator(5, "weights")), Batches((), Classification(2)))
        )
        for each in (network, residual_of(network))
    ]
    assert scores[0] > 0
    assert scores[1] == pytest.approx(scores[0])


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("training", [True, False])
def test_a_proxy_leaves_no_trace(branched, name, training):
    module = branched.module.train(training)
    before = {n: v.clone() for n, v in module.state_dict().items()}
    random_state = torch.get_rng_state()
    first = score(name, branched)
    assert math.isfinite(first)
    assert score(name, Probe(branched.network, module, branched.batches)) == first
    assert all(torch.equal(v, before[n]) for n, v in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert module.training == training
    assert torch.equal(torch.get_rng_state(), random_state)


def test_ranks_are_shared_by_equals_and_turned_for_costs():
    assert rank_mean({"params": [10, 30, 20]}) == [0, 1, 0.5]
    assert rank_mean({"params": [10, 30, 10]}) == [0.25, 1, 0.25]
    assert rank_mean({"loss": [0.1, 0.3, math.nan]}) == [1, 0.5, 0]
    assert rank_mean({"params": [10, 30, 20], "loss": [1, 2, 3]}) == [0.5, 0.75, 0.25]
    assert rank_mean({"params": [7]}) == [0]


def test_batches_are_disjoint_normalized_and_decided_by_the_seed():
    data = features((2, 16), count=96)
    batches = draw_batches(data.train, data, 1, size=16)
    again, other = draw_batches(data.train, data, 1, size=16), draw_batches(data.train, data, 2)
    x = torch.cat([x for x, _ in batches])
    assert len(torch.unique(x.flatten(1), dim=0)) == 64
    assert x.mean().abs() < 0.2
    assert 0.8 < x.std() < 1.2
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches, again, strict=True))
    assert not torch.equal(batches.parts[0][0], other.parts[0][0][:16])
    few = draw_batches(features((2, 16), count=6).train, data, 1)
    assert [len(y) for _, y in few] == [2, 2, 2, 2]
