"""Hard budgets: what a network may cost at most, and what it does cost before any training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml_nas.devices import Device
from tinyml_nas.devices.costs import CODE_HEADROOM_BYTES
from tinyml_nas.graph import Network, network_cost
from tinyml_nas.graph.latency import latency_seconds

RESOURCES: Mapping[str, str] = {
    "flash_bytes": "flash",
    "ram_bytes": "RAM",
    "macs": "MACs",
    "latency_seconds": "latency",
}
"""What a budget can limit: field and what people call it."""


def shown(resource: str, value: float) -> str:
    """``value`` as people write it: ``3,123 B``, ``30,000``, ``1.25 ms``."""
    if resource == "latency_seconds":
        return f"{1e3 * value:.3g} ms"
    return f"{value:,.0f}" + (" B" if resource.endswith("_bytes") else "")


@dataclass(frozen=True)
class Resources:
    """What one network costs on one device; flash and latency with headroom for their fits.

    ``latency_seconds`` is ``None`` for a device whose core has no measured cycle model.
    """

    parameters: int
    macs: int
    flash_bytes: int
    ram_bytes: int
    latency_seconds: float | None


@dataclass(frozen=True)
class Budget:
    """Limits by resource; ``None`` where there is none."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    macs: int | None = None
    latency_seconds: float | None = None

    def shares(self, resources: Resources) -> dict[str, float]:
        """By limited resource how much of its limit is used; above 1 breaks the budget."""
        return {
            name: getattr(resources, name) / limit
            for name in RESOURCES
            if (limit := getattr(self, name)) is not None
        }

    def broken(self, resources: Resources) -> list[str]:
        """The resources whose limit ``resources`` exceeds, worst first."""
        shares = self.shares(resources)
        return sorted((n for n, share in shares.items() if share > 1), key=lambda n: -shares[n])


def resources_of(network: Network, device: Device) -> Resources:
    """What ``network`` costs on ``device``; where bytes have 16 bits, at most that."""
    cost = network_cost(network, device.cycles.backend, device.optimize)
    octets = device.cycles.octets_per_value
    return Resources(
        cost.parameters,
        cost.macs,
        (cost.flash_bytes + CODE_HEADROOM_BYTES) * octets,
        cost.ram_bytes * octets,
        latency_seconds(network, device),
    )
