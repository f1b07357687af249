"""The hash of an integer model: another model has another one, another name has not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyml_nas.graph import INPUT, Network, Node
from tinyml_nas.graph.integer import Detection, IntConv, IntLayer, IntNetwork, TensorScale
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.quantize.storage import load_integer, save_integer

pytestmark = pytest.mark.fast


def _first_conv(net: IntNetwork, **changes: object) -> IntNetwork:
    """``net`` with other fields of its first convolution."""
    first, *rest = net.layers
    assert isinstance(first.op, IntConv)
    return replace(net, layers=(replace(first, op=replace(first.op, **changes)), *rest))


def _flipped(net: IntNetwork) -> IntNetwork:
    op = net.layers[0].op
    assert isinstance(op, IntConv)
    weight = op.weight.copy()
    weight.flat[-1] ^= 1
    return _first_conv(net, weight=weight)


def _scaled(net: IntNetwork) -> IntNetwork:
    scale = net.scales[INPUT]
    other = TensorScale(np.nextafter(scale.scale, np.float32(1)), scale.zero_point)
    return replace(net, scales={**net.scales, INPUT: other})


def _rewired(net: IntNetwork) -> IntNetwork:
    layers = {layer.name: layer for layer in net.layers}
    layers["difference"] = replace(layers["difference"], inputs=("avg", "sum"))
    return replace(net, layers=tuple(layers.values()))


def test_another_model_has_another_hash(integer: IntNetwork) -> None:
    shifted = replace(integer.input, mean=integer.input.mean + np.float32(1))
    others = [
        _flipped(integer),
        _scaled(integer),
        _rewired(integer),
        _first_conv(integer, stride=2),
        replace(integer, input=shifted),
        replace(integer, class_names=integer.class_names[::-1]),
        replace(integer, answer=Detection(7)),
    ]
    hashes = {model_hash(net) for net in (integer, *others)}
    assert len(hashes) == len(others) + 1
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in hashes)


def _renamed(net: IntNetwork) -> IntNetwork:
    def other(name: str) -> str:
        return name if name == INPUT else f"my_{name}"

    nodes = tuple(
        Node(other(node.name), node.op, tuple(map(other, node.inputs)))
        for node in net.network.nodes
    )
    layers = tuple(
        IntLayer(other(layer.name), layer.kind, tuple(map(other, layer.inputs)), layer.op)
        for layer in net.layers
    )
    return replace(
        net,
        network=Network("another", net.network.input_shape, nodes),
        scales={other(name): scale for name, scale in reversed(net.scales.items())},
        layers=layers,
        channel_names=("r", "s", "t"),
    )


def test_names_and_files_change_nothing(
    integer: IntNetwork, windows: np.ndarray, tmp_path: Path
) -> None:
    save_integer(tmp_path / "integer.npz", integer, windows)
    restored, _ = load_integer(tmp_path / "integer.npz")
    same = [restored, _renamed(integer), _first_conv(integer, acc_bound=1)]
    assert {model_hash(net) for net in same} == {model_hash(integer)}
