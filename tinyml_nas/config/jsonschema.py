"""The JSON schema of the whole YAML, for editors: completion, descriptions and red underlines."""

from __future__ import annotations

from typing import Any

from tinyml_nas.config.config import (
    IGNORED_SECTIONS,
    REQUIRED_SECTIONS,
    SECTIONS,
    Config,
)
from tinyml_nas.located.choices import Names, with_names

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema(names: Names) -> dict[str, Any]:
    """The schema with ``names`` in it.

    An empty section is allowed wherever it has no key that must be written.
    """
    schema = with_names(Config.model_json_schema(), names)
    properties = {name: _section_property(schema["properties"][name], name) for name in SECTIONS}
    properties |= {
        name: {"description": f"Without effect: {reason}."}
        for name, reason in IGNORED_SECTIONS.items()
    }
    return {
        "$schema": DIALECT,
        "title": "tinyml_nas configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(REQUIRED_SECTIONS),
        "$defs": schema["$defs"],
    }


def _section_property(found: dict[str, Any], name: str) -> dict[str, Any]:
    """A reference to the section's schema, or nothing at all below the section's key."""
    reference = {"$ref": found.get("$ref") or found["allOf"][0]["$ref"]}
    if any(field.is_required() for field in SECTIONS[name].model_fields.values()):
        return reference
    return {"anyOf": [reference, {"type": "null"}]}
