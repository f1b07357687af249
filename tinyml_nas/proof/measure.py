"""What the generated C takes: counted on every core that can be emulated, with every compiler.

Only what is measured depends on which tools this machine has.  What was promised does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tinyml_nas.console import Console
from tinyml_nas.errors import ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.graph.integer import Int8, IntNetwork
from tinyml_nas.proof.cores.missing import missing_tools
from tinyml_nas.proof.cores.toolchain import CROSS_COMPILERS
from tinyml_nas.proof.emulate import COUNTED, Emulation, emulate
from tinyml_nas.results.export import Build, Measured, StackFrame

T = TypeVar("T")
FIGURES: Mapping[str, Callable[[Emulation], int]] = {
    "instructions": lambda run: run.instructions,
    "flash_bytes": lambda run: run.linked.flash_bytes,
    "stack_bytes": lambda run: run.stack_bytes,
}


def measure(net: IntNetwork, export: CExport, inputs: Int8, console: Console) -> Measured:
    """What ``export`` takes, over windows (N, C, L).

    ``compilers`` has the figures of each that is installed.  All else is by core, of the compiler
    with the most instructions, the largest flash or the deepest stack.
    """
    builds = {
        f"{core} ({name})": (core, name)
        for core in COUNTED
        for name in COUNTED[core]
        if not missing_tools(core, name)
    }

    def run(build: str) -> Emulation:
        core, name = builds[build]
        return emulate(net, export, core, inputs, build=CROSS_COMPILERS[name])

    runs: dict[str, dict[str, Emulation]] = defaultdict(dict)
    for build, found in on_each(tuple(builds), "count instructions", run, console).items():
        core, name = builds[build]
        runs[core][name] = found
    slowest, largest, deepest = (
        {core: max(found.values(), key=figure) for core, found in runs.items()}
        for figure in FIGURES.values()
    )
    return Measured(
        instructions={core: m.instructions for core, m in slowest.items()},
        layer_instructions={core: dict(m.layer_instructions) for core, m in slowest.items()},
        linked={core: m.linked for core, m in largest.items()},
        flash_symbols={core: list(m.flash) for core, m in largest.items()},
        stack_bytes={core: m.stack_bytes for core, m in deepest.items()},
        stack_frames={core: _frames(m) for core, m in deepest.items()},
        compilers={core: {name: _build(m) for name, m in by.items()} for core, by in runs.items()},
    )


def _frames(run: Emulation) -> list[StackFrame]:
    return [StackFrame(function=name, size_bytes=size) for name, size in run.stack_frames.items()]


def _build(run: Emulation) -> Build:
    return Build(**{label: figure(run) for label, figure in FIGURES.items()})


def on_each(
    items: Sequence[str], title: str, measure: Callable[[str], T], console: Console
) -> dict[str, T]:
    """What ``measure`` says of each item; one warning for all that fail alike."""
    measured, refused = {}, defaultdict[str, list[str]](list)
    with console.track(title, len(items)) as task:
        for item in items:
            try:
                measured[item] = measure(item)
            except ToolError as error:
                refused[error.message].append(item)
            task.advance(item)
    for message, missing in refused.items():
        console.warning(f"not measured: {', '.join(missing)}: {message}")
    return measured
