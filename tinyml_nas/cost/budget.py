"""Hard budgets: what a model may cost at most, and what it does cost before any training.

Limits are those of the YAML, else the device's memories.  They are held against what the cost
tables promise, so that one YAML is judged alike on every machine.  What was measured depends on the
compilers that are installed, and only warns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml_nas.config import Config
from tinyml_nas.config.names import PRESET_PARAMETERS
from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.latency import latency_seconds, require_cycle_model
from tinyml_nas.cost.npu.share import npu_share
from tinyml_nas.cost.tables import CODE_HEADROOM_BYTES
from tinyml_nas.devices import CORES, Device, NpuRules
from tinyml_nas.errors import BudgetError
from tinyml_nas.graph import Network
from tinyml_nas.results.export import Build
from tinyml_nas.results.trained import Model

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
    """What one network is promised to cost on one device.

    Flash and latency have headroom for their fits, and bytes are octets, also where a byte of the
    device has 16 bits.  Where an Ethos-U runs the network, they are those of its program.
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
    """The one place that says what ``network`` needs on ``device``."""
    share = npu_share(network, device.ethos_u) if device.ethos_u else None
    if share is None:
        return core_resources_of(network, device)
    return Resources(
        share.parameters,
        share.macs,
        share.flash_bytes(device),
        share.ram_bytes(),
        share.seconds(device),
    )


def core_resources_of(network: Network, device: Device) -> Resources:
    """What ``network`` needs where the core of ``device`` runs it in C."""
    cost = network_cost(network, device.cycles.backend, device.optimize)
    octets = device.cycles.octets_per_value
    return Resources(
        cost.parameters,
        cost.macs,
        (cost.flash_bytes + CODE_HEADROOM_BYTES) * octets,
        cost.ram_bytes * octets,
        latency_seconds(network, device),
    )


PRESET_OVERHEAD_BYTES = 1800
"""Code, requantize tables and layer records of a chain of about ten layers, beside its weights."""

WRITTEN = "nas_budget"
KEYS = {"flash": "flash_bytes", "ram": "ram_bytes", "macs": "macs", "latency": "latency_seconds"}
KEY_OF = {name: key for key, name in KEYS.items()}
MEMORIES = ("flash", "ram")
UNWRITTEN: Mapping[str, str] = {}
"""The provenance of a configuration whose lines nobody asks for."""


def budget_from_config(
    config: Config, device: Device, provenance: Mapping[str, str] = UNWRITTEN
) -> tuple[Budget, dict[str, str]]:
    """The limits of the search, and by limited resource what set it.

    That is ``nas_budget``, ``device`` or ``preset m``.  A budget beyond a memory of the device is
    the memory's.  Raises ``ConfigError`` for a latency on a device that has no cycle model;
    ``provenance`` then tells where it was written.
    """
    training = config.training
    if training.nas_budget.latency is not None:
        path = "training.nas_budget.latency"
        require_cycle_model(device, f"{path}{_where(path, provenance)}", "limit macs instead")
    limits: dict[str, float] = {"flash_bytes": device.flash_bytes, "ram_bytes": device.ram_bytes}
    origins = dict.fromkeys(limits, "device")
    for key, name in KEYS.items():
        limit = getattr(training.nas_budget, key)
        if limit is not None and limit <= limits.get(name, limit):
            limits[name], origins[name] = limit, WRITTEN
    cap = preset_flash_bytes(training)
    if cap is not None and cap < limits["flash_bytes"]:
        limits["flash_bytes"], origins["flash_bytes"] = cap, f"preset {training.nas_model_size}"
    return Budget(**limits), origins  # type: ignore[arg-type]


def preset_flash_bytes(training: Training) -> int | None:
    """Flash that ``nas_model_size`` stands for where no cells are searched; ``None``: no cap.

    The presets of the cells have a largest network each; another one may be about as large.
    """
    written, size = training.nas_budget, training.nas_model_size
    if size is None or training.nas_space == "cells":
        return None
    if written.flash is not None or written.macs is not None:
        return None
    return PRESET_PARAMETERS[size] + PRESET_OVERHEAD_BYTES


