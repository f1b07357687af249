"""ONNX files with wrong numbers, shapes, types, links and bytes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from case import Case, Kind
from model_specs import CONFIG, write_recordings
from onnx import TensorProto, helper, numpy_helper

CHANNELS, LENGTH = 2, 16
MOVING = ("first", "second", "pool")
"""Nodes with a kernel that moves; the first two have weights."""


def network(rng: random.Random) -> onnx.ModelProto:
    """A good network of two convolutions, of random widths and kernels."""
    first, second, kernel = rng.choice([4, 8]), rng.choice([4, 8]), rng.choice([1, 3])
    shapes = {
        "first.weight": (first, CHANNELS, kernel),
        "first.bias": (first,),
        "second.weight": (second, first, kernel),
        "second.bias": (second,),
        "head.weight": (2, second),
        "head.bias": (2,),
    }
    generator = np.random.default_rng(rng.getrandbits(32))
    weights = [
        numpy_helper.from_array(generator.normal(size=shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    moves = {"kernel_shape": [kernel], "pads": [1, 1], "strides": [1], "dilations": [1]}
    pools = {"kernel_shape": [2], "pads": [0, 0], "strides": [2]}
    nodes = [
        _node("Conv", "first", ["x", "first.weight", "first.bias"], "a", **moves, group=1),
        _node("Relu", "relu", ["a"], "b"),
        _node("MaxPool", "pool", ["b"], "c", **pools),
        _node("Conv", "second", ["c", "second.weight", "second.bias"], "d", **moves, group=1),
        _node("GlobalAveragePool", "mean", ["d"], "e"),
        _node("Flatten", "flat", ["e"], "f", axis=1),
        _node("Gemm", "head", ["f", "head.weight", "head.bias"], "y", transB=1),
    ]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", CHANNELS, LENGTH])
    leaving = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
    graph = helper.make_graph(nodes, "net", [entry], [leaving], weights)
    opset = helper.make_opsetid("", rng.choice([11, 13, 17]))
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def _node(kind: str, name: str, inputs: list[str], output: str, **values: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], name, **values)


def _named(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def _weights(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def _changed(model: onnx.ModelProto, name: str, key: str, value: Any) -> None:
    node = _named(model, name)
    kept = [attribute for attribute in node.attribute if attribute.name != key]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(key, value)])


def _inserted(model: onnx.ModelProto, node: onnx.NodeProto, **constants: Any) -> None:
    """Put ``node``, which reads ``b`` or nothing and makes ``new``, before the pool."""
    for name, array in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    if "b" in node.input:
        _named(model, "pool").input[0] = node.output[0]
    index = [other.name for other in model.graph.node].index("pool")
    model.graph.node.insert(index, node)


def _case(
    rng: random.Random, folder: Path, model: onnx.ModelProto | bytes, *names: str,
    code: int = 2,
) -> Case:  # fmt: skip
    """A run of ``model``, or a check, that must end naming its file."""
    file = f"net_{rng.randint(0, 10**9)}.onnx"
    content = model if isinstance(model, bytes) else model.SerializeToString()
    (folder / file).write_bytes(content)
    config = folder / "config.yaml"
    own = f"model_path: {file}, enable: false"
    text = CONFIG.format(spec="").replace("model_spec: ", own)
    config.write_text(text, encoding="utf-8")
    if rng.random() < 0.7:
        return Case(("check", str(config)), code, (file, *names))
    write_recordings(folder, rng)
    return Case(("run", str(config), "--output", str(folder / "runs")), code, (file, *names))


def attributes(rng: random.Random, folder: Path) -> Case:
    """Strides of 0, pads of 2^40, and their kind: wrong whatever the window."""
    model, name = network(rng), rng.choice(MOVING)
    key = rng.choice(["strides", "dilations", "pads", "kernel_shape"])
    count = 2 if key == "pads" else 1
    low = -1 if key == "pads" else 0
    bad = [low, -rng.randint(2, 99), 2 ** rng.randint(21, 62), -(2 ** rng.randint(21, 62))]
    values = [1] * count
    values[rng.randrange(count)] = rng.choice(bad)
    if key != "kernel_shape" and rng.random() < 0.3:
        values = [1] * (count + rng.randint(1, 5))
    _changed(model, name, key, values)
    kind = _named(model, name).op_type
    return _case(rng, folder, model, f"{kind} {name}", f"{key} ")


def groups(rng: random.Random, folder: Path) -> Case:
    """Groups that do not divide the channels."""
    model, name = network(rng), rng.choice(MOVING[:2])
    group = rng.choice([0, 3, 5, 7, -rng.randint(1, 99), 2 ** rng.randint(4, 62), 9])
    _changed(model, name, "group", group)
    return _case(rng, folder, model, f"Conv {name}", f"into {group} groups")


def types(rng: random.Random, folder: Path) -> Case:
    """Attributes of another type: ONNX itself tells."""
    model, name = network(rng), rng.choice(MOVING)
    key = rng.choice(["strides", "dilations", "pads", "kernel_shape"])
    value = rng.choice(["text", rng.random(), [rng.random()], ["a", "b"], b"\xff\xfe"])
    _changed(model, name, key, value)
    return _case(rng, folder, model, name, key, code=6)


def weights(rng: random.Random, folder: Path) -> Case:
    """Weights that are text, or of another shape."""
    model, name = network(rng), rng.choice(MOVING[:2])
    tensor, bias = _weights(model, f"{name}.weight"), _weights(model, f"{name}.bias")
    out, into, kernel = tensor.dims
    wrong = rng.randint(9, 40)
    changes: list[tuple[onnx.TensorProto, np.ndarray, str]] = [
        (tensor, np.full((out, into, kernel), "a" * wrong, object), "not numbers"),
        (tensor, np.zeros((out, into * kernel), np.float32), "its weights have the shape"),
        (tensor, np.zeros((out, wrong, kernel), np.float32), f"its weights take {wrong} channels"),
        (tensor, np.zeros((0, into, kernel), np.float32), "its weights have the shape"),
        (tensor, np.zeros((out, into, wrong), np.float32), "its kernel_shape is"),
        (bias, np.zeros(wrong, np.float32), f"its bias has the shape [{wrong}]"),
        (bias, np.zeros((1, out), np.float32), "its bias has the shape"),
        (bias, np.full(out, "b" * wrong, object), "not numbers"),
    ]
    target, array, words = rng.choice(changes)
    target.CopyFrom(numpy_helper.from_array(array, target.name))
    return _case(rng, folder, model, f"Conv {name}", words)


def head(rng: random.Random, folder: Path) -> Case:
    """A linear layer whose weights or bias do not fit."""
    model, wrong = network(rng), rng.randint(9, 99)
    name, shape = rng.choice(
        [
            ("head.weight", (2, wrong)),
            ("head.weight", (wrong,)),
            ("head.weight", (2, 1, wrong)),
            ("head.bias", (wrong,)),
            ("head.bias", (wrong, 2)),
        ]
    )
    tensor = _weights(model, name)
    tensor.CopyFrom(numpy_helper.from_array(np.ones(shape, np.float32), name))
    return _case(rng, folder, model, "Gemm head")


def tensors(rng: random.Random, folder: Path) -> Case:
    """Stored tensors whose dimensions and bytes do not agree, or of types that are none."""
    model = network(rng)
    tensor = rng.choice(model.graph.initializer)
    if rng.random() < 0.5:
        axis = rng.randrange(len(tensor.dims))
        tensor.dims[axis] = rng.choice(
            [-1, -(2**40), tensor.dims[axis] + 1, 2 ** rng.randint(20, 60)]
        )
        return _case(rng, folder, model, tensor.name, code=6)
    tensor.data_type = rng.choice([9, 10, 16, rng.randint(40, 2**31 - 1)])
    return _case(rng, folder, model, tensor.name)


def entries(rng: random.Random, folder: Path) -> Case:
    """Inputs of other sizes and types, more than one, or none."""
    model = network(rng)
    entry = model.graph.input[0]
    tensor = entry.type.tensor_type
    choice = rng.randrange(4)
    if choice == 0:
        wrong = rng.choice([-1, 0, -(2**40), 2**62, rng.randint(17, 999)])
        tensor.shape.dim[2].dim_value = wrong
        return _case(rng, folder, model, f"reads windows of 2 x {wrong}")
    if choice == 1:
        tensor.elem_type = rng.choice([0, 2, 6, 7, 8, 10, 11, rng.randint(40, 2**31 - 1)])
        return _case(rng, folder, model, "what reads float32")
    if choice == 2:
        more = f"more_{rng.randint(0, 999)}"
        model.graph.input.append(helper.make_tensor_value_info(more, 1, ["N", 2]))
        return _case(rng, folder, model, f"has 2 inputs: x, {more}")
    more = rng.choice("abcdef")
    model.graph.output.append(helper.make_tensor_value_info(more, 1, ["N", 2]))
    return _case(rng, folder, model, f"has 2 outputs: y, {more}")


def links(rng: random.Random, folder: Path) -> Case:
    """Circles, names that are made twice, and values that nobody makes."""
    model = network(rng)
    nodes = list(model.graph.node)
    early = rng.randrange(len(nodes) - 1)
    later = rng.randrange(early + 1, len(nodes))
    name, value = rng.choice(
        [
            ("input", nodes[later].output[0]),
            ("input", f"nobody_{rng.randint(0, 999)}"),
            ("output", nodes[later].output[0]),
            ("weights", rng.choice(model.graph.initializer).name),
            ("leaving", f"nobody_{rng.randint(0, 999)}"),
        ]
    )
    if name == "input":
        nodes[early].input[0] = value
    elif name == "output":
        nodes[early].output[0] = value
    elif name == "weights":
        model.graph.initializer.append(_weights(model, value))
    else:
        model.graph.output[0].name = value
    return _case(rng, folder, model, value, code=6)


def empty(rng: random.Random, folder: Path) -> Case:
    """A graph without nodes or output, or whose output is no layer's."""
    model = network(rng)
    if rng.random() < 0.5:
        del model.graph.node[:]
        return _case(rng, folder, model, "there is no graph in it", code=6)
    name = rng.choice(["x", "first.bias", "head.weight"])
    shapes = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    if name in shapes:
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name])
    else:
        output = model.graph.input[0]
    model.graph.output[0].CopyFrom(output)
    return _case(rng, folder, model, "there is no layer between", name)


