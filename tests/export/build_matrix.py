"""The builds that users make of the generated C: which there are, which are void, how each is made.

A build is a level of each factor: compiler, core, float ABI, optimization and choice of kernels.
Each compiler makes one relocatable object of the C; gcc for Arm links it, whoever compiled it.
It is not told -ffreestanding, as most builds are not: so it may make calls of memset.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.machine import read_sections
from tinyml_nas.proof.cores.toolchain import (
    BUILD_TIMEOUT_S,
    linker_script,
    run_tool,
)

GCC = "arm-none-eabi-gcc"
COMPILERS = ("gcc", "clang", "zig")
FLOATS = ("soft", "softfp", "hard")
LEVELS = ("-O0", "-Og", "-Os", "-O2", "-O3", "LTO")
LTO = ("-O2", "-flto")
ZIG = ("-fno-sanitize=all", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
KERNELS: Mapping[str, Mapping[str, int]] = {
    "found": {},
    "plain": {"DSP": 0, "MVE": 0},
    "DSP": {"DSP": 1, "MVE": 0},
    "DSP aligned": {"DSP": 1, "MVE": 0, "UNALIGNED": 0},
    "ACLE": {"DSP": 1, "MVE": 0, "ACLE": 1},
    "ACLE aligned": {"DSP": 1, "MVE": 0, "ACLE": 1, "UNALIGNED": 0},
    "MVE": {"DSP": 0, "MVE": 1},
}
"""Macros that choose the kernels; ``found`` leaves the choice to the header."""


@dataclass(frozen=True)
class Core:
    """A core by the names that compilers have for it, and where its code runs."""

    cpu: str
    """For gcc and clang."""
    zig_cpu: str
    zig_fpu: str = ""
    """zig's name of what stands for the FPU; empty where there is none."""
    unicorn: str = ""
    """Core of ``EMULATED_CORES`` that runs its code; empty where QEMU does."""
    dsp: bool = False
    mve: bool = False


CORES: Mapping[str, Core] = {
    "M0": Core("cortex-m0", "cortex_m0", unicorn="cortex-m0"),
    "M0+": Core("cortex-m0plus", "cortex_m0plus", unicorn="cortex-m0"),
    "M3": Core("cortex-m3", "cortex_m3", unicorn="cortex-m3"),
    "M4": Core("cortex-m4+nofp", "cortex_m4", unicorn="cortex-m4", dsp=True),
    "M4F": Core("cortex-m4", "cortex_m4", "vfp4d16sp", "cortex-m4", dsp=True),
    "M7F": Core("cortex-m7", "cortex_m7", "fp_armv8d16", "cortex-m7", dsp=True),
    "M33F": Core("cortex-m33", "cortex_m33+dsp", "fp_armv8d16sp", "cortex-m33", dsp=True),
    "M55": Core("cortex-m55+nomve", "cortex_m55", "fp_armv8d16", dsp=True),
    "M55 Helium": Core("cortex-m55", "cortex_m55", "mve_fp", dsp=True, mve=True),
}

ARITHMETIC = re.compile(
    r"__aeabi_(f(add|sub|mul|div|2iz|cmp(eq|ge|gt|le|lt|un))|i2f|lmul|lasr|llsl|llsr"
    r"|u?idiv|u?idivmod|u?ldivmod)|__gnu_thumb1_case_\w+"
)
"""Arithmetic, comparisons and jump tables that compilers take from their own library."""
MEMORY = re.compile(r"mem(set|move|cpy)|__aeabi_mem(set|clr|move|cpy)[48]?")
"""What ``-nostdlib`` takes away and compilers call all the same."""

RUNTIME = """\
#include <stddef.h>
#include <stdint.h>
void *memset(void *to, int value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) { ((volatile uint8_t *)to)[i] = (uint8_t)value; }
    return to;
}
void *memmove(void *to, const void *from, size_t bytes)
{
    volatile uint8_t *const target = to;
    const uint8_t *const source = from;
    if ((uintptr_t)to < (uintptr_t)from) {
        for (size_t i = 0; i < bytes; i++) { target[i] = source[i]; }
    } else {
        for (size_t i = bytes; i > 0; i--) { target[i - 1] = source[i - 1]; }
    }
    return to;
}
void *memcpy(void *to, const void *from, size_t bytes) { return memmove(to, from, bytes); }
#define AEABI(suffix) \\
    void __aeabi_memset##suffix(void *to, size_t bytes, int value) { memset(to, value, bytes); } \\
    void __aeabi_memclr##suffix(void *to, size_t bytes) { memset(to, 0, bytes); } \\
    void __aeabi_memmove##suffix(void *to, const void *from, size_t bytes) \\
    { memmove(to, from, bytes); } \\
    void __aeabi_memcpy##suffix(void *to, const void *from, size_t bytes) \\
    { memmove(to, from, bytes); }
AEABI()
AEABI(4)
AEABI(8)
"""


