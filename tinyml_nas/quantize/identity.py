"""Which integer model is this?  The same answer on every platform, for firmware and ``prove``."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np

from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import IntNetwork

DIGITS = 16
"""Hexadecimal, so 64 bits: enough to tell all models apart that a firmware ever held."""
DERIVED = ("acc_bound",)
"""Fields that follow from the others: how they are found may change, the model does not."""


def model_hash(net: IntNetwork) -> str:
    """SHA-256, shortened, of what ``net`` computes and what its outputs mean.

    These are the shape of the input, how it is quantized, every layer with its weights, scales and
    sources, and the classes or values that leave.  Names of the network, of layers and of channels
    do not count.  A field at its default is left out, so that one added later changes no hash.
    """
    tensors = {name: index for index, name in enumerate((INPUT, *net.by_name))}
    state = {
        "input_shape": list(net.network.input_shape),
        "input": _plain(net.input),
        "scales": [_plain(net.scales[name]) for name in tensors],
        "layers": [
            [layer.kind, [tensors[name] for name in layer.inputs], _plain(layer.op)]
            for layer in net.layers
        ],
        "output": tensors[net.network.output],
        "classes": list(net.class_names),
        "answer": _plain(net.answer),
    }
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _plain(value: Any) -> Any:
    """``value`` as JSON has it; a float32 stands there as the double that equals it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if not dataclasses.is_dataclass(value):
        return value
    fields = {
        field.name: _plain(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.name not in DERIVED and not _is_default(field, getattr(value, field.name))
    }
    return {"type": type(value).__name__, **fields}


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    return field.default is not dataclasses.MISSING and bool(value == field.default)
