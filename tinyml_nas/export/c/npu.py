"""Where a program of an Ethos-U lies in the generated C, and what of the kernels it leaves.

The NPU's memory and the kernels' share one arena.  Without the kernels of what it takes, its memory
begins where the arena does: nothing is copied but the one tensor that the kernels go on with.  With
them as the fallback, it lies beside the kernels' input, which a failed run then still finds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinyml_nas.cost.npu.ethos_u import Program, Split
from tinyml_nas.export.c.layers import CLayer, CModel, needed_kernels
from tinyml_nas.graph import INPUT, Network

ALIGNMENT_BYTES = 32
"""A line of the data cache of Cortex-M; the driver wants 16."""
LEAST_BASES = 3
"""The driver may write the third base pointer: that of its own fast memory."""


@dataclass(frozen=True)
class NpuPart:
    """The program of what an NPU takes of a network, and what it leaves to the kernels."""

    program: Program
    split: Split


@dataclass(frozen=True)
class Layout:
    """Offsets in the arena: of the NPU's memory, of input and scores of the network; its bytes."""

    scratch: int
    fast: int
    input: int
    scores: int
    arena_bytes: int


@dataclass(frozen=True)
class CNpu:
    """What the templates print of an ``NpuPart``; ``model`` is what the kernels compute then.

    ``handed`` is the layer whose output the NPU computes, ``alone`` the arena without the kernels
    of what it takes, ``beside`` the arena with them.
    """

    program: Program
    taken: frozenset[int]
    handed: CLayer
    model: CModel
    alone: Layout
    beside: Layout

    @property
    def fills(self) -> bool:
        """Whether the kernels that are left fill margins."""
        return any(layer.margins for layer in self.model.layers)

    @property
    def commands(self) -> npt.NDArray[np.uint8]:
        """The driver's payload."""
        return np.frombuffer(self.program.commands, np.uint8)

    @property
    def weights(self) -> npt.NDArray[np.uint8]:
        """The constants; C has no array without a value."""
        return np.frombuffer(self.program.weights or bytes(1), np.uint8)

    @property
    def bases(self) -> tuple[tuple[str, str], ...]:
        """Address and bytes behind each base pointer, as expressions of C."""
        scratch, fast = self.program.scratch, self.program.fast_scratch
        used = {scratch.index: ("arena + SCRATCH", scratch.size_bytes)}
        if fast.size_bytes:
            used[fast.index] = ("arena + FAST_SCRATCH", fast.size_bytes)
        used[self.program.weights_region] = ("weights", len(self.program.weights))
        count = max(LEAST_BASES, *(index + 1 for index in used))
        found = (used.get(index, ("", 0)) for index in range(count))
        return tuple((f"ADDRESS({at})" if at else "0", str(size)) for at, size in found)

    @property
    def executed(self) -> bool:
        """Whether a simulator has run the commands: there is none of the U85's."""
        return not self.program.accelerator.startswith("ethos-u85")


def resolve_npu(part: NpuPart, network: Network, model: CModel) -> CNpu:
    """Everything the templates need to print ``part`` of the network of ``model``."""
    program = part.program
    assert program.scratch.offset == program.fast_scratch.offset == 0, "memory begins at its base"
    assert program.input.index == program.output.index == program.scratch.index, "they lie in it"
    index = {node.name: i for i, node in enumerate(network.nodes)}
    taken = frozenset(index[name] for name in part.split.taken)
    rest = tuple(layer for layer in model.layers if layer.index not in taken)
    handed = index[_handed(part.split, network)]
    left = replace(model, layers=rest, kernels=needed_kernels(layer.portable for layer in rest))
    return CNpu(
        program=program,
        taken=taken,
        handed=model.layers[handed],
        model=left,
        alone=_alone(program, network, model, left),
        beside=_beside_kernels(program, network, model),
    )


def _handed(split: Split, network: Network) -> str:
    """The tensor that the NPU hands over: what the rest reads, or the output."""
    reads = {name for node in network.nodes if node.name in split.rest for name in node.inputs}
    (name,) = reads & set(split.taken) if split.rest else {network.output}
    return name


def _alone(program: Program, network: Network, model: CModel, left: CModel) -> Layout:
    fast = aligned(program.scratch.size_bytes)
    output = model.plan.buffers[network.output].data_offset
    if not left.layers:
        output = program.output.offset
    ends = [fast + program.fast_scratch.size_bytes, *_ends(network, model, left.layers)]
    return Layout(0, fast, program.input.offset, output, aligned(max(ends)))


def _ends(network: Network, model: CModel, layers: Iterable[CLayer]) -> list[int]:
    """Where the memory of ``layers`` ends, what they read included."""
    nodes = [network.nodes[layer.index] for layer in layers]
    names = {name for node in nodes for name in (node.name, *node.inputs)}
    buffers = [*(model.plan.buffers[name] for name in names)]
    buffers += [model.plan.scratch[n.name] for n in nodes if n.name in model.plan.scratch]
    # a convolution may read up to 3 bytes behind its input
    ends = (aligned(buffer.offset + buffer.size_bytes + 3, 4) for buffer in buffers)
    return [min(end, model.plan.arena_bytes) for end in ends]


def _beside_kernels(program: Program, network: Network, model: CModel) -> Layout:
    buffer = model.plan.buffers[INPUT]
    size = aligned(program.scratch.size_bytes) + program.fast_scratch.size_bytes
    start = buffer.data_offset // ALIGNMENT_BYTES * ALIGNMENT_BYTES
    end = aligned(buffer.data_offset + buffer.rows * buffer.row_bytes)
    scratch = 0 if size <= start else end
    return Layout(
        scratch,
        scratch + aligned(program.scratch.size_bytes),
        buffer.data_offset,
        model.plan.buffers[network.output].data_offset,
        aligned(max(scratch + size, model.plan.arena_bytes)),
    )


def aligned(size_bytes: int, step: int = ALIGNMENT_BYTES) -> int:
    """The next multiple of ``step``."""
    return -(-size_bytes // step) * step


def guards(prefix: str, model: CModel, left: CModel | None) -> dict[str, str]:
    """By kernel the condition of the preprocessor that prints it, "" where all builds need it.

    ``left`` is what the kernels compute beside an NPU, if there is one.
    """
    whole = _conditions(prefix, model)
    if left is None:
        return whole
    alone = _conditions(prefix, left)
    return {kernel: _either(prefix, alone.get(kernel), text) for kernel, text in whole.items()}


def _conditions(prefix: str, model: CModel) -> dict[str, str]:
    replaced = {
        kernel: choice and f"!({prefix.upper()}_{choice})"
        for kernel, choice in model.replaced.items()
    }
    special = {kernel: f"{prefix.upper()}_{choice}" for kernel, choice in model.dsp_files.items()}
    return {kernel: text or "" for kernel, text in (replaced | special).items()}


def _either(prefix: str, alone: str | None, whole: str) -> str:
    """``alone`` (None: never) in a build without the kernels of the NPU's layers, or ``whole``."""
    every = f"{prefix.upper()}_CORE_LAYERS"
    if alone in (whole, ""):
        return whole if alone == whole else ""
    with_kernels = f"{every} && {whole}" if whole else every
    return with_kernels if alone is None else f"{alone} || ({with_kernels})"
