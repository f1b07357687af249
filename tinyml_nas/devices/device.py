"""A device: memories, clock, core, and what its accelerator takes; read from ``NAME.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tinyml_nas.config.delivery import Optimize
from tinyml_nas.config.names import device_names
from tinyml_nas.config.suggest import did_you_mean
from tinyml_nas.config.units import parse_bytes, parse_frequency
from tinyml_nas.devices.cores import CORES, CycleModel
from tinyml_nas.devices.instructions import INSTRUCTIONS
from tinyml_nas.errors import ConfigError, ToolError

FOLDER = Path(__file__).parent
Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0)]
Hertz = Annotated[int, BeforeValidator(parse_frequency), Field(gt=0)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class NpuRules(_Record):
    """What a layer must look like to run on the accelerator instead of the core."""

    kind: Literal["ti-npu", "ti-cde"]
    channel_multiple: int = Field(4, description="Channels of every layer divide by this.")
    first_input_channels: int = Field(1, description="Input channels of the first convolution.")
    first_max_kernel: int = Field(8, description="Longest kernel of the first convolution.")
    max_kernel: int = Field(7, description="Longest kernel of the other convolutions.")
    strides: tuple[int, ...] = Field((1, 2), description="Strides of a convolution.")
    max_pool_kernel: int = Field(4, description="Longest window of a max pooling.")
    linear_min_inputs: int = Field(16, description="Fewest inputs of a linear layer at 8 bits.")
    unsupported: tuple[str, ...] = Field(("concat",), description="Operations that it has not.")


class Device(_Record):
    """One microcontroller as a target."""

    name: str
    vendor: str
    core: str
    clock_hz: Hertz = Field(alias="clock")
    flash_bytes: Bytes = Field(alias="flash")
    ram_bytes: Bytes = Field(alias="ram")
    npu: NpuRules | None = None
    source: str
    optimize: Optimize = "balanced"  # of the code that runs on it, not of the part itself
    # figures that no document gave, taken from a sibling or on the safe side
    assumed: tuple[str, ...] = ()
    note: str | None = None

    @property
    def cycles(self) -> CycleModel:
        """The cycle model of its core: an estimate."""
        return CORES[self.core]

    @property
    def cycles_per_instruction(self) -> Mapping[str, float]:
        """By emulated core; the one that stands for this device's core has this device's figure."""
        by_core = {core: CORES[core].cycles_per_instruction for core in INSTRUCTIONS}
        stand_in = self.cycles.measured_on
        own = {stand_in: self.cycles.cycles_per_instruction} if stand_in else {}
        return by_core | own


def load_device(name: str, optimize: Optimize = "balanced") -> Device:
    """The device called ``name`` with code that is made for ``optimize``."""
    if name not in device_names():
        raise ConfigError(
            f"There is no device {name!r}.",
            hint=did_you_mean(name, device_names()) or "`info devices` lists the devices",
        )
    path = FOLDER / f"{name}.yaml"
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Device.model_validate({"name": name, **fields, "optimize": optimize})
    except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
        raise ToolError(f"The device file {path.name} cannot be read: {error}") from error
