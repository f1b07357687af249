"""The shared vocabulary: a model is data.

A zoo model, a searched genotype and an imported net are all a :class:`Network`: named nodes of
one-dimensional operations over channel-by-length tensors.  Shapes follow from it here, memory and
time in ``cost``.
"""

from tinyml_nas.graph.autoencoder import residual_of
from tinyml_nas.graph.network import INPUT, Network, Node
from tinyml_nas.graph.ops import (
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Op,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.graph.reach import idle_taps, reach_of

__all__ = [
    "INPUT",
    "Add",
    "AvgPool",
    "Concat",
    "Conv",
    "DepthwiseConv",
    "GlobalAvgPool",
    "Interpolate",
    "Linear",
    "MaxPool",
    "Network",
    "Node",
    "Op",
    "Reshape",
    "Shape",
    "Upsample",
    "idle_taps",
    "reach_of",
    "residual_of",
]
