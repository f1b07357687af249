"""Signals made on the spot: nothing here was measured.

Each module has one function ``recordings(seed)`` and is a value of ``dataset.generator``.
"""

from __future__ import annotations

import importlib

from tinyml_nas.data.records import RecordingSet


def generate(name: str, seed: int) -> RecordingSet:
    """The recordings of the generator called ``name``, the same for the same seed."""
    module = importlib.import_module(f"tinyml_nas.data.synthetic.{name}")
    found: RecordingSet = module.recordings(seed)
    return found
