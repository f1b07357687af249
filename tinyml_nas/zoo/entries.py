"""The names of the zoo: what each line of ``zoo/<task>.yaml`` says, aliases included."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tinyml_nas.config.names import TASKS
from tinyml_nas.config.sections.common import Task

FOLDER = Path(__file__).parent


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
def _lines(task: Task) -> Mapping[str, Any]:
    text = (FOLDER / f"{task}.yaml").read_text(encoding="utf-8")
    lines: Mapping[str, Any] = yaml.safe_load(text)
    return lines


def renamed(task: Task) -> Mapping[str, str]:
    """Former names of models of one task, which may name models of another one, to the present."""
    lines = _lines(task).items()
    return {name: line["now"] for name, line in lines if isinstance(line, dict) and "now" in line}


@cache
def zoo_entries() -> Mapping[str, ModelEntry]:
    """Every model of the zoo by name, aliases included."""
    entries: dict[str, ModelEntry] = {}
    for task in TASKS:
        former = renamed(task)
        for name, value in _lines(task).items():
            if name in former:
                continue
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


def own_model(name: str, task: Task | None = None) -> ModelEntry | None:
    """The model that ``name`` means, aliases resolved; None if there is none.

    ``_NPU`` may be left out or added, except where both are models.  A former name means its model
    in the YAML of its ``task`` alone.
    """
    entries = zoo_entries()
    if task is not None:
        name = renamed(task).get(name.removesuffix("_NPU"), name)
    entry = entries.get(name) or entries.get(name.removesuffix("_NPU"))
    return entries[entry.alias_of] if entry and entry.alias_of else entry


def models_for(task: Task) -> tuple[str, ...]:
    """The models of one task, without aliases."""
    return tuple(
        name
        for name, entry in zoo_entries().items()
        if entry.task == task and entry.alias_of is None
    )


def model_names() -> tuple[str, ...]:
    """Every model name that is accepted."""
    names = tuple(zoo_entries())
    return (*names, *(f"{name}_NPU" for name in names if not name.endswith(("_NPU", "_t"))))
