"""The shared vocabulary: a model is data.

A zoo model, a searched genotype and an imported net are all a :class:`Network`: named nodes of
one-dimensional operations over channel-by-length tensors.  Shapes, memory and cost follow from it
alone.
"""

from tinyml_nas.graph.autoencoder import residual_of
from tinyml_nas.graph.cost import Cost, LayerCost, network_cost
from tinyml_nas.graph.memory import Buffer, MemoryPlan, plan_memory
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

__all__ = [
    "INPUT",
    "Add",
    "AvgPool",
    "Buffer",
    "Concat",
    "Conv",
    "Cost",
    "DepthwiseConv",
    "GlobalAvgPool",
    "Interpolate",
    "LayerCost",
    "Linear",
    "MaxPool",
    "MemoryPlan",
    "Network",
    "Node",
    "Op",
    "Reshape",
    "Shape",
    "Upsample",
    "network_cost",
    "plan_memory",
    "residual_of",
]
