"""The hard budget of a search: what the YAML says, else what the device has.

Free of torch, so that ``check`` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.config import Config
from tinyml_nas.config.names import PRESET_PARAMETERS
from tinyml_nas.config.training import Training
from tinyml_nas.devices import CORES, Device
from tinyml_nas.errors import ConfigError
from tinyml_nas.search.budget import Budget

PRESET_OVERHEAD_BYTES = 1800
"""Code, requantize tables and layer records of a chain of about ten layers, beside its weights."""

WRITTEN = "nas_budget"
KEYS = {"flash": "flash_bytes", "ram": "ram_bytes", "macs": "macs", "latency": "latency_seconds"}
MEMORIES = ("flash", "ram")
NOWHERE: Mapping[str, str] = {}


def budget_from_config(
    config: Config, device: Device, provenance: Mapping[str, str] = NOWHERE
) -> tuple[Budget, dict[str, str]]:
    """The limits of the search, and by limited resource what set it.

    That is ``nas_budget``, ``device`` or ``preset m``.  A budget beyond a memory of the device is
    the memory's.  Raises ``ConfigError`` for a latency on a device that has no cycle model;
    ``provenance`` then tells where it was written.
    """
    training = config.training
    _check_latency(training, device, provenance)
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
    config: Config, device: Device, provenance: Mapping[str, str] = NOWHERE
) -> list[str]:
    """A sentence for each budget that is larger than what the device has."""
    warnings = []
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


def _check_latency(training: Training, device: Device, provenance: Mapping[str, str]) -> None:
    path = "training.nas_budget.latency"
    measured = [name for name, core in CORES.items() if core.measured_on]
    if training.nas_budget.latency is not None and device.cycles.measured_on is None:
        raise ConfigError(
            f"{path}{_where(path, provenance)}: no cycle model was measured for the {device.core} "
            f"of {device.name}, so a latency cannot be promised.",
            hint=f"limit macs instead, or name a target_device with one of {', '.join(measured)}",
        )


def _where(path: str, provenance: Mapping[str, str]) -> str:
    return f" ({provenance[path]})" if path in provenance else ""
