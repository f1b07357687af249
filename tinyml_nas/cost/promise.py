"""What a network is promised to cost on the device of a configuration, and what an NPU takes of it.

``check`` tells it before any data are read, a run before it trains.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.config import Config
from tinyml_nas.cost.budget import Resources, resources_of, shown
from tinyml_nas.cost.npu import lint
from tinyml_nas.devices import Device
from tinyml_nas.graph import Network
from tinyml_nas.results.export import Npu


@dataclass(frozen=True)
class Promise:
    """The figures that budgets are held against; ``npu`` is ``None`` where no accelerator runs."""

    need: Resources
    npu: Npu | None

    def words(self, device: Device) -> str:
        """The figures as people read them."""
        need, seconds = self.need, self.need.latency_seconds
        latency = "" if seconds is None else f", {shown('latency_seconds', seconds)}"
        return (
            f"{need.parameters:,} parameters, {need.macs:,} MACs, "
            f"about {need.flash_bytes:,} B flash, {need.ram_bytes:,} B arena{latency} "
            f"on {device.name}"
        )


def promise_of(network: Network, device: Device, config: Config) -> Promise:
    """What ``network`` costs on ``device``."""
    npu = lint(network, device) if config.compilation.may_use_npu else None
    return Promise(resources_of(network, device), npu)
