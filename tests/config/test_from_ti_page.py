"""The page for those who come from TI's tools says what the program does.

``UPDATE_GOLDEN=1`` writes its table of keys without effect anew.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tinyml_nas.config.config import SECTIONS
from tinyml_nas.located.validate import field_names, without_effect

pytestmark = pytest.mark.fast

PAGE = Path(__file__).parents[2] / "docs" / "from-ti.md"
TABLE = re.compile(r"(?<=\| keys \| why \|\n\| --- \| --- \|\n)(?:\|.*\|\n)*")


def table() -> str:
    """A line for each reason, with all of its keys; those that two sections have are told apart."""
    keys: dict[str, list[str]] = defaultdict(list)
    for section, model in SECTIONS.items():
        for key in field_names(model):
            if reason := without_effect(model, key):
                twice = sum(key in field_names(other) for other in SECTIONS.values()) > 1
                keys[reason].append(f"`{section}.{key}`" if twice else f"`{key}`")
    return "".join(f"| {', '.join(names)} | {reason} |\n" for reason, names in keys.items())


def test_the_table_of_keys_without_effect_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(TABLE.sub(lambda _: table(), text), encoding="utf-8")
        return
    found = TABLE.search(text)
    assert found is not None
    assert found[0] == table(), "run: UPDATE_GOLDEN=1 pytest tests/config/test_from_ti_page.py"


def test_every_other_key_that_the_page_names_is_a_key() -> None:
    known = {key for model in SECTIONS.values() for key in field_names(model)}
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}
    assert len(named) > 40
    assert named <= known | {"golden_vectors"}
