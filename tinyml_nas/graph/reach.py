"""How much of its window a network sees at once: its receptive field, here called its reach.

A classifier whose values see a fifth of the window each can tell what occurs in it, but not what
comes before what.  The mean over time at its end joins these values without an order, so it does
not count; a layer that is fully connected over time does, for it knows each place.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tinyml_nas.graph.network import INPUT, Network
from tinyml_nas.graph.ops import (
    AvgPool,
    Conv,
    DepthwiseConv,
    Interpolate,
    Linear,
    MaxPool,
    Reshape,
    Upsample,
)


def reach_of(network: Network) -> int:
    """Steps of the input that one value before the head depends on, at most all of them.

    Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019.
    """
    whole, shapes = network.input_shape.length, network.shapes
    fields = {INPUT: (Fraction(1), Fraction(1))}  # steps seen, and from one value to the next
    for node in network.nodes:
        reach, step = map(max, zip(*(fields[name] for name in node.inputs), strict=True))
        before, after = shapes[node.inputs[0]].length, shapes[node.name].length
        match node.op:
            case Conv() | DepthwiseConv() as op:
                reach, step = reach + (op.span - 1) * step, step * op.stride
            case MaxPool() | AvgPool() as op if after > 1:
                reach, step = reach + (op.kernel - 1) * step, step * op.stride
            case Linear() if before > 1:
                reach = Fraction(whole)
            case Reshape() if before > 1:
                reach = Fraction(whole)
            case Upsample() | Interpolate():
                step = step * before / after
        fields[node.name] = reach, step
    return min(whole, int(max(reach for reach, _ in fields.values())))


def idle_taps(network: Network) -> Mapping[str, int]:
    """Taps of each dilated layer that meet padding at every output, where there are any."""
    found = {}
    for node in network.nodes:
        op = node.op
        if not isinstance(op, Conv | DepthwiseConv) or op.dilation == 1:
            continue
        before, after = network.shapes[node.inputs[0]].length, network.shapes[node.name].length
        starts = range(-op.pad[0], after * op.stride - op.pad[0], op.stride)
        taps = range(0, op.span, op.dilation)
        idle = sum(not any(0 <= start + tap < before for start in starts) for tap in taps)
        if idle:
            found[node.name] = idle
    return found
