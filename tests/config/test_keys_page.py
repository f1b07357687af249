"""``docs/keys.md`` has every key of the YAML; ``UPDATE_GOLDEN=1`` writes it anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tinyml_nas.config.config import SECTIONS
from tinyml_nas.config.keys_page import markdown, write_page
from tinyml_nas.load import NAMES
from tinyml_nas.located.validate import field_names, without_effect

pytestmark = pytest.mark.fast

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"


def test_the_page_is_up_to_date() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        write_page(PAGE, NAMES)
    committed = PAGE.read_text(encoding="utf-8")
    assert committed == markdown(NAMES), (
        "run: UPDATE_GOLDEN=1 pytest tests/config/test_keys_page.py"
    )


def test_every_key_that_does_something_is_on_it() -> None:
    _, *parts = re.split(r"^## (.*)$", markdown(NAMES), flags=re.MULTILINE)
    for section, text in zip(parts[::2], parts[1::2], strict=True):
        named = re.findall(r"^\| `([^`.]+)` \|", text, re.MULTILINE)
        model = SECTIONS[section]
        assert named == [key for key in field_names(model) if not without_effect(model, key)]
        assert "|  |" not in text
    assert tuple(parts[::2]) == tuple(SECTIONS)
    assert "| `nas_budget.flash` |" in markdown(NAMES)
