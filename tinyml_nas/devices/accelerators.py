"""What runs layers beside the core: TI's accelerators by their rules, Arm's as Vela knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tinyml_nas.devices.figures import Bytes, Figures, Hertz

EthosKind = Literal["ethos-u55", "ethos-u65", "ethos-u85"]
MemoryMode = Literal["sram_only", "shared_sram", "dedicated_sram"]

MACS: Mapping[str, tuple[int, ...]] = {
    "ethos-u55": (32, 64, 128, 256),
    "ethos-u65": (256, 512),
    "ethos-u85": (128, 256, 512, 1024, 2048),
}
"""The configurations that exist, by kind."""


class NpuRules(Figures):
    """What a layer must look like to run on the accelerator instead of the core."""

    kind: Literal["ti-npu", "ti-cde"]
    channel_multiple: int = Field(4, description="Channels of every layer divide by this.")
    first_input_channels: int = Field(1, description="Input channels of the first convolution.")
    first_max_kernel: int = Field(8, description="Longest kernel of the first convolution.")
    max_kernel: int = Field(7, description="Longest kernel of the other convolutions.")
    strides: tuple[int, ...] = Field((1, 2), description="Strides of a convolution.")
    max_pool_kernel: int = Field(4, description="Longest window of a max pooling.")
    linear_min_inputs: int = Field(16, description="Fewest inputs of a linear layer at 8 bits.")
    mean_min_inputs: int = Field(3, description="Fewest values that a global mean is taken of.")
    unsupported: tuple[str, ...] = Field(
        ("concat", "dilation"), description="Operations that it has not, and dilations."
    )


class Port(Figures):
    """Speed of the memory behind a bus port, in the words of Vela's system configuration.

    Latencies are cycles of the NPU.
    """

    clock_scale: float = Field(gt=0, le=1, description="Its bandwidth as a share of the port's.")
    burst_length: int = Field(gt=0, description="Shortest efficient burst in bytes.")
    read_latency: int = Field(ge=0)
    write_latency: int = Field(ge=0)
    max_reads: int = Field(ge=0, description="Reads that may be under way at once.")
    max_writes: int = Field(ge=0, description="Writes that may be under way at once.")
    ports: int = Field(1, ge=1, le=4, description="Bus ports that lead to it, of an Ethos-U85.")

    @property
    def words(self) -> str:
        """As a device file has it."""
        return ", ".join(f"{key} {value:g}" for key, value in self.model_dump().items())


Speeds = Mapping[str, float]


def _speeds(scale: float, burst: int, read: int, write: int, at_once: tuple[int, int]) -> Speeds:
    return {
        "clock_scale": scale,
        "burst_length": burst,
        "read_latency": read,
        "write_latency": write,
        "max_reads": at_once[0],
        "max_writes": at_once[1],
    }


SRAM: Mapping[str, Speeds] = {
    "ethos-u55": _speeds(1.0, 32, 32, 32, (4, 4)),
    "ethos-u65": _speeds(1.0, 32, 32, 32, (8, 8)),
    "ethos-u85": {**_speeds(1.0, 64, 32, 32, (8, 8)), "ports": 2},
}
FLASH: Mapping[str, Speeds] = {
    "ethos-u55": _speeds(0.125, 128, 64, 0, (2, 0)),
    "ethos-u65": _speeds(0.0625, 128, 64, 0, (2, 0)),
    "ethos-u85": _speeds(0.0625, 128, 64, 0, (2, 0)),
}
DRAM: Mapping[str, Speeds] = {
    "ethos-u65": _speeds(0.46875, 128, 500, 250, (12, 6)),
    "ethos-u85": _speeds(0.46875, 128, 500, 250, (24, 12)),
}
"""What Arm's ``vela.ini`` has: Ethos_U55_High_End_Embedded, Ethos_U65_Embedded and _Mid_End,
Ethos_U85_SYS_Flash_High and _DRAM_Low.  They hold where a device file names no speed."""


class EthosU(Figures):
    """An Ethos-U beside the core, as its compiler has to know it."""

    kind: EthosKind
    macs: int = Field(description="Multiplications of 8 bits in one cycle.")
    clock_hz: Hertz = Field(alias="clock")
    memory_mode: MemoryMode = Field(
        "sram_only",
        description="sram_only: all in SRAM, weights are copied there; shared_sram: weights stay "
        "in flash; dedicated_sram: all in DRAM, SRAM of its own as a cache.",
    )
    cache_bytes: Bytes = Field(
        393_216, alias="cache", description="SRAM of its own where memory_mode is dedicated_sram."
    )
    sram: Port
    flash: Port = Field(description="Where weights lie: flash, MRAM, or DRAM if dedicated_sram.")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Speeds that the file leaves out are those of Arm's own configurations."""
        if not isinstance(given, Mapping) or given.get("kind") not in MACS:
            return given
        kind = str(given["kind"])
        behind = DRAM if given.get("memory_mode") == "dedicated_sram" else FLASH
        defaults = {"sram": SRAM[kind], "flash": behind.get(kind, FLASH[kind])}
        own = {name: given.get(name, {}) for name in defaults}
        return {
            **given,
            **{
                name: {**speeds, **own[name]} if isinstance(own[name], Mapping) else own[name]
                for name, speeds in defaults.items()
            },
        }

    @field_validator("macs")
    @classmethod
    def _exists(cls, macs: int, info: ValidationInfo) -> int:
        kind = info.data.get("kind")
        if kind is not None and macs not in MACS[kind]:
            known = ", ".join(map(str, MACS[kind]))
            raise ValueError(f"there is no {kind}-{macs}, the {kind} has one of {known}")
        return macs

    @field_validator("memory_mode")
    @classmethod
    def _possible(cls, mode: str, info: ValidationInfo) -> str:
        if mode == "dedicated_sram" and info.data.get("kind") == "ethos-u55":
            raise ValueError(
                "an ethos-u55 reads its second port and cannot write it: it has sram_only and "
                "shared_sram"
            )
        return mode

    @property
    def accelerator(self) -> str:
        """As its compiler calls it: ``ethos-u55-128``."""
        return f"{self.kind}-{self.macs}"

    @property
    def cores(self) -> int:
        """Cores that share its multiplications: the largest Ethos-U65 has two."""
        return 2 if self.accelerator == "ethos-u65-512" else 1


Accelerator = Annotated[NpuRules | EthosU, Field(discriminator="kind")]
