"""The words a YAML may use: tasks, models, search presets, devices.  Plain data, no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args

import yaml

from tinyml_nas.config.sections.common import Task

PACKAGE = Path(__file__).parent.parent

TASKS: tuple[Task, ...] = get_args(Task)
SUGGESTED: Mapping[Task, tuple[str, ...]] = {
    "classification": ("CLS_1k", "CLS_500", "CLS_4k", "CLS_13k"),
    "regression": ("REGR_1k", "REGR_4k", "REGR_13k", "REGR_Res_4k"),
    "forecasting": ("FCST_1k", "FCST_4k", "TCN_1k", "TCN_4k"),
    "anomaly": ("AD_1k", "AD_17k", "AE_1k", "AE_4k"),
}
"""Models of the zoo to start with, and to compare a search with: the first one always."""

LATER_MODELS = {
    "Lenet5": "images",
    "MobileNet": "images",
    "CustomCNN": "images",
    "Pose_and_Fall": "radar",
}
"""How the names of models begin that belong to tasks of a later release."""

NAS_KEYS = (
    "nas_layers",
    "nas_nodes_per_layer",
    "nas_init_channels",
    "nas_init_channel_multiplier",
    "nas_fanout_concat",
)
NAS_PRESETS = {
    "s": (3, 4, 1, 3, 4),
    "m": (10, 4, 1, 3, 4),
    "l": (12, 4, 4, 3, 4),
    "xl": (20, 4, 4, 3, 4),
    "xxl": (20, 6, 8, 3, 4),
}
"""``nas_model_size`` to the values of ``NAS_KEYS``."""

PRESET_PARAMETERS = {"s": 913, "m": 3_039, "l": 44_700, "xl": 77_600, "xxl": 437_000}
"""``nas_model_size`` to the most parameters that a network of TI's preset can have (6 classes)."""

"""The space of a task that has one of its own, which no other task searches."""

NAS_NAME = re.compile(r"NAS(?:_(s|m|l|xl|xxl))?", re.IGNORECASE)


class ModelEntry(NamedTuple):
    """A model of the zoo: what its line in ``zoo/<task>.yaml`` says.

    ``net`` is its architecture, ``note`` says where it is not what its name promises, and
    ``stands_in`` that this is worth a warning.  An alias has the ``net`` of ``alias_of``.
    """

    name: str
    task: Task
    net: str
    note: str | None = None
    stands_in: bool = False
    alias_of: str | None = None


@cache
def zoo_entries() -> Mapping[str, ModelEntry]:
    """Every model of the zoo by name, aliases included."""
    entries: dict[str, ModelEntry] = {}
    for task in TASKS:
        text = (PACKAGE / "zoo" / f"{task}.yaml").read_text(encoding="utf-8")
        for name, value in yaml.safe_load(text).items():
            if isinstance(value, str) and value.startswith("= "):
                meant = entries[value.removeprefix("= ")]
                entries[name] = meant._replace(name=name, alias_of=meant.name)
            elif isinstance(value, str):
                entries[name] = ModelEntry(name, task, value)
            else:
                instead = value.get("instead")
                note = instead or value["note"]
                entries[name] = ModelEntry(name, task, value["net"], note, instead is not None)
    return entries


def own_model(name: str) -> ModelEntry | None:
    """The model that ``name`` means, aliases resolved; None if there is none.

    ``_NPU`` may be left out or added, except where both are models.
    """
    entries = zoo_entries()
    entry = entries.get(name) or entries.get(name.removesuffix("_NPU"))
    return entries[entry.alias_of] if entry and entry.alias_of else entry


def models_for(task: Task) -> tuple[str, ...]:
    """The models of one task, without aliases."""
    return tuple(
        name
        for name, entry in zoo_entries().items()
        if entry.task == task and entry.alias_of is None
    )


def later_model(name: str) -> str | None:
    """The kind of task a model of a later release is for; None for other names."""
    for start, kind in LATER_MODELS.items():
        if name.lower().startswith(start.lower()):
            return kind
    return None


def model_names() -> tuple[str, ...]:
    """Every model name that is accepted."""
    names = tuple(zoo_entries())
    return (*names, *(f"{name}_NPU" for name in names if not name.endswith(("_NPU", "_t"))))


def device_names(folder: Path | None = None) -> tuple[str, ...]:
    """Every known device: the names of the files in ``devices``, read without importing it.

    With those of the folder ``devices`` in ``folder``.
    """
    places = [PACKAGE / "devices", *([folder / "devices"] if folder is not None else [])]
    return tuple(sorted({file.stem for place in places for file in place.glob("*.yaml")}))


def device_file(name: str, folder: Path | None = None) -> Path | None:
    """The file of the device called ``name``, or that ``name`` is the path of; ``None`` if none is.

    Paths start at ``folder``; what lies in its folder ``devices`` comes before our own.
    """
    if name.lower().endswith((".yaml", ".yml")):
        own = (folder or Path()) / Path(name).expanduser()
        return own if own.is_file() else None
    if name not in device_names(folder):
        return None
    beside = None if folder is None else folder / "devices" / f"{name}.yaml"
    return beside if beside and beside.is_file() else PACKAGE / "devices" / f"{name}.yaml"
