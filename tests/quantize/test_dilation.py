"""A dilated layer computes what the layer computes that has zeros between its taps."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnxruntime
import pytest
import torch

from tinyml_nas.export.onnx import float_model, integer_model
from tinyml_nas.export.onnx.builder import SAMPLES
from tinyml_nas.features import Normalization
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
from tinyml_nas.graph.integer import IntConv, IntNetwork
from tinyml_nas.graph.ops import causal_padding, same_padding, span_of
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import QuantizedModule, folded_parameters
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator

pytestmark = pytest.mark.fast

NORMALIZATION = Normalization(np.zeros(3, np.float32), np.ones(3, np.float32))


def _network(seed: int) -> Network:
    rng = np.random.default_rng(seed)
    nodes: list[Node] = []
    for i in range(4):
        kernel, dilation = int(rng.integers(1, 6)), int(rng.choice([2, 3, 8, 40]))
        pad = (same_padding, causal_padding)[i % 2](kernel, dilation)
        stride = int(rng.integers(1, 3))
        op = (
            DepthwiseConv(kernel, stride, pad, dilation=dilation)
            if i == 2
            else Conv(int(rng.integers(2, 9)), kernel, stride, pad, dilation=dilation)
        )
        nodes.append(Node(f"layer{i}", op, (nodes[-1].name if nodes else INPUT,)))
    head = Node("pool", GlobalAvgPool(), (nodes[-1].name,)), Node("fc", Linear(3), ("pool",))
    return Network("dilated", Shape(3, 50), (*nodes, *head))


def _with_zeros(net: IntNetwork) -> IntNetwork:
    """``net`` with every dilation written out."""
    layers = []
    for layer in net.layers:
        op = layer.op
        if isinstance(op, IntConv) and op.dilation > 1:
            out, kernel, into = op.weight.shape
            wide = np.zeros((out, span_of(kernel, op.dilation), into), np.int8)
            wide[:, :: op.dilation] = op.weight
            op = dataclasses.replace(op, weight=wide, dilation=1)
        layers.append(dataclasses.replace(layer, op=op))
    return dataclasses.replace(net, layers=tuple(layers))


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("seed", range(4))
def test_every_carrier_in_python_equals_zeros_between_the_taps(seed: int, bits: int) -> None:
    network = _network(seed)
    network = network.with_weight_bits({"layer0": bits, "layer3": bits})
    module = build_module(network, generator(seed, "weights"))
    x = torch.randn(24, 3, 50, generator=generator(seed, "noise"))
    module.train()(x)
    folded = fold_batch_norm(module.eval())
    scales, parameters = calibrate(folded, x, "min_max"), folded_parameters(folded)
    net = lower(network, parameters, scales, NORMALIZATION, tuple("abc"), tuple("xyz"))
    q = quantize_input(net, x.numpy())
    expected = run_reference(_with_zeros(net), q)
    assert len(np.unique(expected["layer3"])) > 8

    found = run_reference(net, q)
    with torch.no_grad():
        fake = QuantizedModule(folded, scales).tensors(
            torch.from_numpy(q.astype(np.float32) - net.input.zero_point)
        )
        logits = folded(x)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor)
        np.testing.assert_array_equal(fake[name].numpy() + net.scales[name].zero_point, tensor)
    (scores,) = _run(integer_model(net).SerializeToString(), x)
    np.testing.assert_array_equal(scores, expected["fc"][:, :, 0])
    (floats,) = _run(float_model(folded.network, parameters, NORMALIZATION).SerializeToString(), x)
    np.testing.assert_allclose(floats, logits, rtol=1e-3, atol=1e-4)


def _run(model: bytes, x: torch.Tensor) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs: list[np.ndarray] = session.run(None, {SAMPLES: x.numpy()})
    return outputs
