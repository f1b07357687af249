"""The committed schema is the program's, and it accepts what the program accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tinyml_nas.load import load_config
from tinyml_nas.load import schema as config_schema

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "configs").glob("*.yaml"))
FILES = TEMPLATES + sorted((ROOT / "examples").glob("*/config.yaml"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return config_schema()


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


def test_committed_schema_is_up_to_date(schema: dict[str, Any]) -> None:
    committed = json.loads((ROOT / "configs" / "schema.json").read_text(encoding="utf-8"))
    assert committed == schema, "run: python -m tinyml_nas schema > configs/schema.json"


def test_schema_is_a_schema_and_describes_every_key(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    for definition in schema["$defs"].values():
        for key, field in definition.get("properties", {}).items():
            assert "description" in field, key


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_templates_and_examples_are_valid(
    path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    text = path.read_text(encoding="utf-8")
    validator.validate(yaml.safe_load(text))
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.split("=", 1)[1]).resolve() == ROOT / "configs" / "schema.json"
    assert load_config(path).config.path == path


def test_schema_rejects_what_the_program_rejects(
    validator: jsonschema.Draft202012Validator,
) -> None:
    content = yaml.safe_load(TEMPLATES[0].read_text(encoding="utf-8"))
    content["training"]["optimiser"] = "adam"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(content)
