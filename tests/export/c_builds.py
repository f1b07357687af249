"""What the tests of the generated C share: its writer, compilers or a skip, gcc for Arm."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tinyml_nas.export import qemu
from tinyml_nas.export.c import CExport
from tinyml_nas.export.emulate import BareMetalBuild
from tinyml_nas.export.toolchain import LINKER_SCRIPT, Compiler, run_tool

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Werror")

Emit = Callable[..., CExport]

WORDS = """
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#undef CHAR_BIT
#define CHAR_BIT 16
#define int8_t word_int8_t
#define uint8_t word_uint8_t
"""
"""What a compiler with bytes of 16 bits knows: no int8_t, until the header makes one of 16 bits."""


def words_of(folder: Path) -> tuple[str, ...]:
    """Flags that make such a compiler of one for this machine."""
    file = folder / "words.inc"
    file.write_text(WORDS, encoding="ascii")
    return ("-include", str(file))


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


def host_compiler_or_skip() -> Compiler:
    """clang, which sees most, or gcc; the test is skipped where neither is installed."""
    name = "clang" if shutil.which("clang") else "gcc"
    return Compiler(name, (compiler_or_skip(name),))


def gcc_build(compiler: str) -> BareMetalBuild:
    """A build with a cross-compiling gcc instead of zig."""

    def build(
        core: str, sources: Sequence[Path], program: Path, keep: Sequence[str], *, optimize: str
    ) -> Path:
        script = program.with_suffix(".ld")
        script.write_text(LINKER_SCRIPT, encoding="ascii")
        run_tool(
            [
                *(compiler, f"-mcpu={core}", "-mthumb", "-std=c99", optimize, "-ffreestanding"),
                *("-ffunction-sections", "-fdata-sections", "-nostdlib", f"-Wl,-T,{script}"),
                *("-Wl,--gc-sections", f"-Wl,-e,{keep[0]}", *(f"-Wl,-u,{name}" for name in keep)),
                *(*sources, "-lgcc", "-o", program),
            ]
        )
        return program

    return build
