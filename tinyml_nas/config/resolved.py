"""The resolved configuration as YAML: every value, and behind it where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel

from tinyml_nas.config.config import SECTIONS, Config
from tinyml_nas.located.validate import field_names, without_effect

COMMENT_COLUMN = 52


def resolved_yaml(config: Config, provenance: Mapping[str, str], silent: frozenset[str]) -> str:
    """The text of ``config.resolved.yaml``; ``silent`` keys are left out."""
    lines: list[str] = []
    for name in SECTIONS:
        section = getattr(config, name)
        lines.append(f"{name}:")
        for key, attribute in field_names(type(section)).items():
            path = f"{name}.{key}"
            if path not in silent and not without_effect(type(section), key):
                line = f"  {key}: {_flow(getattr(section, attribute))}"
                lines.append(f"{line:<{COMMENT_COLUMN}}  # {provenance[path]}")
    return "\n".join(lines) + "\n"


def _flow(value: object) -> str:
    """``value`` on one line: JSON, which is YAML too."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain, ensure_ascii=False)