def bytes_(rng: random.Random, folder: Path) -> Case:
    """A file that is cut, or something else altogether."""
    content = network(rng).SerializeToString()
    if rng.random() < 0.6:
        content = content[: rng.randrange(len(content) - 40)]
    else:
        content = rng.choice([b"PK\x03\x04", b"\x89HDF", b"{", b"\x80\x04", b""]) + rng.randbytes(
            99
        )
    return _case(rng, folder, content, "onnx.export", code=6)


def external(rng: random.Random, folder: Path) -> Case:
    """Weights in a file that is missing, short, outside the folder, or no file."""
    model = network(rng)
    tensor = rng.choice([t for t in model.graph.initializer if "weight" in t.name])
    size = len(tensor.raw_data)
    file = f"part_{rng.randint(0, 999)}.bin"
    (folder / file).write_bytes(tensor.raw_data)
    (folder / "folder").mkdir()
    place, words = rng.choice(
        [
            ({"location": f"../{file}"}, "outside the folder"),
            ({"location": f"folder/../../{file}"}, "outside the folder"),
            ({"location": f"{folder.parent}/{file}"}, "outside the folder"),
            ({"location": f"no_{file}"}, "is not there"),
            ({"location": "folder"}, "is not there"),
            ({"location": ""}, "is not there"),
            ({}, "is not there"),
            ({"location": "a" * rng.randint(300, 5000)}, "cannot be a file"),
            ({"location": f"{file}\0"}, "cannot be a file"),
            ({"location": file, "offset": "x"}, "no whole numbers"),
            ({"location": file, "length": f"{rng.random()}"}, "no whole numbers"),
            ({"location": file, "length": f"{size + rng.randint(1, 10**30)}"}, "is too short"),
            (
                {"location": file, "offset": f"{rng.randint(1, 10**30)}", "length": f"{size}"},
                "short",
            ),
            ({"location": file, "offset": f"-{rng.randint(1, size)}", "length": "1"}, "short"),
            ({"location": file, "length": f"{size - 4}"}, "is no valid ONNX model"),
        ]
    )
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)
    return _case(rng, folder, model, tensor.name, words, code=6)


