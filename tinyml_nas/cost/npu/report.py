"""Where a layer runs on a device with an accelerator: there, or on the core, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tinyml_nas.graph import Network


@dataclass(frozen=True)
class Placement:
    """One layer.  ``pattern`` is what the accelerator calls it, ``reason`` why it cannot take it.

    ``mend`` says what to change, or under what condition it takes the layer.
    """

    layer: str
    kind: str
    pattern: str
    on_npu: bool
    reason: str = ""
    mend: str = ""


@dataclass(frozen=True)
class NpuReport:
    """All layers of a network for the accelerator ``npu``, whose rules are from ``basis``."""

    npu: str
    basis: str
    placements: tuple[Placement, ...]
    macs_share: float
    """Share of the network's MACs that run there."""

    @property
    def on_core(self) -> tuple[Placement, ...]:
        """What is left to the core."""
        return tuple(placement for placement in self.placements if not placement.on_npu)

    def to_json(self) -> dict[str, Any]:
        """The ``npu`` of a model in results.json."""
        return asdict(self)

    def sentences(self) -> list[str]:
        """What to tell the user: how much runs there, and each layer that does not."""
        count = len(self.placements)
        head = (
            f"{self.npu} can take {count - len(self.on_core)} of {count} layers, "
            f"{self.macs_share:.0%} of the MACs"
        )
        return [head, *(f"on the core: {p.layer}: {p.reason}; {p.mend}" for p in self.on_core)]


def report_of(network: Network, npu: str, basis: str, placed: Mapping[str, Placement]) -> NpuReport:
    """The report of ``placed`` layers, by name."""
    macs = {node.name: node.op.macs(network.input_shapes(node)) for node in network.nodes}
    there = sum(macs[name] for name, placement in placed.items() if placement.on_npu)
    share = there / max(1, sum(macs.values()))
    return NpuReport(npu, basis, tuple(placed[node.name] for node in network.nodes), share)
