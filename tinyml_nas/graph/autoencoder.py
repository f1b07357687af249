"""An autoencoder as the device runs it: what is left of its input after its reconstruction."""

from __future__ import annotations

from dataclasses import replace

from tinyml_nas.graph.network import INPUT, Network, Node
from tinyml_nas.graph.ops import Add

RESIDUAL = "residual"


def residual_of(network: Network) -> Network:
    """``network``, which reconstructs its input, with the difference of both as its output.

    So the integer model has a scale for the errors alone, and no caller must keep the input.
    Raises ``ValueError`` where the output has not the input's shape.
    """
    found, wanted = network.shapes[network.output], network.input_shape
    if found != wanted:
        raise ValueError(
            f"{network.name} gives {found.channels} x {found.length} for an input of "
            f"{wanted.channels} x {wanted.length}: it is no autoencoder"
        )
    difference = Node(RESIDUAL, Add(minus=True), (INPUT, network.output))
    return replace(network, nodes=(*network.nodes, difference))
