"""The seven operations an edge chooses from, in the order of the columns of every alpha table.

Free of torch, so that the command line can list them at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.graph import AvgPool, Conv, MaxPool, Op
from tinyml_nas.graph.ops import same_padding

DESCRIPTIONS: Mapping[str, str] = {
    "none": "no connection; takes part in the search and is never derived",
    "avg_pool_3x1": "mean over three samples; padding counts as zero",
    "max_pool_3x1": "maximum over three samples; padding never wins",
    "skip_connect": "the input itself; at stride 2 a 1x1 convolution with batch norm",
    "conv_bn_relu_3x1": "convolution with 3 taps, batch norm and ReLU",
    "conv_bn_relu_5x1": "convolution with 5 taps, batch norm and ReLU",
    "conv_bn_relu_7x1": "convolution with 7 taps, batch norm and ReLU",
}
PRIMITIVES = tuple(DESCRIPTIONS)
NONE, SKIP = (PRIMITIVES.index(name) for name in ("none", "skip_connect"))
CONV_KERNELS: Mapping[str, int] = {f"conv_bn_relu_{taps}x1": taps for taps in (3, 5, 7)}


def primitive_op(primitive: str, channels: int, stride: int) -> Op | None:
    """The graph operation of ``primitive``; ``None`` where it is only another name of its input.

    Raises ``ValueError`` for ``none`` and for unknown names: a derived network has no such node.
    """
    pad = same_padding(3)
    if primitive == "avg_pool_3x1":
        return AvgPool(3, stride, pad)
    if primitive == "max_pool_3x1":
        return MaxPool(3, stride, pad)
    if primitive == "skip_connect":
        return None if stride == 1 else Conv(channels, 1, stride, relu=False)
    if primitive in CONV_KERNELS:
        kernel = CONV_KERNELS[primitive]
        return Conv(channels, kernel, stride, same_padding(kernel))
    raise ValueError(f"{primitive!r} is not an operation of a derived network")
