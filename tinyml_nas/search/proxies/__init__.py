"""Zero-cost proxies: each a file with a ``PROXY``, found by its name.

A proxy scores an untrained (or barely trained) network in milliseconds.  ``ranking`` turns several
of them into one order of candidates.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tinyml_nas.config.names import proxy_names
from tinyml_nas.errors import ConfigError

if TYPE_CHECKING:
    from tinyml_nas.search.proxies.protocol import Proxy

__all__ = ["load_proxy", "proxy_names"]


def load_proxy(name: str) -> Proxy:
    """The proxy called ``name``; raises ``ConfigError`` where there is none."""
    if name not in proxy_names():
        raise ConfigError(
            f"training.nas_proxy names {name!r}, which is no proxy",
            hint=f"take some of {', '.join(proxy_names())}",
        )
    proxy: Proxy = importlib.import_module(f"{__name__}.{name}").PROXY
    return proxy
