"""Parts of random networks for an NPU: where to cut, and programs that stand for real ones."""

from __future__ import annotations

import pytest

from tinyml_nas.cost.npu.ethos_u import Program, Region, Split, missing, program_of
from tinyml_nas.devices import EthosU
from tinyml_nas.export.c import NpuPart
from tinyml_nas.graph import INPUT, Network
from tinyml_nas.graph.integer import IntNetwork


def cuts(network: Network) -> list[Split]:
    """Every way to cut ``network`` in two where one tensor is handed over, and not to cut it."""
    names = [node.name for node in network.nodes]
    found = [Split(tuple(names), ())]
    for count in range(1, len(names)):
        taken, rest = tuple(names[:count]), tuple(names[count:])
        reads = {name for node in network.nodes[count:] for name in node.inputs} - {*rest}
        if len(reads) == 1 and INPUT not in reads:
            found.append(Split(taken, rest))
    return found


def handed(network: Network, split: Split) -> str:
    """The tensor that the NPU hands over, or the output."""
    reads = {name for node in network.nodes if node.name in split.rest for name in node.inputs}
    (name,) = reads & {*split.taken} or {network.output}
    return name


def stand_in(network: Network, split: Split, fast_bytes: int = 0) -> NpuPart:
    """A part whose program has places for input and output, and nothing that could run."""
    inputs, outputs = network.input_shape.size, network.shapes[handed(network, split)].size
    end = 16 + -(-inputs // 16) * 16
    program = Program(
        accelerator="ethos-u55-128",
        commands=b"COP1" + bytes(44),
        weights=bytes(range(48)),
        weights_region=0,
        scratch=Region(1, 0, end + outputs + 5),
        fast_scratch=Region(2, 0, fast_bytes) if fast_bytes else Region(0, 0, 0),
        input=Region(1, 16, inputs),
        output=Region(1, end, outputs),
        cycles=1234,
    )
    return NpuPart(program, split)


def accelerator(name: str = "ethos-u55-128", mode: str = "sram_only") -> EthosU:
    """An accelerator by the name that its compiler has for it."""
    kind, _, macs = name.rpartition("-")
    return EthosU.model_validate(
        {"kind": kind, "macs": int(macs), "clock": "100 MHz", "memory_mode": mode}
    )


def part_of(net: IntNetwork, npu: EthosU, core_layers: int = 0) -> NpuPart:
    """The real program of ``net``, of which the last ``core_layers`` are forced to the core."""
    if why := missing():
        pytest.skip(f"NOT PROVEN: {why}")
    names = [node.name for node in net.network.nodes]
    compiled = program_of(net, npu, frozenset(names[len(names) - core_layers :]))
    assert compiled.program is not None
    return NpuPart(compiled.program, compiled.split)
