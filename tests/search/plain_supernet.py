"""The slow and obvious supernet: plain DARTS, one primitive after the other, (N, C, L) tensors.

It takes the weights of the fast supernet, so that both can be compared and timed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.cells.plan import CellPlan
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.darts.supernet import Supernet


def plain_logits(net: Supernet, x: Tensor, weights: Tensor, mixture: Tensor) -> Tensor:
    """Logits (N, classes) for x (N, C, L), with every primitive of every edge on its own."""
    space = net.space
    parts = iter(
        part.view(shape) for part, shape in zip(weights.split(net.sizes), net.shapes, strict=True)
    )

    def take() -> Tensor:
        return next(parts)

    stem = take().view(-1, space.input_shape.channels, 3)
    x = F.relu(norm(F.conv1d(x, stem, padding=1), 1 + take(), take()))
    for cell in space.cells:
        x = F.conv1d(x, take()[:, :, None], stride=cell.entry_stride)
        states = [norm(x, 1 + take(), take())]
        kernels = []
        for source in range(space.nodes):
            stride = cell.stride if source == 0 else 1
            kernels.append(split_kernels(take, space.nodes - source, cell, stride))
        for node in range(space.nodes):
            total: Tensor | None = None
            for source, state in enumerate(states):
                row = mixture[int(cell.reduction), space.edges.index((source, node))]
                stride = cell.stride if source == 0 else 1
                for column, primitive in enumerate(PRIMITIVES):
                    kernel = kernels[source][node - source].get(primitive)
                    result = operation(primitive, state, stride, kernel)
                    if result is not None:
                        result = row[column] * result
                        total = result if total is None else total + result
            states.append(total)
        x = torch.cat(states[-space.fanout :], dim=1)
    return F.linear(x.mean(2), take(), take())


def norm(x: Tensor, gain: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    return F.batch_norm(x, None, None, gain, shift, training=True)


def split_kernels(
    take: Callable[[], Tensor], edges: int, cell: CellPlan, stride: int
) -> list[dict[str, Tensor]]:
    """Per edge the kernels (out, in, taps) that the fast supernet keeps in one matrix a size.

    Its columns run from the centre tap outwards, left before right.
    """
    sizes = {"conv_bn_relu_3x1": 3, "conv_bn_relu_5x1": 5, "conv_bn_relu_7x1": 7}
    if stride == 2:
        sizes["skip_connect"] = 1
    by_edge: list[dict[str, Tensor]] = [{} for _ in range(edges)]
    for name, taps in sizes.items():
        outwards = take().view(edges, cell.channels, taps, cell.channels).transpose(2, 3)
        left_to_right = sorted(range(taps), key=lambda i: (i + 1) // 2 * (-1 if i % 2 else 1))
        for edge, kernel in enumerate(outwards[..., left_to_right]):
            by_edge[edge][name] = kernel
    return by_edge


def operation(primitive: str, x: Tensor, stride: int, kernel: Tensor | None) -> Tensor | None:
    if primitive == "none":
        return None
    if primitive == "avg_pool_3x1":
        return F.avg_pool1d(x, 3, stride, 1)
    if primitive == "max_pool_3x1":
        return F.max_pool1d(x, 3, stride, 1)
    if primitive == "skip_connect":
        return x if stride == 1 else norm(F.conv1d(x, kernel, stride=stride))
    return F.relu(norm(F.conv1d(x, kernel, stride=stride, padding=kernel.shape[2] // 2)))
