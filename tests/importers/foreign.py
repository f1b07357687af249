"""Networks as users write them in PyTorch, and their ONNX files as its two exporters write them."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from tinyml_nas.importers.model_file import checked

CHANNELS, LENGTH, CLASSES = 3, 40, 4
DATA = Path(__file__).parent / "data"


class Residual(nn.Module):
    """Batch norms, a residual sum, a depthwise layer, a join, a mean over time and a Softmax."""

    def __init__(self, channels: int = CHANNELS, classes: int = CLASSES) -> None:
        super().__init__()
        self.entry = nn.BatchNorm1d(channels)
        self.stem = nn.Conv1d(channels, 8, 5, stride=2, padding=2)
        self.norm = nn.BatchNorm1d(8)
        self.same = nn.Conv1d(8, 8, 3, padding=1, bias=False)
        self.same_norm = nn.BatchNorm1d(8)
        self.depthwise = nn.Conv1d(8, 8, 3, padding=1, groups=8)
        self.pointwise = nn.Conv1d(8, 12, 1)
        self.head = nn.Linear(8 + 12, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(self.entry(x))))
        y = torch.relu(self.same_norm(self.same(x)) + x)
        z = torch.relu(self.pointwise(self.depthwise(y)))
        joined = F.max_pool1d(torch.cat([y, z], 1), 2)
        return torch.softmax(self.head(joined.mean(-1)), 1)


class Image(nn.Module):
    """The series as an image of one column, ReLU6, and a view by computed sizes."""

    def __init__(self, channels: int = CHANNELS, classes: int = CLASSES) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, (5, 1), padding=(2, 0))
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.AdaptiveAvgPool2d((4, 1))
        self.second = nn.Conv2d(8, 8, (3, 1))
        self.head = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.norm(self.conv(x))))
        x = F.relu6(3 * self.second(x))
        return self.head(x.view(x.size(0), -1))


class TimeFirst(nn.Module):
    """Time before channels, causal padding, a dilation, groups, a pool rounded up, a last step."""

    def __init__(self, channels: int = CHANNELS, classes: int = CLASSES) -> None:
        super().__init__()
        self.dense = nn.Linear(channels, 6)
        self.causal = nn.Conv1d(6, 8, 4, dilation=3)
        self.grouped = nn.Conv1d(8, 8, 3, groups=2, padding="same")
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:  # (N, L, C)
        x = torch.relu(self.dense(x)).transpose(1, 2)
        x = F.max_pool1d(self.causal(F.pad(x, (9, 0))), 3, 2, ceil_mode=True)
        return self.head(self.norm(self.grouped(torch.relu(x)))[:, :, -1])


class Chomp1d(nn.Module):
    """Cut the steps off the end that the padding on both sides has made too many."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : -self.steps].contiguous()


class TcnBlock(nn.Module):
    """Two causal convolutions beside a shortcut, as Bai et al. (2018) wrote it (locuslab/TCN)."""

    def __init__(self, channels: int, out: int, dilation: int, kernel: int = 3) -> None:
        super().__init__()
        steps = (kernel - 1) * dilation
        parts: list[nn.Module] = []
        for into in (channels, out):
            conv = nn.Conv1d(into, out, kernel, padding=steps, dilation=dilation)
            parts += [weight_norm(conv), Chomp1d(steps), nn.ReLU(), nn.Dropout(0.2)]
        self.net = nn.Sequential(*parts)
        self.downsample = nn.Conv1d(channels, out, 1) if channels != out else None

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.net(x) + beside)


class Tcn(nn.Module):
    """Blocks whose dilations double, weight norms, and a head that reads the last step."""

    def __init__(self, channels: int = CHANNELS, classes: int = CLASSES) -> None:
        super().__init__()
        self.tcn = nn.Sequential(
            TcnBlock(channels, 6, 1), TcnBlock(6, 6, 2), TcnBlock(6, 8, 4), TcnBlock(8, 8, 8)
        )
        self.linear = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.tcn(x)[:, :, -1])


SHAPES: dict[type[nn.Module], tuple[int, ...]] = {
    Residual: (1, CHANNELS, LENGTH),
    Image: (1, CHANNELS, LENGTH, 1),
    TimeFirst: (1, LENGTH, CHANNELS),
    Tcn: (1, CHANNELS, LENGTH),
}


def made(kind: type[nn.Module]) -> nn.Module:
    """A module with random weights and batch norms that have seen something."""
    torch.manual_seed(0)
    module = kind()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias)
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2)
    return module.eval()


def exported(
    module: nn.Module, shape: tuple[int, ...], opset: int = 17, keep_norms: bool = False
) -> onnx.ModelProto:
    """``module`` as the exporter of TorchScript writes it, with a dynamic batch."""
    buffer = io.BytesIO()
    mode = torch.onnx.TrainingMode.PRESERVE if keep_norms else torch.onnx.TrainingMode.EVAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(shape),),
            buffer,
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            dynamic_axes={"x": {0: "N"}},
            training=mode,
            do_constant_folding=not keep_norms,
        )
    return checked(onnx.load_from_string(buffer.getvalue()), "model.onnx")


def windows(count: int = 24) -> np.ndarray:
    """Windows (N, C, L) whose channels differ in offset and spread."""
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 5.0, 0.5]).reshape(1, -1, 1)
    return (rng.normal(size=(count, CHANNELS, LENGTH)) * spread + 1).astype(np.float32)


def write_dynamo_files() -> None:
    """Write the files of ``data``; needs the package onnxscript, which nothing else here does."""
    for kind, opset in ((Residual, 18), (Image, 20), (TimeFirst, 18), (Tcn, 18)):
        program = torch.onnx.export(
            made(kind), (torch.zeros(SHAPES[kind]),), dynamo=True, opset_version=opset
        )
        assert program is not None
        model = program.model_proto
        graph = model.graph
        for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
            del part.metadata_props[:]  # where on this machine its lines stand
        onnx.save(model, DATA / f"{kind.__name__}_dynamo{opset}.onnx")


def write_keras_files() -> None:
    """Write the files of ``data/keras``; needs tensorflow and tf2onnx, which nothing else does."""
    import keras
    import tensorflow as tf
    import tf2onnx
    from keras import layers

    def causal(x: keras.KerasTensor) -> keras.KerasTensor:
        for dilation in (1, 2, 4):
            y = layers.Conv1D(6, 3, padding="causal", dilation_rate=dilation)(x)
            y = layers.ReLU()(layers.BatchNormalization()(y))
            y = layers.Conv1D(6, 3, padding="causal", dilation_rate=dilation)(y)
            shortcut = x if x.shape[-1] == 6 else layers.Conv1D(6, 1)(x)
            x = layers.ReLU()(layers.Add()([shortcut, y]))
        return layers.Dense(CLASSES)(x[:, -1, :])

    def same(x: keras.KerasTensor) -> keras.KerasTensor:
        for dilation in (2, 4):
            x = layers.Conv1D(6, 3, padding="same", dilation_rate=dilation, activation="relu")(x)
        return layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(x))

    keras.utils.set_random_seed(0)
    for made, length in ((causal, LENGTH), (same, None)):  # none: TensorFlow splits the batch
        entry = keras.Input((length, CHANNELS))
        model = keras.Model(entry, made(entry))
        signature = (tf.TensorSpec((None, length, CHANNELS), tf.float32, name="x"),)
        function = tf.function(lambda x, model=model: model(x, training=False), signature)
        tf2onnx.convert.from_function(
            function,
            input_signature=signature,
            opset=17,
            output_path=str(DATA / "keras" / f"{made.__name__}.onnx"),
        )
