"""Dilated, causal and cut convolutions of other frameworks become the same ones here."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from foreign import CHANNELS, CLASSES, DATA, LENGTH, SHAPES, Chomp1d, Tcn, exported, made, windows
from torch import Tensor, nn

from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import Add, Conv, DepthwiseConv, Network
from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.model import Imported, import_model
from tinyml_nas.importers.model_file import read_model

CLOSE = 1e-5


def _imported(module: nn.Module, shape: tuple[int, ...] = (1, CHANNELS, LENGTH)) -> Imported:
    found = import_model(
        exported(module.eval(), shape), windows(8), Wanted(CLASSES), "net", "model.onnx"
    )
    assert found.equality.difference < CLOSE
    return found


def _convolutions(network: Network) -> list[Conv | DepthwiseConv]:
    return [node.op for node in network.nodes if isinstance(node.op, Conv | DepthwiseConv)]


@pytest.mark.parametrize(("opset", "keep_norms"), [(9, False), (17, True)])
def test_a_tcn_whose_ends_are_cut_off_is_causal_and_has_no_zeros(
    opset: int, keep_norms: bool
) -> None:
    module = made(Tcn)
    model = exported(module, SHAPES[Tcn], opset, keep_norms)
    found = import_model(model, windows(8), Wanted(CLASSES), "net", "model.onnx")
    assert found.equality.difference < CLOSE
    assert [note.split(": ", 1)[1] for note in found.notes] == [
        f"it reads one step of {LENGTH} alone: it is a convolution of 2 taps here"
    ]
    kinds = [node.op.kind for node in found.network.nodes]
    assert set(kinds) == {"conv", "add"}
    *inside, head = _convolutions(found.network)
    dilated = [op for op in inside if op.kernel > 1]
    assert [op.dilation for op in dilated] == [1, 1, 2, 2, 4, 4, 8, 8]
    assert all(op.pad == (2 * op.dilation, 0) for op in dilated)
    assert head == Conv(CLASSES, 2, norm=False, relu=False, dilation=LENGTH - 1)
    counts = [np.count_nonzero(found.state[f"{node.name}.conv.weight"])
              for node in found.network.nodes if node.op.kind == "conv"]  # fmt: skip
    layers = (part for part in module.modules() if isinstance(part, nn.Conv1d | nn.Linear))
    weights = sum(part.weight.numel() for part in layers)
    assert sum(counts) == weights


@pytest.mark.parametrize("file", sorted((DATA / "keras").glob("*.onnx")), ids=lambda f: f.stem)
def test_files_of_keras(file: Path) -> None:
    model = read_model(file)
    found = import_model(model, windows(), Wanted(CLASSES), "net", file.name)
    assert found.equality.difference < CLOSE
    dilated = [op for op in _convolutions(found.network) if op.kernel == 3]
    if file.stem == "causal":
        assert [op.dilation for op in dilated] == [1, 1, 2, 2, 4, 4]
        assert all(op.pad == (2 * op.dilation, 0) for op in dilated)
    else:  # TensorFlow cut its time into a batch
        assert "Pad" in {node.op_type for node in model.graph.node}
        assert [(op.dilation, op.pad) for op in dilated] == [(2, (2, 2)), (4, (4, 4))]
        assert len(found.network.nodes) == 4


def test_taps_that_only_ever_meet_padding_are_told() -> None:
    conv = nn.Conv1d(CHANNELS, 8, 5, padding=2 * LENGTH, dilation=LENGTH)
    found = _imported(nn.Sequential(conv, nn.Flatten(), nn.Linear(8 * LENGTH, CLASSES)))
    assert found.notes == (
        "/0/Conv: 4 of its 5 taps only ever meet padding: it spans 161 steps, and its input has 40",
    )
    fits = nn.Conv1d(CHANNELS, 8, 3, padding=LENGTH - 1, dilation=LENGTH - 1)
    assert not _imported(nn.Sequential(fits, nn.Flatten(), nn.Linear(8 * LENGTH, CLASSES))).notes


def test_a_dilation_that_leaves_nothing_to_compute() -> None:
    module = nn.Sequential(nn.Conv1d(3, 4, 3, dilation=20), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    model = exported(module.eval(), (1, CHANNELS, 64))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "any"
    words = r"Conv /0/Conv .* conv with kernel 3 and dilation 20 does not fit a length of 40"
    with pytest.raises(ConfigError, match=words) as caught:
        import_model(model, windows(8), Wanted(CLASSES), "net", "model.onnx")
    assert "a smaller stride or dilation" in str(caught.value.hint)


def test_an_autoencoder_may_be_causal_and_its_last_layer_cut() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.ConstantPad1d((4, 0), 0), nn.Conv1d(CHANNELS, 4, 3, dilation=2), nn.ReLU(),
        nn.Conv1d(4, CHANNELS, 3, padding=8, dilation=4), Chomp1d(8),
    ).eval()  # fmt: skip
    model = exported(module, (1, CHANNELS, LENGTH))
    found = import_model(model, windows(8), Wanted(None, rebuilds=True), "net", "model.onnx")
    assert [op.pad for op in _convolutions(found.network)] == [(4, 0), (8, 0)]
    assert found.network.nodes[-1].op == Add(minus=True)
    padded = exported(nn.Sequential(module[:2], nn.ConstantPad1d((0, 1), 0)).eval(), (1, 3, LENGTH))
    with pytest.raises(ConfigError, match="a Pad stands before the output"):
        import_model(padded, windows(8), Wanted(None, rebuilds=True), "net", "model.onnx")


def test_an_autoencoder_may_give_all_values_from_one_step() -> None:
    class OfLastStep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(CHANNELS, 4, 3, padding=8, dilation=4)
            self.head = nn.Linear(4, CHANNELS * LENGTH)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.conv(x)[:, :, 20]).view(-1, CHANNELS, LENGTH)

    torch.manual_seed(0)
    model = exported(OfLastStep().eval(), (1, CHANNELS, LENGTH))
    found = import_model(model, windows(8), Wanted(None, rebuilds=True), "net", "model.onnx")
    head = found.network.nodes[1].op
    assert isinstance(head, Conv)
    assert (head.kernel, head.dilation, found.network.shapes["head"].length) == (2, 20, 1)


class Drawn(nn.Module):
    """Random convolutions in the ways in which people pad and cut, and a random head."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.time_first = rng.random() < 0.3
        self.ways: list[tuple[str, int, int]] = []
        parts: list[nn.Module] = []
        channels, length = CHANNELS, LENGTH
        for _ in range(rng.randint(1, 4)):
            kernel, dilation = rng.randint(1, 4), rng.choice([1, 2, 3, 5, 8])
            groups = rng.choice([1, 1, channels])
            out = rng.choice([1, 2]) * channels if groups > 1 else rng.choice([4, 6])
            more = (kernel - 1) * dilation
            way = rng.choice(["same", "pad", "causal", "chomp", "middle"])
            cut = rng.randint(0, more)
            stride = rng.choice([1, 1, 2, 3]) if way in ("pad", "causal") else 1
            padding: Any = {"same": "same", "chomp": more, "middle": more}.get(way, 0)
            options = {"stride": stride, "padding": padding, "dilation": dilation}
            parts.append(nn.Conv1d(channels, out, kernel, groups=groups, **options))
            self.ways.append((way, more, cut))
            if rng.random() < 0.5:
                parts.append(nn.BatchNorm1d(out) if way == "middle" else nn.ReLU())
            channels, length = out, -(-length // stride)
        self.parts = nn.ModuleList(parts)
        self.step = rng.choice([None, -1, 0, length // 2])
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2) if self.time_first else x
        ways = iter(self.ways)
        for part in self.parts:
            if not isinstance(part, nn.Conv1d):
                x = part(x)
                continue
            way, more, cut = next(ways)
            if way == "pad":
                x = F.pad(x, (cut, more - cut))
            x = part(F.pad(x, (more, 0)) if way == "causal" else x)
            if way == "chomp":
                x = x[:, :, : x.shape[2] - more]
            elif way == "middle":
                x = F.pad(x, (-cut, cut - more))
        return self.head(x.mean(2) if self.step is None else x[:, :, self.step])


@pytest.mark.parametrize(
    "seeds", [range(12), pytest.param(range(12, 300), marks=pytest.mark.nightly)]
)
def test_random_dilated_networks_have_the_scores_of_pytorch(seeds: range) -> None:
    for seed in seeds:
        torch.manual_seed(seed)
        module = Drawn(random.Random(seed))
        shape = (1, LENGTH, CHANNELS) if module.time_first else (1, CHANNELS, LENGTH)
        found = _imported(module, shape)
        stored = [part.kernel_size[0] for part in module.parts if isinstance(part, nn.Conv1d)]
        kernels = [op.kernel for op in _convolutions(found.network)][: len(stored)]
        assert kernels == stored, seed
