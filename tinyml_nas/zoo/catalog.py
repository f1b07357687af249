"""What every model of the zoo costs on a device, and which keep its limits, before any training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.latency import latency_seconds, network_instructions
from tinyml_nas.cost.tables import HEADROOM
from tinyml_nas.devices import Device
from tinyml_nas.graph import Shape
from tinyml_nas.zoo import ZooModel

STAND_IN = "cortex-m3"
"""Its instructions are taken for those of a core that was never measured."""


@dataclass(frozen=True)
class Entry:
    """One model for one input: what is stored, computed, placed and waited for.

    ``parameters`` are those that are shipped, batch norm folded.
    """

    model: ZooModel
    parameters: int
    macs: int
    flash_bytes: int
    ram_bytes: int
    seconds: float

    def keeps(self, limits: Mapping[str, float]) -> bool:
        """Whether no figure is above its limit; ``limits`` by the name of the figure."""
        return all(getattr(self, figure) <= limit for figure, limit in limits.items())


def catalog(
    models: Iterable[ZooModel], device: Device, shape: Shape, outputs: int | None
) -> tuple[list[Entry], dict[str, str]]:
    """An entry for each model that can read ``shape``, and why each of the others cannot.

    Without ``outputs`` a classifier has two, anything else one.
    """
    entries, refused = [], {}
    for model in models:
        try:
            network = model.build(shape, outputs or (2 if model.task == "classification" else 1))
        except ValueError as error:
            refused[model.name] = str(error)
            continue
        cost = network_cost(network, device.cycles.backend, device.optimize)
        seconds = latency_seconds(network, device)
        if seconds is None:
            cycles = network_instructions(network, STAND_IN) * device.cycles.cycles_per_instruction
            seconds = HEADROOM * cycles / device.clock_hz
        entries.append(
            Entry(model, cost.parameters, cost.macs, cost.flash_bytes, cost.ram_bytes, seconds)
        )
    return entries, refused
