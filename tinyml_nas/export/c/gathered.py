"""Dilated convolutions of short taps in C: their windows are gathered before a kernel runs."""

from __future__ import annotations

from tinyml_nas.cost.dilation import gathered_step
from tinyml_nas.export.c.records import KernelCall, Placed
from tinyml_nas.graph.integer import IntConv


def gather(call: KernelCall, op: IntConv, placed: Placed) -> KernelCall:
    """The call that gathers windows into ``placed.scratch``, where the kernel of ``call`` works."""
    assert placed.scratch is not None
    row_bytes = placed.source.row_bytes
    fields = {f"layer.{name}": text for name, text in call.fields}
    fields |= {
        "layer.step": str(gathered_step(op.weight[0].size)),
        "windows.taps": str(op.weight.shape[1]),
        "windows.run": str(row_bytes),
        "windows.jump": f"{op.dilation - 1} * {row_bytes}",
        "windows.step": f"{op.stride} * {row_bytes}",
    }
    sources = (*call.sources, placed.scratch.data_offset)
    return KernelCall(f"gathered_{call.kernel}", tuple(fields.items()), sources, call.target)
