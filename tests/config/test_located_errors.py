"""Every mistake is reported at once, at its line and column, with a way to mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyml_nas.config import InvalidConfig
from tinyml_nas.errors import ConfigError
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

FIVE_MISTAKES = """\
common:
  task_type: arc_falt
  target_device: F28P56
dataset:
  generator: arc_fault
  splt_factor: [0.6, 0.3, 0.1]
data_processing_feature_extraction:
  frame_size: many
trainin:
  model_name: CLS_1k
training:
  model_name: CLS_1kk
"""


def test_five_different_mistakes_give_five_located_errors(errors: Callable[..., Any]) -> None:
    found = errors(FIVE_MISTAKES.replace("  target_device: F28P56\n", ""))
    assert [line.split(" ")[0] for line in found] == ["2:14", "5:3", "7:15", "8:1", "11:15"]
    hints = ["'arc_fault'", "'split_factor'", "Samples per frame", "'training'", "'CLS_1k'"]
    for line, hint in zip(found, hints, strict=True):
        assert hint in line


def test_rendering_shows_line_caret_and_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("common:\n  task_type: arc_falt\n", encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        load_config(path)
    lines = caught.value.message.splitlines()
    at = next(i for i, line in enumerate(lines) if ":2:14: error: common.task_type" in line)
    assert lines[at + 1 : at + 4] == [
        "    2 |   task_type: arc_falt",
        "      |              ^^^^^^^^",
        "      = did you mean 'arc_fault'?",
    ]
    assert lines[-1].startswith("4 errors in")


def test_unknown_device_is_answered_with_the_nearest(
    errors: Callable[..., Any], minimal: str
) -> None:
    text = minimal.replace("dataset:", "  target_device: F28P556\ndataset:")
    assert "did you mean 'F28P55" in errors(text)[0]


def test_duplicate_key_points_at_both(errors: Callable[..., Any], minimal: str) -> None:
    (found,) = errors(minimal + "  batch_size: 4\n  batch_size: 8\n")
    assert found.startswith("10:3 The key 'batch_size' is written twice.")
    assert found.endswith("9:3")


def test_missing_sections_are_named(errors: Callable[..., Any]) -> None:
    found = errors("common:\n  task_type: arc_fault\n")
    assert [line.split("'")[1] for line in found] == [
        "dataset",
        "data_processing_feature_extraction",
        "training",
    ]


def test_key_of_another_section_is_sent_home(errors: Callable[..., Any], minimal: str) -> None:
    (found,) = errors(minimal.replace("dataset:", "  nas_penalty_weight: 1\ndataset:"))
    assert "belongs to the section 'training'" in found


def test_a_key_of_another_section_is_no_typo(errors: Callable[..., Any], minimal: str) -> None:
    (found,) = errors(minimal + "  frame_size: 64\n")
    assert "'frame_size' belongs to the section 'data_processing_feature_extraction'" in found


def test_a_backslash_in_double_quotes_is_explained(
    errors: Callable[..., Any], minimal: str
) -> None:
    (found,) = errors(minimal.replace("arc_fault", '"C:\\data\\vib"'))
    assert "write / instead, or single quotes" in found


def test_a_device_is_sought_in_its_family(errors: Callable[..., Any], minimal: str) -> None:
    text = minimal.replace("dataset:", "  target_device: STM32F407\ndataset:")
    assert "did you mean 'STM32F4" in errors(text)[0]


def test_wrong_old_section_name_is_recognized(errors: Callable[..., Any], minimal: str) -> None:
    found = errors(minimal.replace("data_processing_feature_extraction", "feature_extraction"))
    assert any("did you mean 'data_processing_feature_extraction'?" in line for line in found)


@pytest.mark.parametrize("task", ["image_classification", "radar_classification"])
def test_other_signals_are_refused_with_the_reason_alone(
    errors: Callable[..., Any], minimal: str, task: str
) -> None:
    text = minimal.replace("generic_timeseries_classification", task)
    (found,) = errors(text.replace("frame_size: 64", "image_height: 28"))
    assert found.startswith("2:14 common.task_type:")
    assert "because this product is for one-dimensional signals" in found


def test_nested_key_is_located(errors: Callable[..., Any], minimal: str) -> None:
    found = errors(minimal + "  augmentation:\n    jiter: 1\n    scale: 7\n")
    assert found[0].startswith(
        "10:5 training.augmentation: 'jiter' is not a known key. | did you mean 'jitter'?"
    )
    assert found[1].startswith("11:12 training.augmentation.scale")


def test_syntax_error_is_located(errors: Callable[..., Any]) -> None:
    (found,) = errors("common:\n  task_type: [arc_fault\ndataset:\n")
    assert "not valid YAML" in found


def test_tag_is_refused_and_never_run(errors: Callable[..., Any], minimal: str) -> None:
    text = minimal.replace("CLS_1k", "!!python/object/apply:os.getcwd []")
    assert any("tag" in line or "is not text" in line for line in errors(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [("just words", "sections"), ("- a\n- b\n", "sections"), ("", "missing"), ("a: 1", "section")],
)
def test_what_is_no_configuration_says_so(
    errors: Callable[..., Any], text: str, words: str
) -> None:
    assert words in " ".join(errors(text))


def test_deep_nesting_and_aliases_are_bounded(errors: Callable[..., Any]) -> None:
    assert "nested too deeply" in errors("a: " + "[" * 600)[0]
    layers = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12))
    assert "too large" in errors(f"l0: &l0 [x]\n{layers}\n")[0]
    assert "nested too deeply" in errors("a: &a [*a]\n")[0]


def test_missing_file_suggests_the_one_beside(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "confg.yaml")
    assert caught.value.hint == "did you mean 'config.yaml'?"
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)


def test_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"common:\n  run_name: caf\xe9\n")
    with pytest.raises(ConfigError, match=r":2:16: error: The file is not UTF-8"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("common:\n\ttask_type: arc_fault\n", "spaces: YAML takes no tabs"),
        ("{minimal}testing: [1]\n", "9:10 The section 'testing' must be a group of keys"),
        ("{minimal}compilation:\n  c_prefix: 3x\n", "a letter, then letters"),
        ("{minimal}  batch_size: [4]\n", "this list is not a whole number"),
        ("{minimal}  augmentation: 5\n", "'5' is not a group of keys"),
        ("{minimal}  weight_decay: .inf\n", "'.inf' is not a number"),
        ("{minimal}  calibration: mean\n", "is not one of min_max, percentile, mse"),
    ],
)
def test_each_kind_of_wrong_value(
    errors: Callable[..., Any], minimal: str, text: str, words: str
) -> None:
    (found,) = errors(text.replace("{minimal}", minimal))
    assert words in found


def test_column_numbers_are_not_negative(errors: Callable[..., Any], minimal: str) -> None:
    (found,) = errors(minimal.replace("  frame_size", "  variables: [0, -2]\n  frame_size"))
    assert found.startswith("6:18 ")