def huge(rng: random.Random, folder: Path) -> Case:
    """Nodes that would fill the memory."""
    model, much = network(rng), 2 ** rng.randint(28, 45)
    steps = np.array([1, 1, float(much)], np.float32)
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    options: list[tuple[onnx.NodeProto, dict[str, Any]]] = [
        (_node("Expand", "grow", ["b", "to"], "new"), {"to": [much, 1, LENGTH]}),
        (_node("ConstantOfShape", "grow", ["to"], "new"), {"to": [much]}),
        (_node("Range", "grow", ["i", "j", "k"], "new"), {"i": 0, "j": much, "k": 1}),
        (_node("Tile", "grow", ["one", "to"], "new"), {"one": [1], "to": [much]}),
        (_node("Pad", "grow", ["one", "to"], "new"), {"one": [1], "to": [0, much]}),
        (
            _node("Resize", "grow", ["b", "", "to"], "new", nearest_mode="floor", **nearest),
            {"to": steps},
        ),
    ]
    node, constants = rng.choice(options)
    _inserted(model, node, **constants)
    return _case(rng, folder, model, f"{node.op_type} grow")


def odd_nodes(rng: random.Random, folder: Path) -> Case:
    """Axes, indices and shapes that the signal does not have."""
    model, wrong = network(rng), rng.randint(40, 999)
    half = np.full(rng.choice([1, 3, 7]), 0.5, np.float32)
    options: list[tuple[onnx.NodeProto, dict[str, Any]]] = [
        (_node("Transpose", "odd", ["b"], "new", perm=[0, wrong, 1]), {}),
        (_node("Gather", "odd", ["b", "at"], "new", axis=2), {"at": [wrong]}),
        (_node("Gather", "odd", ["b", "at"], "new", axis=wrong), {"at": [0]}),
        (_node("Reshape", "odd", ["b", "to"], "new"), {"to": [1, wrong, 7]}),
        (_node("Expand", "odd", ["b", "to"], "new"), {"to": [1, 1, -wrong]}),
        (_node("Concat", "odd", ["b", "b"], "new", axis=wrong), {}),
        (_node("Concat", "odd", ["b", "part"], "new", axis=1), {"part": half}),
        (_node("Pad", "odd", ["b", "to"], "new"), {"to": [0, 0, wrong]}),
        (_node("Pad", "odd", ["b", "to"], "new"), {"to": [0, wrong, 0, 0, 0, 0]}),
        (_node("Clip", "odd", ["b", "low"], "new"), {"low": np.zeros(0, np.float32)}),
        (_node("Clip", "odd", ["b", "low"], "new"), {"low": np.float32(wrong)}),
        (_node("Div", "odd", ["b", "by"], "new"), {"by": np.zeros(1, np.float32)}),
        (_node("Add", "odd", ["b", "by"], "new"), {"by": np.full(wrong, 1, np.float32)}),
        (_node("Mul", "odd", ["b", "by"], "new"), {"by": np.full(1, "x" * wrong, object)}),
        (_node("Squeeze", "odd", ["b", "at"], "new"), {"at": [wrong]}),
        (
            _node("BatchNormalization", "odd", ["b", *["part"] * 4], "new"),
            {"part": np.ones(wrong, np.float32)},
        ),
        (
            _node("Resize", "odd", ["b", "", "to"], "new", mode="linear"),
            {"to": np.array([1, 1, rng.choice([np.nan, np.inf, -1, 0])], np.float32)},
        ),
        (
            _node("ConvTranspose", "odd", ["b", "w"], "new", strides=[rng.choice([0, -wrong])]),
            {"w": np.ones((4, 4, 2), np.float32)},
        ),
    ]
    node, constants = rng.choice(options)
    _inserted(model, node, **constants)
    return _case(rng, folder, model, f"{node.op_type} odd")


