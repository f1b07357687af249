"""A device: memories, clock, core, and what its accelerator takes; read from ``NAME.yaml``."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import ErrorDetails

from tinyml_nas.config import Config, InvalidConfig
from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.devices.cores import CORES, MEASURED_CORES, CycleModel
from tinyml_nas.devices.listing import device_file, device_names
from tinyml_nas.errors import ConfigError
from tinyml_nas.located.marks import Mapping, parse, plain
from tinyml_nas.located.problems import Place, Problem, Source
from tinyml_nas.located.suggest import did_you_mean, nearest_relative
from tinyml_nas.located.units import parse_clock, parse_size

KEYS = "it has core, clock, flash and ram, and may have vendor, source, note, assumed and npu"
SMALLEST_MEMORY, LARGEST_MEMORY = 256, 1 << 32
SLOWEST, FASTEST = 32_000, 2_000_000_000


def _known_core(core: str) -> str:
    if core not in CORES:
        raise ValueError(f"{core!r} is no core that is known: {', '.join(CORES)}")
    return core


def _plausible_memory(size: int) -> int:
    if not SMALLEST_MEMORY <= size <= LARGEST_MEMORY:
        raise ValueError(f"{size:,} B is no memory of a microcontroller: write kB, KiB or MiB")
    return size


def _plausible_clock(hertz: int) -> int:
    if not SLOWEST <= hertz <= FASTEST:
        raise ValueError(f"{hertz:,} Hz is no clock of a microcontroller: write kHz or MHz")
    return hertz


Bytes = Annotated[int, BeforeValidator(parse_size), AfterValidator(_plausible_memory)]
Hertz = Annotated[int, BeforeValidator(parse_clock), AfterValidator(_plausible_clock)]


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
    mean_min_inputs: int = Field(3, description="Fewest values that a global mean is taken of.")
    unsupported: tuple[str, ...] = Field(
        ("concat", "dilation"), description="Operations that it has not, and dilations."
    )


class EthosU(_Record):
    """An Ethos-U beside the core, as its compiler has to know it."""

    kind: Literal["ethos-u55", "ethos-u65", "ethos-u85"]
    macs: Literal[32, 64, 128, 256, 512, 1024, 2048] = Field(
        description="Multiplications of 8 bits in one cycle."
    )
    clock_hz: Hertz = Field(alias="clock")
    memory_mode: Literal["sram_only", "shared_sram", "dedicated_sram"] = Field(
        "sram_only", description="Where weights and feature maps lie while it runs."
    )

    @property
    def accelerator(self) -> str:
        """As its compiler calls it: ``ethos-u55-128``."""
        return f"{self.kind}-{self.macs}"


class Device(_Record):
    """One microcontroller as a target."""

    name: str
    vendor: str = ""
    core: Annotated[str, AfterValidator(_known_core)]
    clock_hz: Hertz = Field(alias="clock")
    flash_bytes: Bytes = Field(alias="flash")
    ram_bytes: Bytes = Field(alias="ram")
    npu: Annotated[NpuRules | EthosU, Field(discriminator="kind")] | None = None
    source: str = ""  # of the figures
    optimize: Optimize = "balanced"  # of the code that runs on it, not of the part itself
    # figures that no document gave, taken from a sibling or on the safe side
    assumed: tuple[str, ...] = ()
    note: str | None = None

    @property
    def cycles(self) -> CycleModel:
        """The cycle model of its core: an estimate."""
        return CORES[self.core]

    @property
    def cycles_per_instruction(self) -> MappingType[str, float]:
        """By emulated core; the one that stands for this device's core has this device's figure."""
        by_core = {core: CORES[core].cycles_per_instruction for core in MEASURED_CORES}
        stand_in = self.cycles.measured_on
        own = {stand_in: self.cycles.cycles_per_instruction} if stand_in else {}
        return by_core | own


def load_device(name: str, optimize: Optimize = "balanced", folder: Path | None = None) -> Device:
    """The device called ``name``, or in the file ``name``, with code that is made for ``optimize``.

    ``folder`` is where the user's own devices are.  Raises ``ConfigError`` for one that is unknown,
    or whose file is wrong.
    """
    path = device_file(name, folder)
    if path is None:
        raise ConfigError(
            f"There is no device {name!r}.",
            hint=nearest_relative(name, device_names(folder)) or "`info devices` lists the devices",
        )
    return read_device(path).model_copy(update={"optimize": optimize})


def target_of(config: Config) -> Device:
    """The device that ``config`` is about."""
    common = config.common
    return load_device(common.target_device, config.compilation.optimize, config.path.parent)


def read_device(path: Path) -> Device:
    """The device in ``path``; raises ``InvalidConfig`` with the line of every mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The device file {path} cannot be read: {error}.") from error
    tree, problems = parse(text, str(path))
    if not isinstance(tree, Mapping) or problems:
        start = Place(Source(str(path), tuple(text.splitlines()) or ("",)), 1, 1)
        found = problems or [
            Problem(start, "A device file is a list of keys.", f"{path.name}: {KEYS}")
        ]
        raise InvalidConfig(str(path), found)
    try:
        return Device.model_validate({**_plain(tree), "name": path.stem})
    except ValidationError as error:
        errors = error.errors(include_url=False)
    raise InvalidConfig(str(path), [_problem(tree, part) for part in errors])


def _plain(tree: Mapping) -> dict[str, Any]:
    values = plain(tree)
    assert isinstance(values, dict)
    return values


def _problem(tree: Mapping, error: ErrorDetails) -> Problem:
    """What is wrong, at its line of the file."""
    key = str(error["loc"][0])
    entry = tree.entries.get(key)
    if entry is None:
        return Problem(tree.place, f"The key {key!r} is missing.", KEYS)
    if error["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in Device.model_fields.items()]
        place = entry.key if len(error["loc"]) == 1 else entry.value.place
        word = str(error["loc"][-1])
        return Problem(place, f"{word!r} is not a known key.", did_you_mean(word, known) or KEYS)
    reason = str(error.get("ctx", {}).get("error", error["msg"]))
    hint = did_you_mean(str(error["input"]), CORES) if key == "core" else None
    return Problem(entry.value.place, f"{key}: {reason}.", hint)
