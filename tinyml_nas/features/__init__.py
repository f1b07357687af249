"""From windows to model inputs: an ordered chain of steps, and a normalization.

extract_features(data, config, console) -> FeatureSet

Names are loaded on first use: ``check`` needs few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyml_nas.features.chain import STEPS
    from tinyml_nas.features.extract import (
        Examples,
        FeatureSet,
        Normalization,
        Targets,
        extract_features,
    )
    from tinyml_nas.features.integer.frontend import (
        FixedChain,
        Frontend,
        make_frontend,
    )

__all__ = [
    "STEPS",
    "Examples",
    "FeatureSet",
    "FixedChain",
    "Frontend",
    "Normalization",
    "Targets",
    "extract_features",
    "make_frontend",
]

HOMES = {
    "STEPS": "chain",
    "Examples": "extract",
    "FeatureSet": "extract",
    "Normalization": "extract",
    "Targets": "extract",
    "extract_features": "extract",
    "FixedChain": "integer.frontend",
    "Frontend": "integer.frontend",
    "make_frontend": "integer.frontend",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
