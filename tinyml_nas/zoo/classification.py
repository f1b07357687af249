"""Fixed 1-D CNNs for classification, of about 0.5k, 1k, 4k and 13k parameters.

The names and topologies are those that users of the C2000 and MSPM0 model zoo know; the input
normalisation that theirs learn as a batch norm is part of the input quantization here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyml_nas.graph import INPUT, Conv, GlobalAvgPool, Linear, MaxPool, Network, Node, Op, Shape
from tinyml_nas.graph.ops import same_padding

Builder = Callable[[Shape, int], Network]


@dataclass(frozen=True)
class ZooModel:
    """A fixed model: its name in ``training.model_name`` and how to build it.

    ``build(input_shape, classes)`` raises ``ValueError`` when the input is too short.
    """

    name: str
    description: str
    build: Builder


def _conv(channels: int, kernel: int, stride: int = 1) -> Conv:
    return Conv(channels, kernel, stride, same_padding(kernel))


def _chain(name: str, shape: Shape, classes: int, *ops: Op) -> Network:
    """``ops`` one after the other, then global average pooling and the classifier."""
    nodes: list[Node] = []
    counts: dict[str, int] = {}
    for op in (*ops, GlobalAvgPool(), Linear(classes)):
        counts[op.kind] = counts.get(op.kind, 0) + 1
        unique = op.kind in (GlobalAvgPool.kind, Linear.kind)
        label = op.kind if unique else f"{op.kind}{counts[op.kind]}"
        nodes.append(Node(label, op, (nodes[-1].name if nodes else INPUT,)))
    return Network(name, shape, tuple(nodes))


def cls_500(shape: Shape, classes: int) -> Network:
    """Two convolutions, about 0.5k parameters."""
    return _chain("CLS_500", shape, classes, _conv(8, 5), _conv(16, 3))


def cls_1k(shape: Shape, classes: int) -> Network:
    """Three convolutions and one pooling, about 1k parameters."""
    pool = MaxPool(3, 2, (1, 1))
    return _chain("CLS_1k", shape, classes, _conv(8, 5), _conv(8, 5), pool, _conv(16, 3))


def cls_4k(shape: Shape, classes: int) -> Network:
    """Four convolutions with early strides, about 4k parameters and fewer MACs than CLS_1k."""
    head = (_conv(8, 5, 2), _conv(8, 3), MaxPool(3, 2, (1, 1)))
    return _chain("CLS_4k", shape, classes, *head, _conv(16, 5, 2), _conv(32, 5, 2))


def cls_13k(shape: Shape, classes: int) -> Network:
    """Six convolutions, about 13k parameters."""
    widths = ((8, 5, 2), (16, 3, 2), (16, 3, 1), (32, 3, 2), (32, 3, 1), (64, 3, 2))
    return _chain("CLS_13k", shape, classes, *(_conv(*width) for width in widths))


def _description(build: Builder) -> str:
    return (build.__doc__ or "").rstrip(".")


ZOO: dict[str, ZooModel] = {
    name: ZooModel(name, _description(build), build)
    for name, build in {
        "CLS_500": cls_500,
        "CLS_1k": cls_1k,
        "CLS_4k": cls_4k,
        "CLS_13k": cls_13k,
    }.items()
}
