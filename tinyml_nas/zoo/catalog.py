"""What every model of the zoo costs on a device, and which keep its limits, before any training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyml_nas.cost.budget import Resources, resources_of
from tinyml_nas.devices import Device
from tinyml_nas.graph import Shape, reach_of
from tinyml_nas.zoo import ZooModel, fewest_outputs


@dataclass(frozen=True)
class Entry:
    """One model, what it needs for one input on one device, and the steps that it sees at once."""

    model: ZooModel
    need: Resources
    reach: int

    def keeps(self, limits: Mapping[str, float]) -> bool:
        """Whether no figure is above its limit; ``limits`` by the name of the resource."""
        return all(getattr(self.need, name) <= limit for name, limit in limits.items())


def catalog(
    models: Iterable[ZooModel], device: Device, shape: Shape, outputs: int | None
) -> tuple[list[Entry], dict[str, str]]:
    """An entry for each model that can read ``shape``, and why each of the others cannot.

    Without ``outputs`` a classifier has two, anything else one.
    """
    entries, refused = [], {}
    for model in models:
        try:
            network = model.build(shape, outputs or fewest_outputs(model.task))
        except ValueError as error:
            refused[model.name] = str(error)
            continue
        entries.append(Entry(model, resources_of(network, device), reach_of(network)))
    return entries, refused
