"""The hard limits: the device's memories, and what the YAML grants the searched model.

They are held against what the cost tables promise, so that the same YAML is judged alike on every
machine.  What was measured depends on the compilers that are installed, and only warns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyml_nas.config.training import Training
from tinyml_nas.devices import CORES, Device
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


def promised_need(model: Mapping[str, Any], device: Device) -> Resources:
    """What the model of a results record needs on ``device``, by the cost tables."""
    return resources_of(Network.from_json(model["network"]), device)


def measured_excess(model: Mapping[str, Any], device: Device) -> list[str]:
    """A sentence for each figure of a results record that is above its promise.

    It is measured on the emulated core that stands for the device's, else on those of its back-end.
    """
    promised, cycles = promised_need(model, device), device.cycles
    stand_ins = [c for c in CORES if c == cycles.measured_on] or [
        core for core, other in CORES.items() if other.backend == cycles.backend
    ]
    return [
        f"{model['name']}, built by {compiler}, takes {shown(name, value)} of {RESOURCES[name]}; "
        f"promised for {device.name} were {shown(name, promise)}, and budgets are held against that"
        for core in stand_ins
        for compiler, build in model.get("compilers", {}).get(core, {}).items()
        for name, value in _measured(build, device).items()
        if value > (promise := getattr(promised, name))
    ]


def _measured(build: Mapping[str, int], device: Device) -> dict[str, float]:
    """Flash, and latency where the device's core was counted."""
    need: dict[str, float] = {
        "flash_bytes": build["flash_bytes"] * device.cycles.octets_per_value,
    }
    if device.cycles.measured_on:
        cycles = device.cycles.from_instructions(build["instructions"])
        need["latency_seconds"] = cycles / device.clock_hz
    return need
