"""``--set`` is typed by the schema, and its mistakes are shown where they were typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tinyml_nas.config import InvalidConfig

pytestmark = pytest.mark.fast


def test_values_are_typed_by_the_schema(load: Callable[..., Any], minimal: str) -> None:
    config = load(
        minimal,
        "training.nas_epochs=5",
        "training.learning_rate=1e-3",
        "training.optimizer=Adam",
        "training.augmentation.jitter=0.5",
        "dataset.split_factor=[0.5, 0.25, 0.25]",
        "dataset.dataset_name=on",
        "training.nas_compare_model=null",
        "testing.parity_vectors=4",
    ).config
    assert config.training.nas_epochs == 5
    assert config.training.learning_rate == 1e-3
    assert config.training.optimizer == "adam"
    assert config.training.augmentation.jitter == 0.5
    assert config.dataset.split_factor == (0.5, 0.25, 0.25)
    assert config.dataset.dataset_name == "on"
    assert config.training.nas_compare_model is None
    assert config.testing.parity_vectors == 4


def test_the_last_one_wins_over_the_file(load: Callable[..., Any], minimal: str) -> None:
    text = minimal + "  batch_size: 4\n"
    assert (
        load(text, "training.batch_size=5", "training.batch_size=6").config.training.batch_size == 6
    )


def test_it_mends_a_mistake_of_the_file(load: Callable[..., Any], minimal: str) -> None:
    text = minimal + "  batch_size: many\n"
    assert load(text, "training.batch_size=5").config.training.batch_size == 5


def test_mistakes_are_shown_as_typed(load: Callable[..., Any], minimal: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load(minimal, "training.nas_epochs=abc")
    assert caught.value.message.splitlines()[:3] == [
        "--set training.nas_epochs=abc: error: training.nas_epochs: 'abc' is not a whole number.",
        "      | training.nas_epochs=abc",
        "      |                     ^^^",
    ]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.nas_epoch=1", "did you mean 'nas_epochs'?"),
        ("trainin.nas_epochs=1", "did you mean 'training'?"),
        ("nas_epochs=1", "not section.key=value"),
        ("training.nas_epochs", "not section.key=value"),
        ("training.=1", "not section.key=value"),
        ("training.nas_epochs=[1", "not valid YAML"),
        ("training=1", "not section.key=value"),
        ("training.nas_epochs=", ""),
    ],
)
def test_bad_overrides(load: Callable[..., Any], minimal: str, override: str, words: str) -> None:
    if override.endswith("="):  # an empty value is the default, as in the file
        assert load(minimal, override).config.training.nas_epochs == 10
        return
    with pytest.raises(InvalidConfig) as caught:
        load(minimal, override)
    assert words in caught.value.message
    assert f"--set {override}: error:" in caught.value.message
