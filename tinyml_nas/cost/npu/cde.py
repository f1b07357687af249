"""TI's CDE, the custom datapath of some Cortex-M33: its compiler takes the patterns of the TINPU.

No document lists its rules; those of the TINPU are taken, and every report says so.
"""

from __future__ import annotations

from tinyml_nas.cost.npu import tinpu
from tinyml_nas.devices import NpuRules
from tinyml_nas.graph import Network
from tinyml_nas.results.export import Npu

BASIS = "assumed: the rules of the TINPU"


def place(network: Network, rules: NpuRules) -> Npu:
    """Where each layer of ``network`` runs."""
    return tinpu.place(network, rules, BASIS)
