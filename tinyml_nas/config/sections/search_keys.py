"""The keys of a search that have a form of their own: budget, objective, which point to take.

A budget that names no unit is refused: whether ``flash: 8`` means bytes or kilobytes is nothing to
guess at where the answer is a hard limit.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from tinyml_nas.located.fields import NotNegative, Section
from tinyml_nas.located.units import parse_count, parse_duration, parse_size

LARGEST = 10**12
WITHIN = re.compile(r"smallest_within\((\d+(?:\.\d+)?)%\)")

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Field(gt=0, le=LARGEST),
    PlainSerializer(lambda size: f"{size} B", return_type=str, when_used="json-unless-none"),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9.]+\s*(B|kB|MB|KiB|MiB)\s*$"}),
]
"""Bytes, written with their unit: ``8 kB``, ``2 KiB``, ``800 B``."""

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(gt=0),
    PlainSerializer(lambda time: f"{time!r} s", return_type=str, when_used="json-unless-none"),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9.e-]+\s*(s|ms|us|min|h)\s*$"}),
]
"""A time in seconds, written with its unit: ``5 ms``."""

Macs = Annotated[
    int,
    BeforeValidator(parse_count),
    Field(gt=0, le=LARGEST),
    WithJsonSchema({"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
"""A number of multiply-accumulates: ``30k``, ``30000``."""


def _selection(text: str) -> str:
    """``text`` without its blanks; ``ValueError`` where it is none of the three forms."""
    bare = re.sub(r"\s+", "", text).lower()
    if bare not in ("best", "knee") and WITHIN.fullmatch(bare) is None:
        raise ValueError(f"{text!r} is none of best, knee and smallest_within(1%)")
    return bare


Selection = Annotated[
    str,
    AfterValidator(_selection),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(best|knee|smallest_within\(\s*\d+(\.\d+)?\s*%\s*\))$",
        }
    ),
]
"""Which point of a front to take: ``best``, ``knee`` or ``smallest_within(1%)``."""


class NasBudget(Section):
    """What the searched model may cost at most on the target device; a hard limit."""

    flash: Size | None = Field(
        default=None, description="Weights, tables and code, such as 8 kB. Default: the device's."
    )
    ram: Size | None = Field(
        default=None, description="Arena of the activations, such as 2 kB. Default: the device's."
    )
    macs: Macs | None = Field(
        default=None, description="Multiply-accumulates of one inference, such as 30k."
    )
    latency: Duration | None = Field(
        default=None, description="Time of one inference, such as 5 ms."
    )


class NasObjective(Section):
    """Reward of nas_search_strategy reinforce: metric - latency - params, each weighed."""

    metric: NotNegative = Field(default=1.0, description="Weight of the validation accuracy.")
    latency: NotNegative = Field(
        default=0.05, description="Weight of the latency, as a share of its budget."
    )
    params: NotNegative = Field(
        default=0.02, description="Weight of the flash, as a share of its budget."
    )
