"""The integer model in a file, without pickle: what ``prove`` compares shipped files with."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tinyml_nas.graph import Network
from tinyml_nas.graph.integer import (
    Detection,
    Float32,
    InputQuantization,
    IntLayer,
    IntNetwork,
    IntOp,
    Requantize,
    TensorScale,
    Values,
)
from tinyml_nas.train.checkpoint import load_checkpoint, restoring, save_checkpoint

OPS: dict[str, type] = {op.__name__: op for op in get_args(IntOp)}


def save_integer(path: Path, net: IntNetwork, windows: Float32) -> None:
    """Write ``net`` and the float windows (N, C, L) that it was proven on."""
    layers = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "inputs": layer.inputs,
            "op": {"type": type(layer.op).__name__, **dataclasses.asdict(layer.op)},
        }
        for layer in net.layers
    ]
    state = {
        "network": net.network.to_json(),
        "input": dataclasses.asdict(net.input),
        "scales": {name: [float(s.scale), s.zero_point] for name, s in net.scales.items()},
        "layers": layers,
        "class_names": net.class_names,
        "channel_names": net.channel_names,
        "answer": _answer_record(net.answer),
        "windows": windows,
    }
    save_checkpoint(path, state)


def load_integer(path: Path) -> tuple[IntNetwork, Float32]:
    """What :func:`save_integer` wrote; raises ``ToolError`` when it cannot be read."""
    state = load_checkpoint(path)
    with restoring(path):
        return _network(state), state["windows"]


def _network(state: dict[str, Any]) -> IntNetwork:
    return IntNetwork(
        network=Network.from_json(state["network"]),
        input=InputQuantization(**state["input"]),
        scales={
            name: TensorScale(np.float32(scale), zero_point)
            for name, (scale, zero_point) in state["scales"].items()
        },
        layers=tuple(
            IntLayer(layer["name"], layer["kind"], tuple(layer["inputs"]), _op(layer["op"]))
            for layer in state["layers"]
        ),
        class_names=tuple(state["class_names"]),
        channel_names=tuple(state["channel_names"]),
        answer=_answer(state.get("answer")),
    )


def _answer_record(answer: Values | Detection | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {"type": type(answer).__name__, **dataclasses.asdict(answer)}


def _answer(record: dict[str, Any] | None) -> Values | Detection | None:
    if record is None:
        return None
    if record["type"] == Detection.__name__:
        return Detection(record["limit"])
    return Values(tuple(record["names"]), record["scale"], record["offset"])


def _op(record: dict[str, Any]) -> IntOp:
    fields = {name: value for name, value in record.items() if name != "type"}
    if "pad" in fields:
        fields["pad"] = tuple(fields["pad"])
    if "requantize" in fields:
        fields["requantize"] = Requantize(**fields["requantize"])
    op: IntOp = OPS[record["type"]](**fields)
    return op
