"""Tools that pip does not bring: which of them this machine lacks, and what is left out then."""

from __future__ import annotations

import shutil

from tinyml_nas.proof.cores import qemu, toolchain
from tinyml_nas.proof.cores.targets import EMULATED_CORES


def missing_tools(core: str, compiler: str) -> list[str]:
    """What code of ``compiler`` on ``core`` wants and is not installed."""
    if core == qemu.CORE:
        return qemu.missing_tools()
    return [toolchain.GCC] if compiler == "gcc" and shutil.which(toolchain.GCC) is None else []


def left_out(*, counted: bool) -> str | None:
    """The sentences on all missing tools; ``counted`` where the code is counted too, else None."""
    tools = qemu.missing_tools()
    if not tools:
        return None
    undone = [f"{qemu.CORE} is not proven" + (" and its code is not counted" if counted else "")]
    cores = [core for core, target in EMULATED_CORES.items() if "gcc" in target.isa.compilers]
    if counted and missing_tools(cores[0], "gcc"):
        undone.append(f"gcc's code is not counted on {', '.join(cores)}")
    return (
        f"{' and '.join(tools)} {'are' if len(tools) > 1 else 'is'} not installed: "
        f"{'; '.join(undone)}. On Debian or Ubuntu: sudo apt-get install {qemu.PACKAGES}"
    )
