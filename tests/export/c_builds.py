"""What the tests of the generated C share: the type of a writer, compilers or a skip."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tinyml_nas.export import qemu
from tinyml_nas.export.c import CExport
from tinyml_nas.quantize.integer import IntNetwork

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror")

Emit = Callable[[IntNetwork], CExport]


def core_or_skip(core: str) -> str:
    """``core``; the test is skipped where compiler or emulator of that core are not installed."""
    if core == qemu.CORE and (missing := qemu.missing_tools()):
        pytest.skip(f"{' and '.join(missing)} not installed")
    return core


def compiler_or_skip(name: str) -> str:
    """Path of a compiler; the test is skipped where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path
