"""The example configurations of TI's tinyml-tensorlab, all of them in ``ti_examples.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

SET = Path(__file__).parent / "ti_examples.yaml"
HEAD = re.compile(r"^--- # (\S+)\n", re.MULTILINE)


def ti_set() -> Iterator[tuple[str, str]]:
    """The path of each example among TI's, such as ``gas_sensor/config.yaml``, and its text."""
    _, *parts = HEAD.split(SET.read_text(encoding="utf-8"))
    yield from zip(parts[::2], parts[1::2], strict=True)


def write_ti_set(folder: Path) -> dict[str, Path]:
    """Write the examples below ``folder``, as users have them on disk; the files by name."""
    files = {name: folder / name for name, _ in ti_set()}
    for name, text in ti_set():
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(text, encoding="utf-8", newline="\n")
    return files
