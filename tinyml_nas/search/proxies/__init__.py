"""Zero-cost proxies: scores of networks that cost milliseconds and no training.

``PROXIES`` is the only source of their names.  Each is a function ``score`` in the module of its
name, which is imported at its first use.  ``ranking`` turns several into one order of candidates.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a list of proxies needs no torch
    from tinyml_nas.search.proxies.protocol import Probe


@dataclass(frozen=True)
class Proxy:
    """A score of untrained, or barely trained, networks."""

    name: str
    description: str
    higher_is_better: bool = True

    def score(self, probe: Probe) -> float:
        """The score of one network."""
        score: float = importlib.import_module(f"{__name__}.{self.name}").score(probe)
        return score


PROXIES: Mapping[str, Proxy] = {
    proxy.name: proxy
    for proxy in (
        Proxy("fisher_rao", "log of |<weights, summed gradients>|"),
        Proxy("grad_norm", "sum of the layers' gradient norms"),
        Proxy("loss", "loss after the warm-up", higher_is_better=False),
        Proxy("macs", "multiply-accumulates of one inference"),
        Proxy("naswot", "log-determinant of the kernel of ReLU codes"),
        Proxy("params", "number of weights and biases"),
        Proxy("sigeo", "- zico - fisher_rao, as published", higher_is_better=False),
        Proxy("synflow", "sum of weight times gradient of the flow of ones"),
        Proxy("zico", "agreement of the gradients of mini-batches, layer by layer"),
    )
}
"""Every proxy by its name."""

SIGEO_TERMS = ("zico", "fisher_rao", "loss")
"""What of ``nas_proxy`` the strategy sub_one_shot reads."""
