"""From windows to model inputs: an ordered chain of steps, and a normalization.

extract_features(data, config, console) -> FeatureSet
"""

from __future__ import annotations

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
