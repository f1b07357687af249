"""The microcontrollers: one YAML file each, named as ``common.target_device`` names them."""

from __future__ import annotations

from tinyml_nas.devices.accelerators import EthosU, NpuRules
from tinyml_nas.devices.cores import CORES, CycleModel
from tinyml_nas.devices.device import Device, load_device, target_of
from tinyml_nas.devices.listing import device_names

__all__ = [
    "CORES",
    "CycleModel",
    "Device",
    "EthosU",
    "NpuRules",
    "device_names",
    "load_device",
    "target_of",
]
