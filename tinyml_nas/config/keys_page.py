"""The page about the keys, written from what the sections say of themselves.

UPDATE_GOLDEN=1 ./run_modelzoo.sh test tests/config/test_keys_page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tinyml_nas.config.config import SECTIONS
from tinyml_nas.config.jsonschema import config_schema
from tinyml_nas.located.choices import Names
from tinyml_nas.located.unread import conditions
from tinyml_nas.located.validate import field_names, without_effect

Schema = Mapping[str, Any]
"""Of a key, or of all sections by name."""
HEAD = """\
# Keys of the YAML

Every key, what it takes, its default and what it means. A key with *needs* is read only where that
holds; elsewhere the run notes that it does nothing. Presets (`feature_extraction_name`,
`nas_model_size`) and the task fill in keys that the file leaves out: `config.resolved.yaml` of a
run shows every value and where it comes from. Keys of TI's tools that change nothing here are in
[from-ti.md](from-ti.md).
"""
TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true, false",
    "array": "list",
    "object": "mapping",
}
MOST_CHOICES = 9
"""So many values are listed; of more, the description says where they are."""


def markdown(names: Names) -> str:
    """The whole page, with the ``names`` that keys may have."""
    definitions = config_schema(names)["$defs"]
    parts = [HEAD]
    for section, model in SECTIONS.items():
        rows = [
            f"| `{key}` | {_takes(schema)} | {_default(field)} | {_meaning(key, field, names)} |"
            for key, field, schema in _keys(model, definitions)
        ]
        parts += [f"## {section}\n", "| key | takes | default | meaning |"]
        parts += ["| --- | --- | --- | --- |", *rows, ""]
    return "\n".join(parts)


def write_page(path: Path, names: Names) -> None:
    """Write the page to ``path``."""
    path.write_text(markdown(names), encoding="utf-8", newline="\n")


def _keys(
    model: type[BaseModel], definitions: Schema, prefix: str = ""
) -> Iterator[tuple[str, FieldInfo, Schema]]:
    """Each key that does something, those of inner sections after the one that holds them."""
    properties = definitions[model.__name__]["properties"]
    for key, attribute in field_names(model).items():
        field = model.model_fields[attribute]
        if without_effect(model, key):
            continue
        yield prefix + key, field, properties[key]
        inner = _section_of(field)
        if inner is not None:
            yield from _keys(inner, definitions, f"{prefix}{key}.")


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The inner section that is the value of ``field``; None for any other value."""
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _takes(schema: Schema) -> str:
    """The values that a key takes, or their type."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    words = dict.fromkeys(word for option in options for word in _words(option))
    return " or ".join(words)


def _words(option: Schema) -> Iterator[str]:
    if "enum" in option and len(option["enum"]) <= MOST_CHOICES:
        yield ", ".join(f"`{value}`" for value in option["enum"])
    elif "const" in option:
        yield f"`{option['const']}`"
    elif "$ref" in option:
        yield "mapping"
    else:
        kinds = option.get("type", "string")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind != "null":
                yield TYPES[kind]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be written"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value in (None, (), {}):
        return "–"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def _meaning(key: str, field: FieldInfo, names: Names) -> str:
    """The description, and what must hold for the key to be read."""
    needs = [condition.words for condition in conditions(field, key, names)]
    text = " ".join((field.description or "").split())
    for mark, written in {"|": "\\|", "*": "\\*", "<": "&lt;"}.items():
        text = text.replace(mark, written)
    return text + (f" *Needs {' and '.join(needs)}.*" if needs else "")
