"""What a network needs where an Ethos-U runs it: the program's figures, and the core's share.

Cycles are Vela's estimate.  Before there are weights the program has placeholders for them, which
compress worse than trained ones: its flash is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.latency import latency_seconds
from tinyml_nas.cost.npu import ethos_u
from tinyml_nas.cost.npu.ethos_u.program import Program
from tinyml_nas.cost.tables import CODE_HEADROOM_BYTES
from tinyml_nas.devices import Device
from tinyml_nas.devices.accelerators import EthosU
from tinyml_nas.graph import INPUT, Network, Node

CALL_INSTRUCTIONS = 700
"""What the core executes to start a program and to take its end, with Arm's driver for a core."""
CODE_BYTES = 2_410
"""Text of that driver, 2,270 B, and of the glue around it."""


@dataclass(frozen=True)
class NpuShare:
    """A network as the NPU's ``program`` and, if it does not take all, the core's ``tail``.

    ``parameters`` and ``macs`` are of both.
    """

    npu: EthosU
    program: Program
    tail: Network | None
    parameters: int
    macs: int

    def seconds(self, device: Device) -> float | None:
        """Time of one inference; ``None`` where the core was never measured."""
        if device.cycles.measured_on is None:
            return None
        call = device.cycles.from_instructions(CALL_INSTRUCTIONS) / device.clock_hz
        tail = self.tail and latency_seconds(self.tail, device)
        return self.program.cycles / self.npu.clock_hz + call + (tail or 0.0)

    def ram_bytes(self) -> int:
        """Scratch memory, or the arena of the tail where that is larger; weights if copied."""
        arena = network_cost(self.tail).ram_bytes if self.tail else 0
        copied = self.program.flash_bytes if self.npu.memory_mode == "sram_only" else 0
        return max(self.program.ram_bytes, arena) + copied

    def flash_bytes(self, device: Device) -> int:
        """Program, driver and glue, and the C of the tail."""
        own = self.program.flash_bytes + CODE_BYTES
        if self.tail is None:
            return own
        c = network_cost(self.tail, device.cycles.backend, device.optimize)
        return own + c.flash_bytes + CODE_HEADROOM_BYTES


def npu_share(network: Network, npu: EthosU) -> NpuShare | None:
    """How ``npu`` and the core share ``network``; ``None`` where the core runs all of it.

    That is where the NPU takes nothing, or where Vela is not there to say what it costs.
    """
    return _share(replace(network, name="network"), npu)  # candidates differ in their names alone


@lru_cache(maxsize=4096)
def _share(network: Network, npu: EthosU) -> NpuShare | None:
    program = ethos_u.estimate(network, npu)
    if program is None:
        return None
    tail, cost = tail_of(network, ethos_u.split(network, npu).rest), network_cost(network)
    return NpuShare(npu, program, tail, cost.parameters, cost.macs)


def tail_of(network: Network, rest: tuple[str, ...]) -> Network | None:
    """The layers ``rest`` as a network of its own, which reads the tensor that is handed over."""
    if not rest:
        return None
    nodes = [node for node in network.nodes if node.name in rest]
    (handed,) = {name for node in nodes for name in node.inputs} - {*rest}
    renamed = [
        Node(node.name, node.op, tuple(INPUT if name == handed else name for name in node.inputs))
        for node in nodes
    ]
    return Network(f"{network.name}_tail", network.shapes[handed], tuple(renamed))
