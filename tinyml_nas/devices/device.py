"""A device: memories, clock, core, and what its accelerator takes; read from ``NAME.yaml``."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from tinyml_nas.config import Config, InvalidConfig
from tinyml_nas.config.sections.delivery import NpuUse, Optimize
from tinyml_nas.devices.accelerators import (
    Accelerator,
    EthosKind,
    EthosU,
    MemoryMode,
    NpuRules,
    Port,
)
from tinyml_nas.devices.cores import CORES, MEASURED_CORES, CycleModel
from tinyml_nas.devices.figures import Bytes, Figures, Hertz
from tinyml_nas.devices.listing import device_file, device_names
from tinyml_nas.errors import ConfigError
from tinyml_nas.located.marks import Mapping, parse, plain
from tinyml_nas.located.problems import Place, Problem, Source
from tinyml_nas.located.suggest import did_you_mean, nearest_relative

KEYS = "it has core, clock, flash and ram, and may have vendor, source, note, assumed and npu"


def _known_core(core: str) -> str:
    if core not in CORES:
        raise ValueError(f"{core!r} is no core that is known: {', '.join(CORES)}")
    return core


class Device(Figures):
    """One microcontroller as a target."""

    name: str
    vendor: str = ""
    core: Annotated[str, AfterValidator(_known_core)]
    clock_hz: Hertz = Field(alias="clock")
    flash_bytes: Bytes = Field(alias="flash")
    ram_bytes: Bytes = Field(alias="ram")
    npu: Accelerator | None = None
    source: str = ""  # of the figures
    optimize: Optimize = "balanced"  # of the code that runs on it, not of the part itself
    npu_mode: NpuUse = "auto"  # of the program that runs on it, likewise
    # figures that no document gave, taken from a sibling or on the safe side
    assumed: tuple[str, ...] = ()
    note: str | None = None

    @property
    def cycles(self) -> CycleModel:
        """The cycle model of its core: an estimate."""
        return CORES[self.core]

    @property
    def npu_in_use(self) -> NpuRules | EthosU | None:
        """Its accelerator, unless it is switched off."""
        return None if self.npu_mode == "off" else self.npu

    @property
    def ethos_u(self) -> EthosU | None:
        """Its Ethos-U, unless it is switched off or the accelerator is another one."""
        return self.npu_in_use if isinstance(self.npu_in_use, EthosU) else None

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
    """The device that ``config`` is about, its accelerator in use as ``compilation`` says."""
    common, compilation = config.common, config.compilation
    device = load_device(common.target_device, compilation.optimize, config.path.parent)
    mode = compilation.npu if compilation.may_use_npu else "off"
    return device.model_copy(update={"npu_mode": mode})


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


KNOWN: MappingType[str, Sequence[str]] = {
    "core": tuple(CORES),
    "kind": (*get_args(EthosKind), "ti-npu", "ti-cde"),
    "memory_mode": get_args(MemoryMode),
}
"""The words that a key takes."""


def _problem(tree: Mapping, error: ErrorDetails) -> Problem:
    """What is wrong, at its line of the file."""
    around, path = tree, list[str]()
    tag = ("kind",) if error["type"].startswith("union_tag") else ()
    *outer, key = (str(part) for part in (*error["loc"], *tag))
    for part in outer:  # the parts that are no keys name the kind of accelerator
        entry = around.entries.get(part)
        if entry is not None and isinstance(entry.value, Mapping):
            around, path = entry.value, [*path, part]
    keys = KEYS if around is tree else None
    entry = around.entries.get(key)
    if entry is None:
        return Problem(around.place, f"The key {key!r} is missing.", keys)
    if error["type"] == "extra_forbidden":
        return Problem(entry.key, f"{key!r} is not a known key.", _known_key(key, path) or keys)
    words, value = KNOWN.get(key, ()), str(plain(entry.value))
    reason = str(error.get("ctx", {}).get("error", error["msg"]))
    if error["type"] in ("union_tag_invalid", "literal_error") and words:
        reason = f"{value!r} is none of {', '.join(words)}"
    where = ".".join((*path, key))
    return Problem(entry.value.place, f"{where}: {reason}.", did_you_mean(value, words))


def _known_key(word: str, path: Sequence[str]) -> str | None:
    """``did you mean``, of the keys that stand below ``path``."""
    records = {0: (Device,), 1: (EthosU, NpuRules), 2: (Port,)}[len(path)]
    fields = (item for record in records for item in record.model_fields.items())
    return did_you_mean(word, [field.alias or name for name, field in fields])
