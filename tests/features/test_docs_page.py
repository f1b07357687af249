"""The page about the feature steps says what the steps say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_nas.config.sections.processing import DataProcessing
from tinyml_nas.features import STEPS
from tinyml_nas.features.docs_page import markdown

pytestmark = pytest.mark.fast
PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "docs/features.md is stale: write it anew with tinyml_nas.features.docs_page.write_page"
    )


@pytest.mark.parametrize("name", STEPS)
def test_steps_name_keys_that_exist(name: str) -> None:
    assert set(STEPS[name].reads) <= DataProcessing.model_fields.keys()
    assert STEPS[name].in_integers
