"""The hard limits: the device's memories, and what the YAML grants the searched model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tinyml_nas.config.training import Training
from tinyml_nas.devices import Device
from tinyml_nas.errors import BudgetError
from tinyml_nas.graph import Network
from tinyml_nas.search.budget import RESOURCES, Budget, Resources, resources_of, shown

MEMORIES = {"flash_bytes": "flash", "ram_bytes": "ram"}


def check_budget(
    model: str, need: Resources, device: Device, training: Training | None = None
) -> None:
    """Raise ``BudgetError`` when ``model`` needs more than it may.

    That is the memories of ``device`` and, where ``training`` is given, its ``nas_budget``.
    """
    if training is not None:
        _check_granted(model, need, training)
    for name in Budget(device.flash_bytes, device.ram_bytes).broken(need):
        source = ", an assumed figure" if MEMORIES[name] in device.assumed else ""
        raise BudgetError(
            f"{model} needs {shown(name, getattr(need, name))} of {RESOURCES[name]}; "
            f"{device.name} has {shown(name, getattr(device, name))}{source}",
            hint="choose a smaller nas_model_size or model_name, or a larger target_device",
        )


def _check_granted(model: str, need: Resources, training: Training) -> None:
    keys = {name: name.split("_")[0] for name in RESOURCES}
    budget = Budget(**{name: getattr(training.nas_budget, key) for name, key in keys.items()})
    for name in budget.broken(need):
        raise BudgetError(
            f"{model} breaks the budget for {RESOURCES[name]}: it needs "
            f"{shown(name, getattr(need, name))}, training.nas_budget.{keys[name]} grants "
            f"{shown(name, getattr(budget, name))}",
            hint=f"raise training.nas_budget.{keys[name]}, or search anew with a smaller one",
        )


def measured_need(model: Mapping[str, Any], device: Device) -> Resources:
    """What the compiled model of a results record needs on ``device``.

    Flash is that of the emulated core that stands for the device's, else of the largest one.  What
    was not measured, for want of a compiler or an emulator, is what the graph promises.
    """
    need = resources_of(Network.from_json(model["network"]), device)
    cycles, linked = device.cycles, model.get("linked", {})
    cores = [cycles.measured_on] if cycles.measured_on in linked else linked
    octets = cycles.octets_per_value
    flash = max((linked[core]["flash_bytes"] * octets for core in cores), default=need.flash_bytes)
    latency = need.latency_seconds
    if (counted := model.get("instructions", {}).get(cycles.measured_on)) is not None:
        latency = cycles.from_instructions(counted) / device.clock_hz
    return dataclasses.replace(need, flash_bytes=flash, latency_seconds=latency)