@dataclass(frozen=True)
class Build:
    """One build of the C."""

    compiler: str
    core: str
    float_abi: str
    level: str
    kernels: str

    @property
    def levels(self) -> tuple[str, ...]:
        """Its level of each factor."""
        return (self.compiler, self.core, self.float_abi, self.level, self.kernels)

    def __str__(self) -> str:
        return " ".join(self.levels)

    @property
    def void(self) -> str:
        """Why there is no such build; empty where there is one."""
        core, macros = CORES[self.core], KERNELS[self.kernels]
        if self.float_abi != "soft" and not core.zig_fpu:
            return "the core has no FPU"
        if self.float_abi == "soft" and core.mve:
            return "compilers use no vector registers with soft float, so it is the M55 again"
        if macros.get("DSP") and not core.dsp:
            return "the core has no DSP extension"
        if macros.get("MVE") and not core.mve:
            return "the core has no Helium"
        return ""

    @property
    def emulator(self) -> str:
        """What runs it."""
        return "unicorn" if CORES[self.core].unicorn else "QEMU"

    def missing_tools(self) -> list[str]:
        """What this machine lacks to make and run it."""
        tools = [GCC, *(("clang",) if self.compiler == "clang" else ())]
        tools += [qemu.EMULATOR] if self.emulator == "QEMU" else []
        missing = [tool for tool in tools if shutil.which(tool) is None]
        missing += ["ziglang"] if self._needs_zig and not _zig() else []
        return missing or ([] if _newlib() else ["newlib for Arm"])

    @property
    def _needs_zig(self) -> bool:
        return self.compiler == "zig" or (self.compiler == "clang" and self.level == "LTO")

    def library(
        self, prefix: str, sources: Sequence[Path], target: Path, flags: Sequence[str | Path] = ()
    ) -> Path:
        """One relocatable object of ``sources``; raises ``ToolError`` with the compiler's words."""
        macros = [f"-D{prefix.upper()}_{name}={on}" for name, on in KERNELS[self.kernels].items()]
        level = LTO if self.level == "LTO" else (self.level,)
        objects = [target.with_name(f"{target.stem}_{source.stem}.o") for source in sources]
        for source, made in zip(sources, objects, strict=True):
            command = [*self._compiler(), "-std=c99", *level, *macros, *flags]
            run_tool([*command, "-c", source, "-o", made], timeout_s=BUILD_TIMEOUT_S)
        joined = ("-r", *objects, "-o", target)
        if self.level == "LTO" and self.compiler != "gcc":
            run_tool([*_lld(), *joined])
        else:
            native = ("-flinker-output=nolto-rel", "-Werror") if self.level == "LTO" else ()
            run_tool([*self.gcc(), *level, *native, "-nostdlib", *joined])
        return target

    def link(self, program: Path, *words: str | Path) -> Path:
        """The ELF of ``words`` (objects, C, options) and what stands in for a C library."""
        runtime = program.with_name("runtime.c")
        runtime.write_text(RUNTIME, encoding="ascii")
        quiet = ("-Wl,--no-warn-rwx-segments", "-Wl,--no-enum-size-warning")
        once = ("-std=c99", "-O1", "-ffreestanding", "-fno-tree-loop-distribute-patterns")
        sections = ("-ffunction-sections", "-Wl,--gc-sections")
        run_tool(
            [
                *(*self.gcc(), *once, *sections, *quiet, "-nostdlib", *words),
                *(runtime, "-lgcc", "-o", program),
            ]
        )
        return program

    def link_functions(
        self, library: Path, program: Path, keep: Sequence[str], *more: str | Path
    ) -> Path:
        """The ELF with the functions ``keep`` of ``library``, and what they and ``more`` need."""
        script = program.with_suffix(".ld")
        script.write_text(linker_script(keep), encoding="ascii")
        return self.link(program, library, *more, "-T", script)

    def gcc(self) -> tuple[str, ...]:
        """gcc for this core, which links for all compilers."""
        core = CORES[self.core]
        return (GCC, "-mthumb", f"-mcpu={core.cpu}", f"-mfloat-abi={self.float_abi}")

    def _compiler(self) -> tuple[str, ...]:
        core = CORES[self.core]
        if self.compiler == "gcc":
            return (*self.gcc(), "-Wa,--fatal-warnings")
        if self.compiler == "clang":
            # for Arm without an operating system it takes unaligned accesses as forbidden
            wanted = core.dsp and self.kernels in ("DSP", "ACLE")
            unaligned = ("-munaligned-access",) if wanted else ()
            return ("clang", "--target=arm-none-eabi", *self.gcc()[1:], *unaligned)
        triple = "thumb-freestanding-eabi" + ("hf" if self.float_abi == "hard" else "")
        cpu = core.zig_cpu if self.float_abi == "soft" else f"{core.zig_cpu}+{core.zig_fpu}"
        softfp = ("-mfloat-abi=softfp",) if self.float_abi == "softfp" else ()
        return (*_zig(), "cc", "-target", triple, f"-mcpu={cpu}", *softfp, *ZIG)


def builds() -> list[Build]:
    """All that are not void."""
    every = (Build(*levels) for levels in product(COMPILERS, CORES, FLOATS, LEVELS, KERNELS))
    return [build for build in every if not build.void]


def undefined_symbols(library: Path) -> set[str]:
    """What a relocatable object takes from elsewhere."""
    from elftools.elf.elffile import ELFFile

    with library.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {s.name for s in table.iter_symbols() if s["st_shndx"] == "SHN_UNDEF" and s.name}


def variables(library: Path) -> list[str]:
    """Sections of an object that hold variables."""
    return [s.name for s in read_sections(library) if s.name.startswith((".data", ".bss"))]


@cache
def _newlib() -> bool:
    """Whether gcc has the headers of a C library."""
    found = run_tool([GCC, "-print-file-name=libc.a"]).decode().strip()
    return Path(found).is_absolute()


def _lld() -> tuple[str, ...]:
    """A linker that optimizes LLVM's bitcode: the one beside clang, or else zig's."""
    return ("ld.lld",) if shutil.which("ld.lld") else (*_zig(), "ld.lld")


def _zig() -> tuple[str, ...]:
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        return ()
    return (str(Path(spec.origin).with_name("zig")),)
