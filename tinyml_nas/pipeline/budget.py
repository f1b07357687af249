"""The hard limits of the device."""

from __future__ import annotations

from tinyml_nas.devices import Device
from tinyml_nas.errors import BudgetError


def check_budget(model: str, flash_bytes: int, ram_bytes: int, device: Device) -> None:
    """Raise ``BudgetError`` when the model alone is larger than a memory of the device."""
    for memory, need, limit in (
        ("flash", flash_bytes, device.flash_bytes),
        ("ram", ram_bytes, device.ram_bytes),
    ):
        if need > limit:
            source = ", an assumed figure" if memory in device.assumed else ""
            raise BudgetError(
                f"{model} needs {need:,} B of {memory}; {device.name} has {limit:,} B{source}",
                hint="choose a smaller nas_model_size or model_name, or a larger target_device",
            )
