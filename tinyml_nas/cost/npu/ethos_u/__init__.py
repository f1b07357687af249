"""Arm's Ethos-U: from a network to its program, for the search before weights exist and after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from tinyml_nas.cost.npu.ethos_u.lowering import ADD_TERMS, lower_tosa
from tinyml_nas.cost.npu.ethos_u.placeholder import placeholder
from tinyml_nas.cost.npu.ethos_u.program import Program, Region
from tinyml_nas.cost.npu.ethos_u.rules import place
from tinyml_nas.cost.npu.ethos_u.vela import compile_tosa, missing
from tinyml_nas.devices import EthosU
from tinyml_nas.graph import Network
from tinyml_nas.graph.integer import IntNetwork

__all__ = [
    "ADD_TERMS",
    "Compiled",
    "Program",
    "Region",
    "Split",
    "compile_tosa",
    "estimate",
    "head_of",
    "lower_tosa",
    "missing",
    "place",
    "placeholder",
    "program_of",
    "split",
    "split_after",
]


@dataclass(frozen=True)
class Split:
    """Layers that the NPU takes, and those that the core runs after it."""

    taken: tuple[str, ...]
    rest: tuple[str, ...]


@dataclass(frozen=True)
class Compiled:
    """A network's TOSA file and its program; ``why`` there is none where it is ``None``."""

    npu: EthosU
    tosa: bytes
    program: Program | None
    split: Split
    why: str = ""


def split(network: Network, npu: EthosU, refused: frozenset[str] = frozenset()) -> Split:
    """The longest run of first layers that the NPU takes and that leave one tensor to the rest.

    Those that are ``refused`` stay on the core.
    """
    left = {placed.layer for placed in place(network, npu, refused).on_core}
    names = [node.name for node in network.nodes]
    end = next((i for i, name in enumerate(names) if name in left), len(names))
    ends = (i for i in range(end, 0, -1) if _read_after(network, i) <= {names[i - 1]})
    cut = next(ends, 0)
    return Split(tuple(names[:cut]), tuple(names[cut:]))


def _read_after(network: Network, cut: int) -> set[str]:
    """What layers from number ``cut`` on read of the earlier ones and of the input."""
    rest = network.nodes[cut:]
    return {name for node in rest for name in node.inputs} - {node.name for node in rest}


def split_after(network: Network, last: str) -> Split:
    """The split whose NPU leaves the tensor ``last`` to the core."""
    names = [node.name for node in network.nodes]
    end = names.index(last) + 1
    return Split(tuple(names[:end]), tuple(names[end:]))


def head_of(net: IntNetwork, taken: int) -> IntNetwork:
    """The first ``taken`` layers of ``net``; the last one's tensor is what it leaves."""
    network = replace(net.network, nodes=net.network.nodes[:taken])
    return replace(net, network=network, layers=net.layers[:taken], answer=None)


def program_of(net: IntNetwork, npu: EthosU, refused: frozenset[str] = frozenset()) -> Compiled:
    """The program of what the NPU takes of ``net``; without Vela its TOSA file alone."""
    parts = split(net.network, npu, refused)
    if not parts.taken:
        return Compiled(npu, b"", None, parts, "the first layers stay on the core")
    tosa = lower_tosa(head_of(net, len(parts.taken)), npu)
    if why := missing():
        return Compiled(npu, tosa, None, parts, why)
    return Compiled(npu, tosa, compile_tosa(tosa, npu), parts)


@lru_cache(maxsize=4096)
def estimate(network: Network, npu: EthosU) -> Program | None:
    """The program of ``network`` before it has weights: its flash is an upper bound.

    ``None`` where Vela is missing, and where the NPU takes nothing.
    """
    return program_of(placeholder(network), npu).program
