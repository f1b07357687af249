"""The key that names the device, and the one that asks for its NPU."""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.delivery import Compilation
from tinyml_nas.config.sources import nearest_file
from tinyml_nas.devices.device import load_device
from tinyml_nas.devices.listing import device_file, device_names, present_name
from tinyml_nas.located.draft import Draft
from tinyml_nas.located.suggest import nearest_relative


def check_device(draft: Draft, folder: Path) -> None:
    """Report a device that does not exist; ``folder`` may hold the user's own."""
    path, name = "common.target_device", draft.get("common", Common).target_device
    if device_file(name, folder) is not None:
        if (now := present_name(name, folder)) != name:
            draft.warn(
                f"{path}: {name} is called {now} now, and its NPU is used: "
                "compilation.npu: off leaves all to the core",
                path,
            )
        _check_npu(draft, name, folder)
        return
    if name.lower().endswith((".yaml", ".yml")):
        hint = nearest_file(folder / name) or "the path of a device file starts at this file"
        draft.error(path, f"{path}: there is no device file {name!r}.", hint=hint)
    else:
        near = nearest_relative(name, device_names(folder))
        hint = near or "`info devices` lists the devices; a file of your own ends in .yaml"
        draft.error(path, f"{path}: there is no device {name!r}.", hint=hint)


def _check_npu(draft: Draft, name: str, folder: Path) -> None:
    """Report an NPU that is required where there is none, or where a preset leaves it out."""
    path, compilation = "compilation.npu", draft.get("compilation", Compilation)
    if compilation.npu != "require":
        return
    if load_device(name, folder=folder).npu is None:
        draft.error(
            path,
            f"{path}: {name} has no NPU.",
            hint="take another common.target_device, or compilation.npu: auto",
            also=["common.target_device"],
        )
    elif not compilation.may_use_npu:
        key = "compilation.compile_preset_name"
        draft.error(
            path,
            f"{path}: {key} {compilation.compile_preset_name} leaves the NPU out.",
            hint="keep one of the two",
            also=[key],
        )
