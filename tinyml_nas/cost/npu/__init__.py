"""Accelerators: which layers of a network they take.  One adapter for each family.

Nothing here compiles for them, the C runs on the core: this says what the vendor's compiler would
hand over, before anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinyml_nas.cost.npu import cde, ethos_u, tinpu
from tinyml_nas.devices import Device, EthosU, NpuRules
from tinyml_nas.graph import Network
from tinyml_nas.results.export import Npu

__all__ = ["ADAPTERS", "lint"]

ADAPTERS: Mapping[str, Callable[[Network, NpuRules], Npu]] = {
    "ti-npu": tinpu.place,
    "ti-cde": cde.place,
}
"""By the ``kind`` of TI's accelerators, which are judged by rules alone."""


def lint(network: Network, device: Device) -> Npu | None:
    """Where the layers of ``network`` run on ``device``; ``None`` without an accelerator."""
    npu = device.npu_in_use
    if isinstance(npu, EthosU):
        return ethos_u.place(network, npu)
    return None if npu is None else ADAPTERS[npu.kind](network, npu)
