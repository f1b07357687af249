"""The hard limits of the device."""

from __future__ import annotations

from tinyml_nas.devices import Device
from tinyml_nas.errors import BudgetError


def check_budget(model: str, flash_bytes: int, ram_bytes: int, device: Device) -> None:
    """Raise ``BudgetError`` when the model alone is larger than a memory of the device."""
    for memory, need, limit in (
        ("flash", flash_bytes, device.flash_bytes),
        ("RAM", ram_bytes, device.ram_bytes),
    ):
        if need > limit:
            raise BudgetError(
                f"{model} needs {need:,} B of {memory}, and {device.name} has {limit:,} B",
                hint="choose a smaller nas_model_size or model_name, or a larger target_device",
            )
