"""The published schema is the one in the code, and files that break it are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sample_results import sample_cell_results, sample_results

from tinyml_nas.errors import ToolError
from tinyml_nas.report import load_provable, load_results, results_schema, write_schema
from tinyml_nas.results.run import parse_results
from tinyml_nas.results.trained import TrainEpoch

pytestmark = pytest.mark.fast

PUBLISHED = Path(__file__).parents[2] / "docs" / "results.schema.json"


def test_the_published_schema_is_the_generated_one(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema.json")
    assert PUBLISHED.read_bytes() == (tmp_path / "schema.json").read_bytes(), (
        "docs/results.schema.json is stale: write it anew with tinyml_nas.report.write_schema"
    )


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = results_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("sample", [sample_results, sample_cell_results])
def test_the_samples_satisfy_the_schema(
    sample: Callable[[], dict[str, Any]], validator: jsonschema.Draft202012Validator
) -> None:
    validator.validate(json.loads(json.dumps(sample())))


def test_the_schema_rejects_a_wrong_type(validator: jsonschema.Draft202012Validator) -> None:
    record = sample_results()
    record["models"][0]["cost"]["macs"] = "many"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(record)


def test_additions_are_accepted(tmp_path: Path) -> None:
    record = sample_results()
    record["models"][0]["latency_ms"] = 1.5
    assert load_results(stored(tmp_path, record)).models[0].name == "watch_exercise_s"


def test_a_diverged_loss_is_a_missing_one(tmp_path: Path) -> None:
    record = sample_results()
    record["models"][0]["training"]["history"][3]["train_loss"] = float("nan")
    loaded = load_results(stored(tmp_path, record))
    assert loaded.models[0].training.history[3].train_loss is None


def test_a_stage_writes_a_diverged_loss_as_a_missing_one() -> None:
    epoch = TrainEpoch(epoch=3, train_loss=float("inf"), validation_loss=float("nan"))
    assert epoch.to_json() == {"epoch": 3, "train_loss": None, "validation_loss": None}


@pytest.mark.parametrize("sample", [sample_results, sample_cell_results])
def test_a_record_is_written_as_it_was_read(sample: Callable[[], dict[str, Any]]) -> None:
    record = json.loads(json.dumps(sample()))
    written = parse_results(record).to_json()
    assert set(written.pop("search")) >= set(record.pop("search"))
    assert written == record


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("[1]", "damaged"),
        ("[" * 100_000, "damaged"),
        ("{}", "schema_version: Field required"),
        ('{"schema_version": 2}', "schema version 2; this program reads version 3"),
        ('{"schema_version": 4}', "schema version 4; this program reads version 3"),
        ('{"schema_version": "2"}', "schema_version"),
    ],
)
def test_a_damaged_file_or_another_version_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ToolError, match=message) as caught:
        load_results(path)
    assert caught.value.exit_code == 6
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ToolError, match="damaged"):
        load_results(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be read"):
        load_results(tmp_path / "results.json")


def break_confusion(record: dict[str, Any]) -> None:
    record["models"][1]["test"]["float"]["confusion"].pop()


def break_counts(record: dict[str, Any]) -> None:
    record["data"]["class_counts"]["test"].pop()


def break_alphas(record: dict[str, Any]) -> None:
    record["search"]["cells"]["alphas"]["reduce"][4].pop()


def break_primitives(record: dict[str, Any]) -> None:
    record["search"]["cells"]["primitives"].pop()


def break_choice(record: dict[str, Any]) -> None:
    record["search"] = {**sample_results()["search"], "chosen": "c999"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_confusion, "confusion of CLS_1k is not 7 by 7"),
        (break_counts, "class_counts.test has 6 of 7"),
        (break_alphas, "alphas.reduce has 9 of 10 edges"),
        (break_primitives, "primitives differ in length"),
        (break_choice, "chosen is c999, which no point has as its id"),
    ],
)
def test_parts_that_do_not_fit_together_are_named(
    tmp_path: Path, damage: Any, message: str
) -> None:
    record = sample_cell_results()
    damage(record)
    with pytest.raises(ToolError, match=message):
        load_results(stored(tmp_path, record))


def stored(folder: Path, record: dict[str, Any]) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


@pytest.mark.parametrize("version", [1, 2, 3])
def test_prove_reads_older_versions_too(tmp_path: Path, version: int) -> None:
    """Of which it needs no more than this, whatever else they call otherwise."""
    model = {"role": "zoo", "name": "CLS_1k", "files": {"int8 ONNX": "export/model_int8.onnx"}}
    record = {"schema_version": version, "accuracy": {}, "models": [model]}
    (loaded,) = load_provable(stored(tmp_path, record)).models
    assert loaded.files == model["files"]
    assert (loaded.sha256, loaded.model_hash) == ({}, None)


@pytest.mark.parametrize("version", [0, 4])
def test_prove_reads_no_version_that_never_was(tmp_path: Path, version: int) -> None:
    with pytest.raises(ToolError, match=f"has schema version {version}; this program reads"):
        load_provable(stored(tmp_path, {"schema_version": version, "models": []}))
