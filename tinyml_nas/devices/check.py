"""The key that names the device, checked before anything is read of it."""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sources import nearest_file
from tinyml_nas.devices.listing import device_file, device_names
from tinyml_nas.located.draft import Draft
from tinyml_nas.located.suggest import nearest_relative


def check_device(draft: Draft, folder: Path) -> None:
    """Report a device that does not exist; ``folder`` may hold the user's own."""
    path, name = "common.target_device", draft.get("common", Common).target_device
    if device_file(name, folder) is not None:
        return
    if name.lower().endswith((".yaml", ".yml")):
        hint = nearest_file(folder / name) or "the path of a device file starts at this file"
        draft.error(path, f"{path}: there is no device file {name!r}.", hint=hint)
    else:
        near = nearest_relative(name, device_names(folder))
        hint = near or "`info devices` lists the devices; a file of your own ends in .yaml"
        draft.error(path, f"{path}: there is no device {name!r}.", hint=hint)
