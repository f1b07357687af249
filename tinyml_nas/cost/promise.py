"""What a network is promised to cost on the device of a configuration, and what an NPU takes of it.

``check`` tells it before any data are read, a run before it trains.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.config import Config
from tinyml_nas.cost.budget import Resources, resources_of, shown
from tinyml_nas.cost.npu import lint
from tinyml_nas.cost.npu.ethos_u.vela import COMPILER, missing
from tinyml_nas.cost.npu.share import NpuShare, npu_share
from tinyml_nas.devices import Device
from tinyml_nas.errors import BudgetError, ToolError
from tinyml_nas.graph import Network
from tinyml_nas.results.export import Npu


@dataclass(frozen=True)
class Promise:
    """The figures that budgets are held against; ``npu`` is ``None`` where no accelerator runs.

    ``share`` is what an Ethos-U and the core run of it; ``None`` where the core runs all.
    """

    need: Resources
    npu: Npu | None
    share: NpuShare | None = None

    def words(self, device: Device) -> str:
        """The figures as people read them."""
        need, seconds = self.need, self.need.latency_seconds
        bound, arena, basis = "about", "arena", ""
        if self.share is not None:  # its weights are not known yet
            bound, arena, basis = "at most", "RAM", " by Vela's estimate"
        elif device.npu_in_use is not None:
            basis = " of the core alone"
        latency = "" if seconds is None else f", {shown('latency_seconds', seconds)}{basis}"
        return (
            f"{need.parameters:,} parameters, {need.macs:,} MACs, "
            f"{bound} {need.flash_bytes:,} B flash, {need.ram_bytes:,} B {arena}{latency} "
            f"on {device.name}"
        )

    def on_npu(self, device: Device) -> list[str]:
        """Sentences on what the accelerator takes, and what its program costs."""
        if self.npu is None:
            return []
        if device.ethos_u is None:
            return self.npu.sentences()
        if self.share is None:
            return [*self.npu.sentences(), f"all of it runs on the core: {_no_program(self.npu)}"]
        program, npu = self.share.program, self.share.npu
        return [
            *self.npu.sentences(),
            f"{program.cycles:,} cycles of {program.accelerator} at {npu.clock_hz / 1e6:g} MHz "
            f"({COMPILER}'s estimate), commands of {len(program.commands):,} B, "
            f"weights of {len(program.weights):,} B at most",
        ]

    def require_npu(self, model: str, device: Device) -> None:
        """Raise where ``compilation.npu: require`` refuses ``model``.

        ``BudgetError`` names each layer that stays on the core, ``ToolError`` a compiler that is
        not installed.
        """
        if device.npu_mode != "require" or self.npu is None:
            return
        if left := self.npu.on_core:
            layers = "; ".join(f"{p.layer}: {p.reason}" for p in left)
            raise BudgetError(
                f"{model} does not run whole on the {self.npu.npu} of {device.name}: {layers}.",
                hint=f"{'; '.join(p.mend for p in left)}; or set compilation.npu: auto",
            )
        if device.ethos_u is not None and self.share is None:
            raise ToolError(
                f"compilation.npu: require cannot be kept: {_no_program(self.npu)}.",
                hint="install it, or set compilation.npu: auto",
            )


def _no_program(npu: Npu) -> str:
    """Why an Ethos-U runs nothing of a network."""
    if why := missing():
        return why
    first = npu.on_core[0].layer
    return f"no run of layers before {first} leaves a single tensor to what follows"


def promise_of(network: Network, device: Device, config: Config) -> Promise:
    """What ``network`` costs on ``device``."""
    npu = lint(network, device) if config.compilation.may_use_npu else None
    share = npu_share(network, device.ethos_u) if device.ethos_u else None
    return Promise(resources_of(network, device), npu, share)