def unsupported(rng: random.Random, folder: Path) -> Case:
    """Operations that do not run here, that draw at random, or that never end."""
    model, kind = (
        network(rng),
        rng.choice(["Tanh", "Gelu", "Sigmoid", "Erf", "LeakyRelu", "Loop", "x"]),
    )
    name = f"node_{rng.randint(0, 999)}"
    if kind == "Loop":
        helper_graph = helper.make_graph(
            [_node("Identity", "a", ["go"], "on"), _node("Identity", "b", ["was"], "is")],
            "body",
            [
                helper.make_tensor_value_info("i", TensorProto.INT64, []),
                helper.make_tensor_value_info("go", TensorProto.BOOL, []),
                helper.make_tensor_value_info("was", TensorProto.FLOAT, []),
            ],
            [
                helper.make_tensor_value_info("on", TensorProto.BOOL, []),
                helper.make_tensor_value_info("is", TensorProto.FLOAT, []),
            ],
        )
        constants = {"times": np.array(2**40), "go": np.array(True), "start": np.float32(1)}
        node = _node("Loop", name, [*constants], "new", body=helper_graph)
        _inserted(model, node, **constants)
    elif kind == "x":
        kind = rng.choice(["RandomNormal", "RandomUniform"])
        _inserted(model, _node(kind, name, [], "new", shape=[1, 4, 1]))
    else:
        model.opset_import[0].version = 20
        _inserted(model, _node(kind, name, ["b"], "new"))
    return _case(rng, folder, model, f"{kind} {name}", "is not supported")


