"""How much of its window a network sees at once: its receptive field, here called its reach.

A classifier whose values see a fifth of the window each can tell what occurs in it, but not what
comes before what.  The mean over time at its end joins these values without an order, so it does
not count; a layer that is fully connected over time does, for it knows each place.
"""

from __future__ import annotations

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
