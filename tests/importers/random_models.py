"""Random ONNX networks for windows of 3 x 40: many are right, some have one fault."""

from __future__ import annotations

import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS, LENGTH = 3, 40
FAULTS = (
    *("unsupported", "foreign domain", "other channels", "other length", "two inputs", "no input"),
    *("two outputs", "integers", "old opset", "no weights", "wrong weights", "long kernel"),
    *(
        "groups",
        "stride of 0",
        "NaN",
        "outputs",
        "by time",
        "softmax inside",
        "constant first",
        "reordered",
    ),
)
"""What a network may be refused for."""
UNSUPPORTED = ("Tanh", "Sigmoid", "Exp", "Softplus", "Abs", "LeakyRelu")


class Maker:
    """A graph that grows node by node; ``fault`` is the one thing that is wrong with it, if any."""

    def __init__(self, rng: random.Random, fault: str | None) -> None:
        self.rng, self.fault = rng, fault
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.value, self.channels, self.length = "x", CHANNELS, LENGTH
        self.numbers = np.random.default_rng(rng.getrandbits(32))

    def node(self, kind: str, *more: str, domain: str = "", **attributes: object) -> None:
        """Append an operation on the value at hand."""
        name = f"v{len(self.nodes)}"
        inputs = [self.value, *more]
        if self.fault == "constant first" and kind == "Sub":
            inputs.reverse()
        node = helper.make_node(kind, inputs, [name], f"n{len(self.nodes)}", **attributes)
        node.domain = domain
        self.nodes.append(node)
        self.value = name

    def constant(self, *shape: int) -> str:
        """The name of random weights of ``shape``."""
        name = f"w{len(self.weights)}"
        array = self.numbers.normal(size=shape).astype(np.float32) / 2
        if self.fault == "NaN" and self.rng.random() < 0.5:
            array.flat[0] = np.nan
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def conv(self) -> None:
        """A convolution, depthwise or not, dilated or not; padded on both sides, or causal."""
        depthwise = self.rng.random() < 0.3
        out = self.channels if depthwise else self.rng.choice([4, 6, 8])
        kernel, stride = self.rng.choice([1, 3, 5]), self.rng.choice([1, 1, 2])
        into = 1 if depthwise else self.channels
        if self.fault == "wrong weights":
            into += 7
        if self.fault == "long kernel":
            kernel = 2 * LENGTH
        dilation = self.rng.choice([1, 1, 2, 4])
        pad = 0 if self.fault == "long kernel" else kernel // 2 * dilation
        form = self.rng.choice(["both", "both", "pad", "chomp"]) if pad else "both"
        if form == "pad":
            self.node("Pad", self.whole([0, 0, 2 * pad, 0, 0, 0]))
        pads = {"both": [pad, pad], "pad": [0, 0], "chomp": [2 * pad, 2 * pad]}[form]
        stride = 1 if form == "chomp" else stride
        weights = [self.constant(out, into, kernel), self.constant(out)]
        group = 5 if self.fault == "groups" else self.channels if depthwise else 1
        step = 0 if self.fault == "stride of 0" else stride
        if self.fault == "no weights":
            weights[0] = "nobody"
        shape = {"pads": pads, "strides": [step], "dilations": [dilation]}
        self.node("Conv", *weights, group=group, **shape)
        if form == "chomp":
            self.node("Slice", *(self.whole([n]) for n in (0, -2 * pad, 2)))
        self.channels, self.length = out, (self.length - 1) // stride + 1

    def pool(self) -> None:
        """A pool that halves the length."""
        self.node(self.rng.choice(["MaxPool", "AveragePool"]), kernel_shape=[2], strides=[2])
        self.length //= 2

    def pointwise(self) -> None:
        """An operation on each value."""
        kind = self.rng.choice(["Relu", "Mul", "Sub", "BatchNormalization"])
        if self.fault == "constant first":
            kind = "Sub"
        if kind == "BatchNormalization":
            scale, bias, mean = (self.constant(self.channels) for _ in range(3))
            variance = f"w{len(self.weights)}"
            ones = np.ones(self.channels, np.float32)
            self.weights.append(numpy_helper.from_array(ones, variance))
            self.node(kind, scale, bias, mean, variance)
        elif kind == "Relu":
            self.node(kind)
        else:
            self.node(kind, self.constant(1, self.channels, 1))

    def head(self, outputs: int, rebuilds: bool) -> None:
        """What the task asks for: as many outputs, or a signal like the input."""
        if self.fault == "outputs":
            outputs += self.rng.randint(1, 4)
        if rebuilds and self.fault != "outputs":
            weights = self.constant(CHANNELS, self.channels, 1)
            self.node("Conv", weights)
            size = self.whole([1, CHANNELS, LENGTH])
            self.node("Resize", "", "", size, mode="nearest")
        elif self.fault == "by time":
            self.node("Conv", self.constant(outputs, self.channels, 1))
        else:
            self.node("GlobalAveragePool")
            self.node("Flatten", axis=1)
            self.node("Gemm", self.constant(outputs, self.channels), transB=1)
        if self.fault == "reordered":
            self.node("Slice", *(self.whole([n]) for n in (0, 1, 1)))

    def whole(self, values: list[int]) -> str:
        """The name of a list of whole numbers."""
        name = f"n{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def model(self) -> onnx.ModelProto:
        """The graph as a model."""
        channels = CHANNELS + 2 if self.fault == "other channels" else CHANNELS
        length: int | str = self.rng.choice([LENGTH, "L"])
        length = LENGTH + 3 if self.fault == "other length" else length
        kind = TensorProto.INT64 if self.fault == "integers" else TensorProto.FLOAT
        entries = [helper.make_tensor_value_info("x", kind, ["N", channels, length])]
        if self.fault == "two inputs":
            entries.append(helper.make_tensor_value_info("more", kind, ["N", 2]))
        if self.fault == "no input":
            entries = []
            self.weights.append(numpy_helper.from_array(np.ones((1, 3, 40), np.float32), "x"))
        names = [self.value, self.nodes[0].output[0]][: 1 + (self.fault == "two outputs")]
        leaving = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", "K"]) for n in names]
        graph = helper.make_graph(self.nodes, "net", entries, leaving, self.weights)
        version = 8 if self.fault == "old opset" else self.rng.choice([13, 15, 17])
        opsets = [helper.make_opsetid("", version), helper.make_opsetid("of.mine", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def random_model(
    rng: random.Random, outputs: int, fault: str | None, *, rebuilds: bool
) -> onnx.ModelProto:
    """A network with so many outputs, or one that rebuilds its input, and with ``fault``."""
    maker = Maker(rng, fault)
    maker.conv()
    for _ in range(rng.randint(0, 3)):
        rng.choice([maker.conv, maker.pool, maker.pointwise])()
    if fault == "constant first":
        maker.pointwise()
    if fault == "unsupported":
        maker.node(rng.choice(UNSUPPORTED))
    if fault == "foreign domain":
        maker.node("Relu", domain="of.mine")
    if fault == "softmax inside":
        maker.node("Softmax", axis=1)
    maker.head(outputs, rebuilds)
    if rng.random() < 0.2 and not rebuilds:
        maker.node("Softmax", axis=1)
    return maker.model()
