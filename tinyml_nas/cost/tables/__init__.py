"""What the generated C executes and occupies (-Os), as `benchmarks/fit_cycles.py` measured it.

The script writes `costs.json`.  It compiles random networks with every compiler that has a column
there, runs them and fits these figures.  It prints the error on networks that it has not seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyml_nas.devices.cores import Backend

COSTS_FILE = Path(__file__).with_name("costs.json")
_COSTS: Mapping[str, Any] = json.loads(COSTS_FILE.read_text(encoding="utf-8"))

Instructions = Mapping[str, Mapping[str, float]]
"""Kernel to trip to instructions; `cost.latency` says what a trip is."""

INSTRUCTIONS: Mapping[str, Mapping[str, Instructions]] = _COSTS["instructions"]
"""Executed instructions by emulated core and compiler."""

CODE_BYTES: Mapping[Backend, Mapping[str, int]] = _COSTS["code_bytes"]
"""Code by back-end and cause, with the core and the compiler that need most: the network with its
convolution, each layer by its kernel, each input of a concat, each padded layer (the fill of its
margins), the kernels that depthwise layers and packed ones share."""

HEADROOM: float = _COSTS["headroom"]
"""Factor of a promised latency.  No network that was measured, fitted on or held out, ran more
instructions than fitted and this."""

CODE_HEADROOM_BYTES: int = _COSTS["code_headroom_bytes"]
"""Added to a promised flash.  No network that was measured has more code than fitted and this."""
