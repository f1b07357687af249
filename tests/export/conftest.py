"""One generated model with everything that is built of it, shared by the tests of its carriers."""

from __future__ import annotations

from pathlib import Path

import pytest
from c_builds import Emit
from random_networks import random_int_network, random_samples

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.export.c.layers import resolve
from tinyml_nas.graph.integer import IntConv, IntNetwork
from tinyml_nas.graph.ops import OPS


@pytest.fixture
def emit(tmp_path: Path) -> Emit:
    """Writes a network's C into a folder whose name has a space."""

    def write(net: IntNetwork, prefix: str = "model", optimize: Optimize = "balanced") -> CExport:
        folder = tmp_path / "generated c"
        return emit_c(net, prefix, folder, random_samples(net, 2), optimize)

    return write


@pytest.fixture(scope="session")
def everything() -> IntNetwork:
    """A network with every kind of layer, and with a depthwise convolution of several channels.

    Its shifts are those of real networks, so that the code for the rare ones is left out.
    """
    kinds = OPS.keys() - {"global_avg_pool"}
    for seed in range(750, 1750):
        net = random_int_network(seed, nodes=14)
        groups = max(layer.op.groups for layer in net.layers if isinstance(layer.op, IntConv))
        every_kind = kinds <= {layer.kind for layer in net.layers}
        if groups > 1 and every_kind and not resolve(net, "model").small_shifts:
            return net
    raise AssertionError("no seed gives every kind of layer")
