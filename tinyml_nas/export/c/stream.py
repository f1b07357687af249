"""What the templates of ``<prefix>_stream.h`` and ``.c`` need: int16 samples to labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinyml_nas.cost.arena import MemoryPlan
from tinyml_nas.export.c.names import c_comment
from tinyml_nas.export.c.npu import Layout
from tinyml_nas.features.integer.fixed import FixedOp
from tinyml_nas.graph import INPUT
from tinyml_nas.quantize.stream import UNDECIDED, IntStream

WORD_BYTES = 4


def stream_context(
    stream: IntStream, plan: MemoryPlan, npu: Layout | None = None
) -> dict[str, Any]:
    """The numbers of ``stream``, whose features are computed in the arena of ``plan``.

    With an ``npu`` the C has another arena where the kernels of its layers are not built.
    """
    frontend, chain = stream.frontend, stream.frontend.chain
    channels, features, parts = frontend.channels, frontend.features, frontend.parts
    outputs, output = channels * parts, "output" if parts > 1 else "channel"
    pointwise = not chain.operations
    arenas = [(plan.buffers[INPUT].data_offset, plan.arena_bytes)]
    arenas += [] if npu is None else [(npu.input, npu.arena_bytes)]
    work = [_work(stream, *arena) for arena in arenas]
    return {
        "frontend": frontend,
        "chain": chain,
        "features": features,
        "parts": parts,
        "left_channels": outputs,
        "calls": _calls(chain.operations),
        "channels_of_samples": channels,
        "samples_of": [
            (c_comment(name), lsb)
            for name, lsb in zip(sample_names(stream), chain.lsb, strict=True)
        ],
        "voting": stream.voting,
        "undecided": UNDECIDED,
        "pointwise": pointwise,
        "frame_bytes": outputs * features,
        "position": f"{output} * {features} + i" if chain.stacked else f"i * {outputs} + {output}",
        "window_rows": chain.frame_length + (chain.joined - 1) * chain.hop,
        "window_hop": chain.hop * (chain.skip if chain.joined > 1 else 1),
        "work_offsets": [offset for offset, _ in work],
        "memory_words": [words for _, words in work],
    }


def _work(stream: IntStream, start: int, arena_bytes: int) -> tuple[int, int]:
    """Where features are computed in an arena whose input begins at ``start``, and its words."""
    chain = stream.frontend.chain
    size_bytes = stream.frontend.work_length * WORD_BYTES if chain.operations else 0
    # several frames wait in a history, so the network's input is free while features are computed
    busy = (start, start + stream.net.network.input_shape.size) if chain.joined == 1 else None
    offset = _beside(busy, size_bytes)
    return offset // WORD_BYTES, -(-max(arena_bytes, offset + size_bytes) // WORD_BYTES)


def sample_names(stream: IntStream) -> list[str]:
    """Names of the channels of the samples, which a stacked input has joined by plus signs."""
    names = [part for name in stream.net.channel_names for part in name.split("+")]
    count = stream.frontend.channels
    return names if len(names) == count else [f"channel {i}" for i in range(count)]


def _calls(operations: Sequence[FixedOp]) -> list[tuple[FixedOp, str, str]]:
    """Each operation, the name of its C function (numbered if it is the second), its arguments."""
    seen: Counter[str] = Counter()
    calls = []
    for operation in operations:
        seen[operation.kernel] += 1
        number = seen[operation.kernel]
        name = operation.kernel if number == 1 else f"{operation.kernel}_{number}"
        per_channel = getattr(operation, "per_channel", False)
        calls.append((operation, name, "x, channel" if per_channel else "x"))
    return calls


def _beside(busy: tuple[int, int] | None, size_bytes: int) -> int:
    """The lowest aligned offset in the arena where ``size_bytes`` do not touch ``busy``."""
    if busy is None or size_bytes <= busy[0]:
        return 0
    return -(-busy[1] // WORD_BYTES) * WORD_BYTES
