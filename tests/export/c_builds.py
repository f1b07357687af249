"""What the tests of the generated C share: its writer, compilers or a skip."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tinyml_nas.errors import ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.cores.toolchain import (
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


def missing_for(carrier: str) -> list[str]:
    """What the proof on a core needs and this machine does not have; other carriers need pip's."""
    if carrier == qemu.CORE:
        return qemu.missing_tools()
    if carrier not in EMULATED_CORES:
        return []
    zig = any(compiler.name == "zig cc" for compiler in host_compilers())
    unicorn = importlib.util.find_spec("unicorn")
    return [name for name, found in (("zig", zig), ("unicorn", unicorn)) if not found]


def unproven(carriers: Iterable[str]) -> list[str]:
    """Of ``carriers``, those that lack a tool: ``cortex-m55 (no qemu-system-arm)``."""
    return [f"{c} (no {' and '.join(missing)})" for c in carriers if (missing := missing_for(c))]


def require_proven(carriers: Iterable[Mapping[str, Any]]) -> None:
    """Fails unless a run's record calls every carrier proven, or not proven for lack of a tool."""
    status = {carrier["name"]: carrier["status"] for carrier in carriers}
    assert status == {name: "not proven" if missing_for(name) else "proven" for name in status}


def core_or_skip(core: str) -> str:
    """``core``; the test is skipped where compiler or emulator of that core are not installed."""
    if missing := unproven([core]):
        pytest.skip(f"NOT PROVEN: {missing[0]}")
    return core


def compiler_or_skip(name: str, *flags: str) -> str:
    """Path of a compiler or another tool; the test is skipped where it is not installed.

    With ``flags`` it is also skipped where the compiler's programs do not run with them.
    """
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    if flags and not _programs_run(path, flags):
        pytest.skip(f"{name} builds no programs with {' '.join(flags)} here")
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
        pytest.skip(" ".join(("neither clang nor gcc builds programs here", *flags)))
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
