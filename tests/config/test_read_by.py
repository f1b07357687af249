"""Who reads a key: what the fields say of themselves, and what the steps and strategies say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tinyml_nas.config.config import SECTIONS
from tinyml_nas.config.sections.processing import CHAIN
from tinyml_nas.config.sections.training import STRATEGY
from tinyml_nas.load import NAMES
from tinyml_nas.located.unread import conditions
from tinyml_nas.located.validate import field_names

pytestmark = pytest.mark.fast

CONDITIONS = {
    f"{section}.{key}": conditions(field, key, NAMES)
    for section, model in SECTIONS.items()
    for key, field in model.model_fields.items()
}


def test_every_condition_is_about_a_value_that_there_is_and_can_hold() -> None:
    for path, found in CONDITIONS.items():
        for condition in found:
            section, _, attribute = condition.path.partition(".")
            assert hasattr(SECTIONS[section], attribute) or (
                attribute in SECTIONS[section].model_fields
            ), path
            assert condition.values, path
            assert condition.words, path


@pytest.mark.parametrize("path", [CHAIN, STRATEGY])
def test_what_a_name_reads_is_a_key(path: str) -> None:
    section = path.partition(".")[0]
    keys = set(field_names(SECTIONS[section]))
    for name, choice in NAMES[path].items():
        assert set(choice.reads) <= keys, name
        assert set(choice.asks) <= keys, name


def test_a_key_is_read_by_the_steps_and_strategies_that_say_so() -> None:
    chunks = CONDITIONS["data_processing_feature_extraction.chunk_size"]
    assert [condition.values for condition in chunks] == [("KURT_FE", "PIR_FE", "PIR_FE_Q15")]
    epochs = CONDITIONS["training.nas_epochs"]
    assert [condition.values for condition in epochs] == [
        (True,),
        ("darts", "gdas", "sub_one_shot"),
    ]


def test_the_resolved_file_leaves_out_what_is_not_read(load: Callable[..., Any]) -> None:
    text = load().resolved_yaml()
    assert "  model_name: " in text
    assert "nas_enabled" in text
    for key in ("nas_epochs", "chunk_size", "n_mels", "forecast_horizon", "group_by"):
        assert f"  {key}:" not in text
