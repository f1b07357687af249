"""Runs the generated C as bare-metal machine code and counts what it costs.

There is no start-up code and no harness in the measured image: the emulator calls the functions as
a debugger would, with the arena, the stack and the input in its RAM.  Counts are exact executed
instructions from the first of ``<prefix>_run`` to its last; they are not cycles.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyml_nas.errors import ParityError
from tinyml_nas.export.c import CExport, time_major
from tinyml_nas.graph.integer import Int8, IntNetwork
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.elf import flash_symbols
from tinyml_nas.proof.cores.machine import Machine, read_functions, read_sections
from tinyml_nas.proof.cores.stack import StackWatch
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.cores.toolchain import BareMetalBuild, build_bare_metal
from tinyml_nas.results.export import FlashSymbol, Linked
from tinyml_nas.scratch import scratch_folder

COUNTED: Mapping[str, tuple[str, ...]] = {
    **{core: target.isa.compilers for core, target in EMULATED_CORES.items()},
    qemu.CORE: ("gcc",),
}
"""By core the compilers whose code is counted: keys of ``toolchain.CROSS_COMPILERS``."""
COUNTED_CORES = tuple(COUNTED)


@dataclass(frozen=True)
class Emulation:
    """What one inference costs on one core; maxima over the windows that were run."""

    core: str
    instructions: int
    layer_instructions: Mapping[str, int]
    stack_bytes: int
    stack_frames: Mapping[str, int]
    """Bytes of the functions that hold the stack where it is deepest, the caller first; empty where
    the emulator cannot be watched."""
    linked: Linked
    flash: tuple[FlashSymbol, ...]
    """All bytes of ``linked.flash_bytes``, by symbol."""


def emulate(
    net: IntNetwork,
    export: CExport,
    core: str,
    inputs: Int8,
    optimize: str = "-Os",
    build: BareMetalBuild = build_bare_metal,
) -> Emulation:
    """Instructions, stack and linked flash of ``export`` on ``core``, over windows (N, C, L).

    The firmware in QEMU has a ``build`` of its own.
    Raises ``ToolError`` when the compiler or the emulator is missing.
    """
    keep = [f"{export.prefix}_{name}" for name in ("run", "input", "scores", "arena_bytes")]
    with scratch_folder() as folder:
        program = folder / "model.elf"
        if core == qemu.CORE:
            counts, stack_bytes = qemu.count(export, folder, inputs, optimize)
            stack_frames: Mapping[str, int] = {}
            qemu.link_model(export, program, keep, optimize)
        else:
            build(core, export.sources, program, keep, optimize=optimize)
            counts, stack_bytes, stack_frames = _counted(program, core, export, inputs)
        layers = functools.reduce(operator.or_, counts)  # the maximum of each
        return Emulation(
            core=core,
            instructions=max(sum(count.values()) for count in counts),
            layer_instructions={
                layer.name: layers[function]
                for layer, function in zip(net.layers, export.layer_functions, strict=True)
            },
            stack_bytes=stack_bytes,
            stack_frames=stack_frames,
            linked=linked_size(program),
            flash=flash_symbols(program, export.prefix),
        )


def _counted(
    program: Path, core: str, export: CExport, inputs: Int8
) -> tuple[list[Counter[str]], int, Mapping[str, int]]:
    """Instructions by function for each window, bytes of stack, and the functions that hold them.

    Unicorn forgets to leave an IT block whose store it watches where its page of code ends there,
    and faults.  So what faults is run again unwatched, and nobody knows who holds the stack.
    """
    machine = Machine(program, core, export, count=True)
    stack = StackWatch(machine)
    try:
        counts = [_infer(machine, window) for window in time_major(inputs)]
        return counts, machine.stack_bytes(), stack.frames()
    except ParityError:
        machine = Machine(program, core, export, count=True)
        return [_infer(machine, window) for window in time_major(inputs)], machine.stack_bytes(), {}


def _infer(machine: Machine, window: Int8) -> Counter[str]:
    machine.infer(window)
    return machine.instructions_by_layer()


def linked_size(program: Path) -> Linked:
    """Flash of an ELF by section; raises ``ParityError`` if it has variables of its own."""
    sizes = {section.name: len(section.data) for section in read_sections(program)}
    if variables := sizes.get(".data", 0) + sizes.get(".bss", 0):
        raise ParityError(f"the generated C has {variables} bytes of variables outside its arena")
    text, rodata = sizes.get(".text", 0), sizes.get(".rodata", 0)
    library = sum(
        function.size_bytes
        for name, function in read_functions(program).items()
        if name.startswith("compiler_rt.")
    )
    return Linked(
        flash_bytes=text + rodata, text_bytes=text, rodata_bytes=rodata, library_bytes=library
    )
