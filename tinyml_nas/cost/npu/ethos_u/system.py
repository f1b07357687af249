"""What Vela has to know of the machine around an Ethos-U: its memories and where things lie."""

from __future__ import annotations

from collections.abc import Iterator

from tinyml_nas.devices import EthosU
from tinyml_nas.devices.accelerators import Port

NAME = "device"
AREAS = {
    "sram_only": ("Axi0", "Axi0", "Axi0"),
    "shared_sram": ("Axi1", "Axi0", "Axi0"),
    "dedicated_sram": ("Axi1", "Axi1", "Axi0"),
}
"""Ports of constants, of feature maps and of the fast memory in front of them."""


def system_text(npu: EthosU) -> str:
    """The system as Vela reads it, in the form of its ``vela.ini``."""
    constants, arena, cache = AREAS[npu.memory_mode]
    second = "Dram" if npu.memory_mode == "dedicated_sram" else "OffChipFlash"
    lines = [
        "[architecture]",
        f"macs={npu.macs // npu.cores}",
        f"cores={npu.cores}",
        "[vela]",
        f"system_config_name={NAME}",
        f"memory_mode_name={NAME}",
        f"[System_Config.{NAME}]",
        f"core_clock={npu.clock_hz}",
        "axi0_port=Sram",
        f"axi1_port={second}",
        *_speeds("Sram", npu.sram),
        *_speeds(second, npu.flash),
        f"[Memory_Mode.{NAME}]",
        f"const_mem_area={constants}",
        f"arena_mem_area={arena}",
        f"cache_mem_area={cache}",
    ]
    return "\n".join(lines) + "\n"


def _speeds(memory: str, port: Port) -> Iterator[str]:
    figures = port.model_dump()
    figures["ports_used"] = figures.pop("ports")
    return (f"{memory}_{key}={value}" for key, value in figures.items())
