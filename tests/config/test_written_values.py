"""Values mean what their writer meant: numbers as text, on and off, empty sections, units."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tinyml_nas.located.units import parse_bytes, parse_frequency

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("text", ["1e-3", "'1e-3'", "0.001", "1.0E-3", ".001"])
def test_small_numbers_in_every_spelling(load: Callable[..., Any], minimal: str, text: str) -> None:
    config = load(minimal + f"  learning_rate: {text}\n").config
    assert config.training.learning_rate == 0.001


@pytest.mark.parametrize(
    ("text", "value"), [("on", True), ("no", False), ("'yes'", True), ("0", False)]
)
def test_switches_in_every_spelling(
    load: Callable[..., Any], minimal: str, text: str, value: bool
) -> None:
    assert load(minimal + f"  nas_unrolled: {text}\n").config.training.nas_unrolled is value


@pytest.mark.parametrize("text", ["no", "on", "007", "1.10", "2024-01-01", "true", "1e3"])
def test_a_name_stays_as_written(load: Callable[..., Any], minimal: str, text: str) -> None:
    config = load(minimal.replace("dataset:", f"dataset:\n  dataset_name: {text}")).config
    assert config.dataset.dataset_name == text


def test_numbers_are_not_made_of_switches(errors: Callable[..., Any], minimal: str) -> None:
    (found,) = errors(minimal + "  training_epochs: true\n")
    assert "'true' is not a whole number" in found


def test_choices_in_any_letter_case(load: Callable[..., Any], minimal: str) -> None:
    training = load(
        minimal + "  optimizer: SGD\n  quantization_method: ptq\n  quantization: '1'\n"
    ).config.training
    assert (training.optimizer, training.quantization_method, training.quantization) == (
        "sgd",
        "PTQ",
        1,
    )


@pytest.mark.parametrize("empty", ["", " {}", " null", " ~", " ''"])
def test_empty_sections_are_defaults(load: Callable[..., Any], minimal: str, empty: str) -> None:
    config = load(minimal + f"testing:{empty}\ncompilation:{empty}\n").config
    assert config.testing.parity_vectors == 32
    assert config.compilation.c_prefix == "model"


def test_the_c_is_balanced_unless_asked_otherwise(load: Callable[..., Any], minimal: str) -> None:
    assert load(minimal).config.compilation.optimize == "balanced"
    written = load(minimal + "compilation:\n  optimize: speed\n").config
    assert written.compilation.optimize == "speed"


def test_an_unknown_goal_of_the_c_is_named(errors: Callable[..., Any], minimal: str) -> None:
    (found,) = errors(minimal + "compilation:\n  optimize: fast\n")
    assert "compilation.optimize: 'fast'" in found


@pytest.mark.parametrize("prefix", ["model", "net_2", "ArcFault", "x" * 31])
def test_a_legal_prefix_is_kept(load: Callable[..., Any], minimal: str, prefix: str) -> None:
    config = load(minimal + f"compilation:\n  c_prefix: {prefix}\n").config
    assert config.compilation.c_prefix == prefix


@pytest.mark.parametrize(
    "prefix",
    ["2net", "my-net", "net ", "int", "class", "layer", "a__b", "_net", "net_", "é", "x" * 32,
     "test", "String", "arduino"],  # a target of CMake, headers
)  # fmt: skip
def test_an_illegal_prefix_is_named(errors: Callable[..., Any], minimal: str, prefix: str) -> None:
    (found,) = errors(minimal + f"compilation:\n  c_prefix: '{prefix}'\n")
    assert f"compilation.c_prefix: '{prefix}'" in found


def test_empty_key_is_its_default(load: Callable[..., Any], minimal: str) -> None:
    training = load(minimal + "  augmentation:\n  batch_size:\n").config.training
    assert (training.augmentation.jitter, training.batch_size) == (0.0, 8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("[0, 2]", (0, 2)),
        ("[x, y]", ("x", "y")),
        ("[Vibx]", ("Vibx",)),
        ("x", ("x",)),
        ("ax, ay, 2", ("ax", "ay", 2)),
    ],
)
def test_variables_by_count_index_or_name(
    load: Callable[..., Any], minimal: str, text: str, value: object
) -> None:
    text = minimal.replace("  frame_size: 64", f"  frame_size: 64\n  variables: {text}")
    assert load(text).config.data_processing_feature_extraction.variables == value


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("[0.6, 0.3, 0.1]", (0.6, 0.3, 0.1)),
        ("0.8", (0.8, 0.1, 0.1)),
        ("[0.7, 0.2]", (0.7, 0.2, 0.1)),
        ("[0.8, 0.2]", (0.8, 0.1, 0.1)),
        ("['0.5', 0.25, 0.25]", (0.5, 0.25, 0.25)),
    ],
)
def test_split_factors(
    load: Callable[..., Any], minimal: str, text: str, shares: tuple[float, ...]
) -> None:
    config = load(minimal.replace("dataset:", f"dataset:\n  split_factor: {text}")).config
    assert config.dataset.split_factor == pytest.approx(shares)


@pytest.mark.parametrize("text", ["[0.6, 0.6, 0.1]", "[0.5, 0.5, 0]", "1.5", "[]", "[a, b, c]"])
def test_impossible_split_factors(errors: Callable[..., Any], minimal: str, text: str) -> None:
    found = errors(minimal.replace("dataset:", f"dataset:\n  split_factor: {text}"))
    assert all("dataset.split_factor" in line for line in found)


def test_json_is_read_like_yaml(load: Callable[..., Any], errors: Callable[..., Any]) -> None:
    text = (
        '{\n\t"common": {"task_type": "arc_fault"},\n\t"dataset": {"generator": "arc_fault"},\n'
        '\t"data_processing_feature_extraction": null,\n\t"training": {"model_name": "CLS_1k"}\n}'
    )
    assert load(text, name="config.json").config.training.model_name == "CLS_1k"
    (found,) = errors(text.replace("CLS_1k", "CLS_1j"), name="config.json")
    assert found.startswith("5:29 ")


def test_merge_keys(load: Callable[..., Any], minimal: str) -> None:
    text = minimal.replace("training:", "training: &base").replace(
        "  model_name: CLS_1k", "  <<: {batch_size: 3, model_name: CLS_4k}\n  model_name: CLS_1k"
    )
    training = load(text).config.training
    assert (training.batch_size, training.model_name) == (3, "CLS_1k")


@pytest.mark.parametrize(
    ("text", "value"), [("8 kB", 8000), ("8 KiB", 8192), ("1.5MiB", 1572864), ("12", 12), (7, 7)]
)
def test_sizes(text: object, value: int) -> None:
    assert parse_bytes(text) == value


@pytest.mark.parametrize(("text", "value"), [("30k", 30e3), ("31.25 kHz", 31250), ("50 Hz", 50)])
def test_frequencies(load: Callable[..., Any], minimal: str, text: str, value: float) -> None:
    assert parse_frequency(text) == value
    text = minimal.replace("frame_size: 64", f"frame_size: 64\n  sampling_rate: {text}")
    assert load(text).config.data_processing_feature_extraction.sampling_rate == value


@pytest.mark.parametrize("text", ["8 kb", "1.5 B", "eight", "-3"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|whole"):
        parse_bytes(text)


@pytest.mark.parametrize(
    "search",
    [
        "nas_model_size: m",
        "nas_search_strategy: darts",
        "nas_budget: {flash: 8 kB, ram: 1.5 KiB, macs: 30k, latency: 0.7 ms}",
        "nas_select: smallest_within(2 %)",
    ],
)
def test_resolved_yaml_loads_again_to_the_same(
    load: Callable[..., Any], minimal: str, search: str
) -> None:
    text = minimal + f"  nas_enabled: true\n  {search}\n  augmentation: {{jitter: 0.1}}\n"
    first = load(text, "training.learning_rate=1e-5")
    again = load(first.resolved_yaml())
    assert again.config == first.config
    assert again.warnings == []


def test_resolved_yaml_leaves_out_what_is_not_read(load: Callable[..., Any], minimal: str) -> None:
    def keys(text: str) -> set[str]:
        return set(yaml.safe_load(load(text).resolved_yaml())["training"])

    assert {key for key in keys(minimal) if key.startswith("nas_")} == {"nas_enabled"}
    searched = minimal + "  nas_enabled: true\n  nas_epochs: 99\n"
    assert "nas_search_seconds" in keys(searched)
    assert not keys(searched) & {"nas_epochs", "nas_layers", "nas_proxy", "nas_objective"}
    assert {"nas_epochs", "nas_layers"} <= keys(searched + "  nas_search_strategy: gdas\n")


def test_resolved_yaml_says_where_values_come_from(load: Callable[..., Any], minimal: str) -> None:
    loaded = load(
        minimal + "  nas_enabled: true\n  nas_search_strategy: darts\n  nas_model_size: m\n",
        "training.nas_epochs=5",
        "common.seed=7",
    )
    lines = {line.split(":")[0].strip(): line for line in loaded.resolved_yaml().splitlines()}
    assert lines["nas_epochs"].endswith("# --set")
    assert lines["nas_layers"].split("#") == [lines["nas_layers"].split("#")[0], " preset m"]
    assert lines["model_name"].endswith("# line 8")
    assert lines["batch_size"].endswith("# default")
    assert loaded.provenance["common.seed"] == "--set"
    assert yaml.safe_load(loaded.resolved_yaml())["training"]["nas_layers"] == 10


def test_json_writes_an_emoji_as_two_halves(load: Callable[..., Any], minimal: str) -> None:
    name = json.dumps("run 🙂")
    assert "ud83d" in name
    config = load(minimal.replace("common:", f"common:\n  run_name: {name}")).config
    assert config.common.run_name == "run 🙂"
