"""What the sections share: the frozen base model and field types with a meaning of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from tinyml_nas.located.units import parse_frequency, parse_seconds

LONGEST_TEXT = 4096
"""Characters of a value; Linux takes no longer path."""
LONGEST_NAME = 200
"""Bytes of a name that becomes a folder's: file systems take 255, and a model's name may join."""
SMALLEST, LARGEST = 1e-150, 1e150
"""Between them every number, its square and its reciprocal can be computed with."""


class Section(BaseModel):
    """One section of the YAML: immutable, and every key it has is declared."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        protected_namespaces=(),
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
        str_max_length=LONGEST_TEXT,
    )

    @field_validator("*")
    @classmethod
    def _computable(cls, value: object) -> object:
        """``value``; raises ``ValueError`` where it has a number that overflows when squared."""
        for number in _numbers(value):
            if number and not SMALLEST <= abs(number) <= LARGEST:
                raise ValueError(
                    f"is too {'small' if abs(number) < 1 else 'large'} to compute with"
                )
        return value


def _numbers(value: object) -> Iterator[float]:
    """The numbers in ``value``."""
    if isinstance(value, float | int):
        yield value
    elif isinstance(value, tuple | list | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _numbers(item)


def _short(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        raise ValueError(f"has over {LONGEST_NAME} bytes, too many for the name of a folder")
    return name


FolderName = Annotated[str, AfterValidator(_short)]
"""A name that becomes that of a run's folder."""


@dataclass(frozen=True)
class ReadBy:
    """When a key is read: the value at ``path`` is one of ``values``, or has one among its items.

    ``path`` is a section and an attribute, such as ``training.nas_trials``.  Without values they
    are the names of ``path`` that read the key.  Where ``unless``, the value must be none of them.
    ``words`` complete the sentence "It needs ...".
    """

    path: str
    values: tuple[Any, ...]
    words: str
    unless: bool = False

    def holds(self, sections: Mapping[str, BaseModel]) -> bool:
        """Whether the key is read in a configuration of these sections."""
        section, _, attribute = self.path.partition(".")
        value = getattr(sections[section], attribute)
        found = value if isinstance(value, tuple) else (value,)
        return self.unless != any(item in self.values for item in found)


def read_by(path: str, *values: Any, words: str = "") -> ReadBy:
    """What to put into the ``Annotated`` type of a key that is read for some ``values`` only.

    A key may have several of them: all must hold.
    """
    return ReadBy(path, values, words or f"{path}: {either(map(_written, values))}")


def read_by_choice(path: str) -> ReadBy:
    """What to put into the type of a key that some names of ``path`` read: they say so."""
    return ReadBy(path, (), "")


def read_unless(path: str, *values: Any, words: str) -> ReadBy:
    """The contrary of ``read_by``: the key is not read for these ``values``."""
    return ReadBy(path, values, words, unless=True)


def either(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *first, last = (*words,) or ("",)
    return " or ".join(filter(None, (", ".join(first), last)))


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


WITHOUT_EFFECT = "x-without-effect"
ASKED_ANYWAY = "x-asked-anyway"

Ignored = Annotated[
    Any,
    Field(
        description="Accepted for compatibility; has no effect here.",
        json_schema_extra={WITHOUT_EFFECT: "nothing here reads it", ASKED_ANYWAY: [False]},
    ),
]
"""The value of a key that other tools read and that changes nothing here."""


NO_PLOTS = "goodness-of-fit plots are not drawn; the report says what the data doctor found"


def without_effect(
    reason: str, *, anyway: tuple[Any, ...] = (False,), alias: str | None = None
) -> Any:
    """The field of an ``Ignored`` key, with the reason why it changes nothing.

    A value that is empty or one of ``anyway`` asks for what happens in any case.
    """
    return Field(
        default=None,
        alias=alias,
        description=f"Without effect here: {reason}.",
        json_schema_extra={WITHOUT_EFFECT: reason, ASKED_ANYWAY: list(anyway)},
    )


Rate = Annotated[
    float,
    BeforeValidator(parse_frequency),
    Field(gt=0),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
"""A frequency in hertz, written as a number or with a unit: ``50``, ``50 Hz``, ``31.25 kHz``."""

Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    Field(gt=0),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
"""A time in seconds, written as a number or with a unit: ``90``, ``90 s``, ``2 min``."""

Count = Annotated[int, Field(ge=1, le=10_000_000)]
"""A whole number from 1 on."""

FromZero = Annotated[int, Field(ge=0, le=10_000_000)]
"""A whole number from 0 on."""

Fraction = Annotated[float, Field(ge=0, le=1)]
"""A share between 0 and 1."""

Positive = Annotated[float, Field(gt=0, le=1e30)]
"""A number above 0; what a training multiplies with stays a float32."""

NotNegative = Annotated[float, Field(ge=0, le=1e30)]
"""A number from 0 on."""


def listed(value: Any) -> Any:
    """A list for one lone item; None stays the empty list that an empty key means."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value
