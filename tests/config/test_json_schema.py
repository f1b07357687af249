"""The committed schema is the program's, and it accepts what the program accepts."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tinyml_nas.config import config_schema, load_config

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "configs").glob("*.yaml"))
FILES = TEMPLATES + sorted((ROOT / "examples").glob("*/config.yaml"))


def test_committed_schema_is_up_to_date() -> None:
    committed = json.loads((ROOT / "configs" / "schema.json").read_text(encoding="utf-8"))
    assert committed == config_schema(), "run: python -m tinyml_nas schema > configs/schema.json"


def test_schema_is_a_schema_and_describes_every_key() -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for definition in schema["$defs"].values():
        for key, field in definition.get("properties", {}).items():
            assert "description" in field, key


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_templates_and_examples_are_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), config_schema())
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.split("=", 1)[1]).resolve() == ROOT / "configs" / "schema.json"
    assert load_config(path).config.path == path


def test_schema_rejects_what_the_program_rejects() -> None:
    content = yaml.safe_load(TEMPLATES[0].read_text(encoding="utf-8"))
    content["training"]["optimiser"] = "adam"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, config_schema())
