"""Ways in which people write their networks; each import proves itself equal to the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from foreign import CLASSES, exported, windows
from torch import Tensor, nn

from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.model import import_model

Forward = Callable[[Any, Tensor], Tensor]
SIGNAL = (1, 3, 40)


class Written(nn.Module):
    """A module whose parts and whose way through them are given."""

    def __init__(self, forward: Forward, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.way = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.way(self, x)


def _conv(into: int = 3, out: int = 8, kernel: int = 3, **options: Any) -> nn.Conv1d:
    return nn.Conv1d(into, out, kernel, **options)


def _head(into: int = 8) -> nn.Linear:
    return nn.Linear(into, CLASSES)


def _norm(channels: int) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(channels)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.running_mean)
    return norm


def _shuffled(net: Any, x: Tensor) -> Tensor:
    y = F.relu(net.a(x))
    y = y.view(y.size(0), 2, 4, -1).transpose(1, 2).reshape(y.size(0), 8, -1)
    return net.head(net.b(y).mean(2))


def _halves(net: Any, x: Tensor) -> Tensor:
    left, right = F.relu(net.a(x)).chunk(2, 1)
    return net.head((net.b(left) - net.c(right)).mean(2))


def _two_means(net: Any, x: Tensor) -> Tensor:
    y = F.relu(net.a(x))
    return net.head(torch.cat([y.mean(2), y.amax(2)], 1))


def _by_time(net: Any, x: Tensor) -> Tensor:
    return net.head(torch.cat([net.a(x), net.b(-x)], 2).flatten(1))


HABITS: dict[str, tuple[Forward, dict[str, nn.Module], tuple[int, ...], str]] = {
    "flat input": (
        lambda n, x: n.head(F.relu(n.norm(n.a(x)))),
        {"a": nn.Linear(120, 8, bias=False), "norm": _norm(8), "head": _head()},
        (1, 120),
        "linear linear",
    ),
    "sensors as rows of an image": (
        lambda n, x: n.head(F.relu(n.a(x)).mean((2, 3))),
        {"a": nn.Conv2d(1, 8, (3, 5)), "head": _head()},
        (1, 1, 3, 40),
        "conv global_avg_pool linear",
    ),
    "sensors as columns of an image": (
        lambda n, x: n.head(F.relu(n.a(x)).mean((2, 3))),
        {"a": nn.Conv2d(1, 8, (5, 3)), "head": _head()},
        (1, 1, 40, 3),
        "conv global_avg_pool linear",
    ),
    "an image of one row": (
        lambda n, x: n.head(F.adaptive_max_pool2d(n.a(x), 1).flatten(1)),
        {"a": nn.Conv2d(3, 8, (1, 5), stride=(1, 2)), "head": _head()},
        (1, 3, 1, 40),
        "conv max_pool linear",
    ),
    "norm and ReLU before the convolution": (
        lambda n, x: n.head(n.b(F.relu(n.norm(F.max_pool1d(n.a(x), 2)))).mean(2)),
        {"a": _conv(), "norm": _norm(8), "b": _conv(8, padding=1), "head": _head()},
        SIGNAL,
        "conv max_pool depthwise_conv conv global_avg_pool linear",
    ),
    "the input joins in again": (
        lambda n, x: n.head(torch.cat([x, F.relu(n.a(n.norm(x)) + x)], 1).amax(2)),
        {"norm": _norm(3), "a": _conv(3, 3, padding=1), "head": _head(6)},
        SIGNAL,
        "depthwise_conv conv add concat max_pool linear",
    ),
    "channels shuffled": (
        _shuffled,
        {"a": _conv(), "b": _conv(8, groups=2), "head": _head()},
        SIGNAL,
        "conv conv global_avg_pool linear",
    ),
    "halves": (
        _halves,
        {"a": _conv(), "b": _conv(4, 6), "c": _conv(4, 6), "head": _head(6)},
        SIGNAL,
        "conv conv conv add global_avg_pool linear",
    ),
    "mean and maximum": (
        _two_means,
        {"a": _conv(), "head": _head(16)},
        SIGNAL,
        "conv global_avg_pool max_pool concat linear",
    ),
    "joined along time": (
        _by_time,
        {"a": _conv(3, 2), "b": _conv(3, 2), "head": _head(4 * 38)},
        SIGNAL,
        "conv depthwise_conv conv concat linear",
    ),
    "time first before the head": (
        lambda n, x: n.head(n.a(x).clamp(min=0).transpose(1, 2).reshape(1, -1)),
        {"a": _conv(), "head": _head(8 * 38)},
        SIGNAL,
        "conv linear",
    ),
    "a convolution as the head": (
        lambda n, x: F.log_softmax(n.head(F.adaptive_avg_pool1d(n.a(x), 1)).squeeze(2), 1),
        {"a": _conv(), "head": _conv(8, CLASSES, 1)},
        SIGNAL,
        "conv global_avg_pool conv",
    ),
    "one convolution twice": (
        lambda n, x: n.head(n.a(F.dropout(F.relu(n.a(x)), training=False)).mean(2)),
        {"a": _conv(3, 3), "head": _head(3)},
        SIGNAL,
        "conv conv global_avg_pool linear",
    ),
    "names that mean something else here": (
        lambda n, x: n.tensors_(n.network(x).mean(2)),
        {"network": _conv(), "tensors_": _head()},
        SIGNAL,
        "conv global_avg_pool linear",
    ),
}


@pytest.mark.parametrize("habit", HABITS)
def test_what_people_write_becomes_the_layers_that_it_is(habit: str) -> None:
    forward, parts, shape, kinds = HABITS[habit]
    model = exported(Written(forward, **parts).eval(), shape)
    found = import_model(model, windows(8), Wanted(CLASSES), "net", "model.onnx")
    assert " ".join(node.op.kind for node in found.network.nodes) == kinds
    assert found.equality.difference < 1e-5