def budget_warnings(
    config: Config, device: Device, provenance: Mapping[str, str] = UNWRITTEN
) -> list[str]:
    """A sentence for each budget that is larger than what the device has.

    And for a latency that the accelerator of the device has no part in.
    """
    warnings, npu = [], device.npu_in_use
    if config.training.nas_budget.latency is not None and isinstance(npu, NpuRules):
        path = "training.nas_budget.latency"
        warnings.append(
            f"{path}{_where(path, provenance)} is that of the {device.core} alone: how long a "
            f"layer takes on the {npu.kind} of {device.name} is not published."
        )
    for key in MEMORIES:
        limit: int | None = getattr(config.training.nas_budget, key)
        memory: int = getattr(device, KEYS[key])
        if limit is not None and limit > memory:
            path = f"training.nas_budget.{key}"
            warnings.append(
                f"{path} = {limit:,} B{_where(path, provenance)} is more than the {memory:,} B of "
                f"{device.name}, which hold instead."
            )
    return warnings


def _where(path: str, provenance: Mapping[str, str]) -> str:
    return f" ({provenance[path]})" if path in provenance else ""


def check_budget(
    model: str, need: Resources, device: Device, training: Training | None = None
) -> None:
    """Raise ``BudgetError`` when ``model`` needs more than it may.

    That is the memories of ``device`` and, where ``training`` is given, its ``nas_budget``.
    """
    if training is not None:
        _check_granted(model, need, training)
    for name in Budget(device.flash_bytes, device.ram_bytes).broken(need):
        source = ", an assumed figure" if KEY_OF[name] in device.assumed else ""
        raise BudgetError(
            f"{model} needs {shown(name, getattr(need, name))} of {RESOURCES[name]}; "
            f"{device.name} has {shown(name, getattr(device, name))}{source}.",
            hint="Choose a smaller model, shorter frames, or a larger target_device.",
        )


def _check_granted(model: str, need: Resources, training: Training) -> None:
    written = {name: getattr(training.nas_budget, key) for key, name in KEYS.items()}
    budget = Budget(**written)
    for name in budget.broken(need):
        raise BudgetError(
            f"{model} breaks the budget for {RESOURCES[name]}: it needs "
            f"{shown(name, getattr(need, name))}, training.nas_budget.{KEY_OF[name]} grants "
            f"{shown(name, getattr(budget, name))}.",
            hint=f"raise training.nas_budget.{KEY_OF[name]}, or search anew with a smaller one",
        )


def measured_excess(model: Model, promised: Resources, device: Device) -> list[str]:
    """A sentence for each figure of ``model`` that is above what was ``promised``.

    It is measured on the emulated core that stands for the device's, else on those of its back-end.
    Of what an NPU runs, nothing is measured.
    """
    if model.npu_program is not None:
        return []
    cycles = device.cycles
    stand_ins = [c for c in CORES if c == cycles.measured_on] or [
        core for core, other in CORES.items() if other.backend == cycles.backend
    ]
    return [
        f"{model.name}, built by {compiler}, takes {shown(name, value)} of {RESOURCES[name]}; "
        f"promised for {device.name} were {shown(name, promise)}, "
        "and budgets are held against that."
        for core in stand_ins
        for compiler, build in model.compilers.get(core, {}).items()
        for name, value in _measured(build, device).items()
        if value > (promise := getattr(promised, name))
    ]


def _measured(build: Build, device: Device) -> dict[str, float]:
    """Flash, and latency where the device's core was counted."""
    need: dict[str, float] = {
        "flash_bytes": build.flash_bytes * device.cycles.octets_per_value,
    }
    if device.cycles.measured_on:
        cycles = device.cycles.from_instructions(build.instructions)
        need["latency_seconds"] = cycles / device.clock_hz
    return need
