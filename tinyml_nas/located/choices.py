"""Names that a key may have and that a higher floor gives it: ``Annotated[str, Named(path)]``.

So a step or a strategy is named where it is written, and a configuration still knows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Choice:
    """What goes with a name: the keys that it alone may read, and the values that it asks for.

    A name with a ``task`` is for this task alone, which takes no other.
    """

    reads: tuple[str, ...] = ()
    asks: Mapping[str, object] = field(default_factory=dict)
    task: str | None = None


Names = Mapping[str, Mapping[str, Choice]]
"""Path of a key, such as ``training.nas_search_strategy``, to all that it may be."""


@dataclass(frozen=True)
class Named:
    """One of the names of ``path``, in small or capital letters; without a context any name."""

    path: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Text, checked against the names that the validation is given as its context."""
        return core_schema.with_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The path, in whose place ``with_names`` puts the names."""
        return {"enum": self.path, "type": "string"}

    def _known(self, text: str, info: ValidationInfo) -> str:
        if info.context is None:
            return text
        known = info.context[self.path]
        same = [name for name in known if name.lower() == text.lower()]
        if not same:
            expected = ", ".join(f"'{name}'" for name in known)
            raise PydanticCustomError("literal_error", "unknown name", {"expected": expected})
        return text if text in known else same[0]


def with_names(schema: Any, names: Names) -> Any:
    """A JSON schema with the names in it."""
    if isinstance(schema, list):
        return [with_names(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: with_names(value, names) for key, value in schema.items()}
    if isinstance(path := found.get("enum"), str):
        found["enum"] = list(names[path])
    return found
