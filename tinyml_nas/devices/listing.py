"""Where the files of the devices are: ours, and those of the user beside the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent

ALIASES: Mapping[str, str] = {"AlifE3": "AlifE3-HP"}
"""Devices that were renamed: what they are called now."""


def device_names(folder: Path | None = None) -> tuple[str, ...]:
    """Every known device: the names of the files here.

    With those of the folder ``devices`` in ``folder``.
    """
    places = [FOLDER, *([folder / "devices"] if folder is not None else [])]
    return tuple(sorted({file.stem for place in places for file in place.glob("*.yaml")}))


def present_name(name: str, folder: Path | None = None) -> str:
    """``name`` as it is called now; it stays where the user has a file of that name."""
    return name if name in device_names(folder) else ALIASES.get(name, name)


def device_file(name: str, folder: Path | None = None) -> Path | None:
    """The file of the device called ``name``, or that ``name`` is the path of; ``None`` if none is.

    Paths start at ``folder``; what lies in its folder ``devices`` comes before our own.
    """
    if name.lower().endswith((".yaml", ".yml")):
        own = (folder or Path()) / Path(name).expanduser()
        return own if own.is_file() else None
    name = present_name(name, folder)
    if name not in device_names(folder):
        return None
    beside = None if folder is None else folder / "devices" / f"{name}.yaml"
    return beside if beside and beside.is_file() else FOLDER / f"{name}.yaml"