def many(rng: random.Random, folder: Path) -> Case:
    """More nodes than any network for a microcontroller has."""
    model, count = network(rng), rng.randint(4994, 7000)
    chain = [f"r{index}" for index in range(count)]
    kind = rng.choice(["Relu", "Identity", "Neg"])
    ends = zip(["b", *chain], chain, strict=False)
    nodes = [_node(kind, f"n{at}", [before], after) for at, (before, after) in enumerate(ends)]
    _named(model, "pool").input[0] = chain[-1]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*rest[:2], *nodes, *rest[2:]])
    words = f"{len(model.graph.node):,} nodes"
    return _case(rng, folder, model, words, code=6)


def names(rng: random.Random, folder: Path) -> Case:
    """Names of nodes that are long, or no text, in an error that tells them."""
    model, node = network(rng), rng.choice(MOVING)
    name = rng.choice(
        [f"a\x1b[31m{rng.random()}", "b" * rng.randint(200, 90_000), "\n\n", "\u202e"]
    )
    _changed(model, node, "strides", [0])
    kind = _named(model, node).op_type
    _named(model, node).name = name
    return _case(rng, folder, model, f"{kind} ", "its strides are [0]")


KINDS: dict[str, Kind] = {
    "onnx_attributes": attributes,
    "onnx_groups": groups,
    "onnx_types": types,
    "onnx_weights": weights,
    "onnx_head": head,
    "onnx_tensors": tensors,
    "onnx_entries": entries,
    "onnx_links": links,
    "onnx_empty": empty,
    "onnx_bytes": bytes_,
    "onnx_external": external,
    "onnx_huge": huge,
    "onnx_odd_nodes": odd_nodes,
    "onnx_unsupported": unsupported,
    "onnx_many": many,
    "onnx_names": names,
}
