"""Compilers: whatever builds C for this machine, and two for the bare metal of other cores.

``ziglang`` comes with pip and builds for microcontrollers from any desktop; it also stands in as
host compiler where there is none.  GCC for Arm, which builds most firmware, is used where it is
installed.  A missing compiler or a failed build is a ``ToolError``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tinyml_nas.errors import ToolError
from tinyml_nas.proof.cores.targets import EMULATED_CORES

HOST_COMPILERS = ("gcc", "clang", "cc")
GCC, GCC_PACKAGE = "arm-none-eabi-gcc", "gcc-arm-none-eabi"
NO_LIBC = ("-ffreestanding", "-fno-tree-loop-distribute-patterns", "-nostdlib")
"""For GCC, which otherwise calls memset where a loop fills memory."""
BUILD_TIMEOUT_S = 600.0  # zig builds its runtime library once, which is slow on a loaded machine
RUN_TIMEOUT_S = 120.0
MESSAGE_LINES = 12

LINKER_SCRIPT = """\
SECTIONS
{
    . = 0x00010000;
    .text : { *(.text .text.*) }
    .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
    . = 0x20000000;
    .data : { *(.data .data.* .sdata .sdata.*) }
    .bss : { *(.bss .bss.* .sbss .sbss.* COMMON) }
    /DISCARD/ : { *(.ARM.exidx*) *(.comment) }
}
"""


@dataclass(frozen=True)
class Compiler:
    """A C compiler of this machine that understands gcc's options."""

    name: str
    command: tuple[str, ...]


class BareMetalBuild(Protocol):
    """Makes a bare-metal ELF for ``core`` with the functions ``keep`` and what they call."""

    def __call__(
        self,
        core: str,
        sources: Sequence[Path],
        program: Path,
        keep: Sequence[str],
        *,
        optimize: str,
    ) -> Path: ...


def run_tool(
    command: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    folder: Path | None = None,
    timeout_s: float = RUN_TIMEOUT_S,
) -> bytes:
    """Standard output of ``command``; raises ``ToolError`` with its own message if it fails."""
    words = [str(word) for word in command]
    name = Path(words[0]).name
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, cwd=folder, timeout=timeout_s
        )
    except OSError as error:
        raise ToolError(f"{name} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{name} did not end within {timeout_s:g} s") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()[:MESSAGE_LINES]
        text = "\n".join(lines) or "no message"
        raise ToolError(f"{name} failed with exit code {done.returncode}: {text}")
    return done.stdout


def host_compilers() -> tuple[Compiler, ...]:
    """Compilers for this machine, best first; empty where there is none."""
    found = [Compiler(name, (path,)) for name in HOST_COMPILERS if (path := shutil.which(name))]
    if zig := _zig_command():
        found.append(Compiler("zig cc", (*zig, "cc")))
    return tuple(found)


def host_compiler() -> Compiler:
    """The best compiler for this machine; raises ``ToolError`` where there is none."""
    if compilers := host_compilers():
        return compilers[0]
    raise ToolError(
        "no C compiler was found", hint="install gcc or clang, or run: pip install ziglang"
    )


def build_host(
    compiler: Compiler, sources: Sequence[Path], program: Path, flags: Sequence[str] = ("-O2",)
) -> Path:
    """The program that ``compiler`` makes of ``sources``; ``.exe`` is added on Windows."""
    if sys.platform == "win32":
        program = program.with_suffix(".exe")
    run_tool(
        [*compiler.command, "-std=c99", *flags, *sources, "-o", program],
        timeout_s=BUILD_TIMEOUT_S,
    )
    return program


def build_bare_metal(
    core: str,
    sources: Sequence[Path],
    program: Path,
    keep: Sequence[str],
    flags: Sequence[str] = (),
    optimize: str = "-Os",
) -> Path:
    """A ``BareMetalBuild`` with zig."""
    target, zig = EMULATED_CORES[core], _zig_command()
    if not zig:
        raise ToolError("zig was not found", hint="run: pip install ziglang")
    script = program.with_suffix(".ld")
    script.write_text(linker_script(keep), encoding="ascii")
    run_tool(
        [
            *(*zig, "build-exe", "-target", target.isa.target),
            *("-mcpu=" + target.compiled_as, "-O", "ReleaseFast", "-fcompiler-rt"),
            *("-fno-unwind-tables", "-fno-strip", "--gc-sections", f"-fentry={keep[0]}"),
            *("--script", str(script), "-cflags", "-std=c99", optimize, "-ffreestanding"),
            *("-fno-sanitize=undefined", "-ffunction-sections", "-fdata-sections"),
            *("-fomit-frame-pointer", *flags, "--"),
            *(source.absolute() for source in sources),
            f"-femit-bin={program}",
        ],
        folder=program.parent,  # zig leaves files where it runs
        timeout_s=BUILD_TIMEOUT_S,
    )
    return program


def gcc_build(compiler: str = GCC, flags: Sequence[str] = ()) -> BareMetalBuild:
    """A ``BareMetalBuild`` with a cross-compiling gcc and more ``flags``."""

    def build(
        core: str, sources: Sequence[Path], program: Path, keep: Sequence[str], *, optimize: str
    ) -> Path:
        if shutil.which(compiler) is None:
            raise ToolError(f"{compiler} not found; on Debian: apt-get install {GCC_PACKAGE}")
        script = program.with_suffix(".ld")
        script.write_text(linker_script(keep), encoding="ascii")
        target = (f"-mcpu={core}", "-mthumb", "-std=c99", optimize, *NO_LIBC)
        sections = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
        run_tool(
            [compiler, *target, *sections, *flags, "-T", script, *sources, "-lgcc", "-o", program],
            timeout_s=BUILD_TIMEOUT_S,
        )
        return program

    return build


CROSS_COMPILERS: Mapping[str, BareMetalBuild] = {"zig": build_bare_metal, "gcc": gcc_build()}
"""By the name that the cost tables and ``results.json`` have for each."""


def linker_script(keep: Sequence[str]) -> str:
    """Script for an ELF with the functions ``keep`` and what they call; the first is its entry."""
    roots = "".join(f"EXTERN({name})\n" for name in keep)
    return f"ENTRY({keep[0]})\n{roots}{LINKER_SCRIPT}"


def _zig_command() -> tuple[str, ...]:
    if (spec := importlib.util.find_spec("ziglang")) is not None:
        program = Path(spec.origin or "").with_name("zig.exe" if os.name == "nt" else "zig")
        # without a Python in front, which takes longer to start than zig
        return (str(program),) if program.is_file() else (sys.executable, "-m", "ziglang")
    if path := shutil.which("zig"):
        return (path,)
    return ()
