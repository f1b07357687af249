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


SHAPES: dict[type[nn.Module], tuple[int, ...]] = {
    Residual: (1, CHANNELS, LENGTH),
    Image: (1, CHANNELS, LENGTH, 1),
    TimeFirst: (1, LENGTH, CHANNELS),
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
    for kind, opset in ((Residual, 18), (Image, 20), (TimeFirst, 18)):
        program = torch.onnx.export(
            made(kind), (torch.zeros(SHAPES[kind]),), dynamo=True, opset_version=opset
        )
        assert program is not None
        model = program.model_proto
        graph = model.graph
        for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
            del part.metadata_props[:]  # where on this machine its lines stand
        onnx.save(model, DATA / f"{kind.__name__}_dynamo{opset}.onnx")
