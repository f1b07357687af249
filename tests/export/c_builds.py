"""What the tests of the generated C share: its writer, compilers or a skip, gcc for Arm."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from tinyml_nas.errors import ToolError
from tinyml_nas.export import qemu
from tinyml_nas.export.c import CExport
from tinyml_nas.export.emulate import BareMetalBuild
from tinyml_nas.export.toolchain import (
    LINKER_SCRIPT,
    Compiler,
    build_host,
    host_compilers,
    run_tool,
)

SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
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


def missing_for(core: str) -> list[str]:
    """What a proof on ``core`` needs and this machine does not have."""
    if core == qemu.CORE:
        return qemu.missing_tools()
    zig = any(compiler.name == "zig cc" for compiler in host_compilers())
    unicorn = importlib.util.find_spec("unicorn")
    return [name for name, found in (("zig", zig), ("unicorn", unicorn)) if not found]


def core_or_skip(core: str) -> str:
    """``core``; the test is skipped where compiler or emulator of that core are not installed."""
    if missing := missing_for(core):
        pytest.skip(f"{core} IS UNTESTED: no {' and '.join(missing)}")
    return core


def compiler_or_skip(name: str, *flags: str) -> str:
    """Path of a compiler or another tool; the test is skipped where it is not installed.

    With ``flags`` it is also skipped where the compiler's programs do not run with them.
    """
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    if flags and not _programs_run(path, flags):
        pytest.skip(f"{name} has no {' '.join(flags)} here")
    return path


def host_compiler(*flags: str) -> Compiler | None:
    """clang, which sees most, or gcc: the first whose programs run, built with ``flags``."""
    for name in ("clang", "gcc"):
        path = shutil.which(name)
        if path is not None and _programs_run(path, flags):
            return Compiler(name, (path,))
    return None


def host_compiler_or_skip(*flags: str) -> Compiler:
    """:func:`host_compiler`; the test is skipped where there is none."""
    compiler = host_compiler(*flags)
    if compiler is None:
        pytest.skip(f"neither clang nor gcc builds programs {' '.join(flags)} here")
    return compiler


@cache
def _programs_run(path: str, flags: tuple[str, ...]) -> bool:
    """Whether an empty program compiles, links and runs: a sanitizer needs its own library."""
    with tempfile.TemporaryDirectory(prefix="tinyml_") as name:
        source = Path(name) / "main.c"
        source.write_text("int main(void) { return 0; }\n", encoding="ascii")
        try:
            run_tool([build_host(Compiler(path, (path,)), [source], Path(name) / "main", flags)])
        except ToolError:
            return False
    return True


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
