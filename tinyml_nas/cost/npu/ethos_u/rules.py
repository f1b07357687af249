"""Which layers an Ethos-U takes, from shapes alone.

Vela takes a TOSA file whole or refuses it without naming a layer, so each layer is judged first.
The limits are those of Vela 5.2.0 for the forms in which `lowering` writes a layer.
"""

from __future__ import annotations

import math

from tinyml_nas.cost.npu.ethos_u.lowering import LARGEST_AXIS, LARGEST_WEIGHT, WIDEST_STRIDE
from tinyml_nas.cost.npu.report import report_of
from tinyml_nas.devices import EthosU
from tinyml_nas.graph import (
    AvgPool,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
)
from tinyml_nas.results.export import Npu, Placement

BASIS = "Vela 5.2.0, for the form in which each layer is written"
MOST_BETWEEN = 1 << 22
"""Weights of an interpolation, nearly all of them 0."""
FORCED = "it is forced to the core"
LONGEST_SPAN = LARGEST_AXIS // 2
"""Steps that a window spans: Vela's blocks read some more at once, and an axis has an end."""

Complaint = tuple[str, str]
"""Why a layer stays on the core, and what to change."""


def place(network: Network, npu: EthosU, refused: frozenset[str] = frozenset()) -> Npu:
    """Where each layer of ``network`` runs; those that are ``refused`` stay on the core."""
    placed = {node.name: _placed(network, node, refused) for node in network.nodes}
    return report_of(network, npu.accelerator, BASIS, placed)


def _placed(network: Network, node: Node, refused: frozenset[str]) -> Placement:
    complaint = (FORCED, "leave it out of those") if node.name in refused else None
    complaint = complaint or _complaint(network, node)
    reason, mend = complaint or ("", "")
    return Placement(
        layer=node.name,
        kind=node.op.kind,
        pattern=FORMS.get(node.op.kind, node.op.kind),
        on_npu=complaint is None,
        reason=reason,
        mend=mend,
    )


FORMS = {
    "linear": "convolution",
    "global_avg_pool": "depthwise convolution of ones",
    "avg_pool": "depthwise convolution of ones",
    "add": "depthwise convolution of two rows",
    "upsample": "pointwise convolution of ones",
    "interpolate": "convolution of rows",
}
"""How a layer is written, by its kind, where it is not what its name says."""


def _complaint(network: Network, node: Node) -> Complaint | None:
    """What keeps ``node`` off the NPU."""
    entry, leave = network.input_shapes(node)[0], network.shapes[node.name]
    widest = max(entry.channels, leave.channels)
    if widest > LARGEST_AXIS:
        return f"its {widest:,} channels are more than {LARGEST_AXIS:,}", "use fewer"
    match node.op:
        case Linear() | GlobalAvgPool() if entry.length > LARGEST_AXIS:
            return f"its {entry.length:,} steps are more than {LARGEST_AXIS:,}", "stride before it"
        case Conv() | DepthwiseConv() | MaxPool() | AvgPool() as op:
            return _window(op, entry.channels)
        case Interpolate(length=length):
            return _between(entry.length, length, entry.channels)
    return None


def _window(op: Conv | DepthwiseConv | MaxPool | AvgPool, channels: int) -> Complaint | None:
    span = op.span if isinstance(op, Conv | DepthwiseConv) else op.kernel
    if span > LONGEST_SPAN:
        return f"its window of {span:,} steps is longer than {LONGEST_SPAN:,}", "use a shorter one"
    row = op.stride * channels if isinstance(op, Conv) else op.stride
    if op.stride > WIDEST_STRIDE and row > LARGEST_AXIS:
        return (
            f"its stride makes an axis of {row:,}, more than {LARGEST_AXIS:,}",
            "use a shorter one",
        )
    return None


def _between(source: int, length: int, channels: int) -> Complaint | None:
    rows = math.gcd(source, length)
    weights = 3 * (source // rows) * (length // rows) * channels**2
    if 2 * length // rows <= LARGEST_WEIGHT and weights <= MOST_BETWEEN:
        return None
    return (
        f"its {source:,} and {length:,} steps have too small a common divisor, {rows}",
        "use a frame_size that the strides divide",
    )
