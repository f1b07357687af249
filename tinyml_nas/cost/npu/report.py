"""Where a layer runs on a device with an accelerator: there, or on the core, and why."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.graph import Network
from tinyml_nas.results.export import Npu, Placement


def report_of(network: Network, npu: str, basis: str, placed: Mapping[str, Placement]) -> Npu:
    """The report of ``placed`` layers, by name."""
    macs = {node.name: node.op.macs(network.input_shapes(node)) for node in network.nodes}
    there = sum(macs[name] for name, placement in placed.items() if placement.on_npu)
    return Npu(
        npu=npu,
        basis=basis,
        placements=[placed[node.name] for node in network.nodes],
        macs_share=there / max(1, sum(macs.values())),
    )
