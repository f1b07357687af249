"""The resolved configuration as YAML: every value, and behind it where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel

from tinyml_nas.config.config import SECTIONS, Config
from tinyml_nas.config.sections.training import Training
from tinyml_nas.located.validate import field_names, without_effect
from tinyml_nas.search.check import silent_keys

COMMENT_COLUMN = 52


def resolved_yaml(config: Config, provenance: Mapping[str, str]) -> str:
    """The text of ``config.resolved.yaml``; keys without effect are left out."""
    lines: list[str] = []
    for name in SECTIONS:
        section = getattr(config, name)
        lines.append(f"{name}:")
        lines += _section_lines(section, name, provenance)
    return "\n".join(lines) + "\n"


def _section_lines(section: BaseModel, name: str, provenance: Mapping[str, str]) -> list[str]:
    lines = []
    silent = _silent(section) if isinstance(section, Training) else set()
    for key, attribute in field_names(type(section)).items():
        if key in silent or without_effect(type(section), key):
            continue
        value = _flow(getattr(section, attribute))
        line = f"  {key}: {value}"
        lines.append(f"{line:<{COMMENT_COLUMN}}  # {provenance[f'{name}.{key}']}")
    return lines


def _silent(training: Training) -> set[str]:
    """The keys of the search that are not read."""
    if training.nas_enabled:
        return {key for key, _ in silent_keys(training)}
    keys = field_names(Training)
    return {key for key in keys if key.startswith("nas_") and key != "nas_enabled"}


def _flow(value: object) -> str:
    """``value`` on one line: JSON, which is YAML too."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain, ensure_ascii=False)
