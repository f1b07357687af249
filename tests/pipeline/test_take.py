"""``run --take``: any point of a finished search is trained and exported without a new search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyml_nas.cli import main
from tinyml_nas.results.answers import load_answers
from tinyml_nas.results.scores import task_score
from tinyml_nas.results.verdict import compare

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello_arc_fault" / "config.yaml"
SHORT = (
    "training.nas_enabled=true",
    "training.nas_search_strategy=random",
    "training.nas_trials=4",
    "training.nas_folds=2",
    "training.nas_seeds=1",
    "training.nas_workers=1",
    "training.nas_compare=[random]",
    "training.nas_compare_model=null",
    "training.training_epochs=2",
    "training.qat_epochs=1",
    "compilation.enable=false",
    "data_processing_feature_extraction.feature_size_per_frame=64",
)
SEARCH = Path("search") / "archive.jsonl"


def _run(output: Path, *arguments: str) -> int:
    sets = [part for item in SHORT for part in ("--set", item)]
    return main(["run", str(EXAMPLE), *sets, "--output", str(output), "--quiet", *arguments])


def _results(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return record


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("take")
    assert _run(output) == 0
    return output


def _latest(output: Path) -> Path:
    return (output / "hello_arc_fault" / "latest").resolve()


def test_a_point_is_taken_and_another_one_after_it(output: Path) -> None:
    searched = _latest(output)
    record = _results(searched)["search"]
    assert record["points"]
    for point in record["points"][:2]:
        before = _latest(output)
        assert _run(output, "--take", point["id"]) == 0
        taken = _latest(output)
        assert taken != before
        assert (taken / SEARCH).read_bytes() == (searched / SEARCH).read_bytes()
        results = _results(taken)
        (model,) = results["models"]
        assert (results["search"]["chosen"], results["comparison"]) == (point["id"], None)
        assert results["search"]["points"] == record["points"]
        assert model["role"] == "searched"
        assert model["name"].endswith(f"_{point['id']}")
        assert model["cost"]["macs"] == point["macs"]
        assert model["cost"]["parameters"] == point["parameters"]
        assert model["score"]["int8"]["test"] > 0


def test_the_chosen_point_taken_again_gives_the_same_model(output: Path) -> None:
    runs = sorted((output / "hello_arc_fault").glob("2*"))
    first = next(run for run in runs if (run / "search_random").exists())
    assert _run(output, "--take", _results(first)["search"]["chosen"]) == 0
    name = Path("train") / "searched" / "weights.npz"
    assert (_latest(output) / name).read_bytes() == (first / name).read_bytes()


def prove(run: Path) -> int:
    """What ``prove`` returns: each file of ``results.json`` is where it says, and unchanged."""
    return main(["prove", str(run), "--quiet"])


def _refused(output: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before = sorted(output.rglob("*"))
    assert _run(output, *arguments) == 2
    assert sorted(output.rglob("*")) == before
    return capsys.readouterr().err


def test_an_unknown_point(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _refused(output, capsys, "--take", "c99")
    assert "--take c99" in shown
    front = [point["id"] for point in _results(_latest(output))["search"]["front"]]
    assert f"its front is {', '.join(front)}" in shown


def test_other_data(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _refused(output, capsys, "--take", "c0", "--set", "common.seed=1")
    assert "the data are not those of the search" in shown
    assert "differ" in shown


def test_other_features(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = "data_processing_feature_extraction.feature_extraction_name=null"
    shown = _refused(output, capsys, "--take", "c0", "--set", key)
    assert "are not those of the search" in shown


def test_another_space(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _refused(output, capsys, "--take", "c0", "--set", "training.nas_space=cells")
    assert "the space is not that of" in shown
    assert "it is chain there and cells here" in shown


def test_no_search_to_take_from(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "run the search once" in _refused(tmp_path, capsys, "--take", "c0")
    shown = _refused(output, capsys, "--take", "c0", "--set", "training.nas_enabled=false")
    assert "--take c0" in shown


BASELINE = ("--set", "training.nas_compare_model=CLS_1k", "--set", "training.nas_compare=[]")


def test_no_baseline_to_take(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "this configuration has no baseline" in _refused(output, capsys, "--take", "baseline")
    shown = _refused(output, capsys, "--take", "baseline", *BASELINE)
    assert "latest has no baseline" in shown
    assert "training.nas_compare_model" in shown


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a baseline, whose searched model is shipped whatever the verdict."""
    output = tmp_path_factory.mktemp("baseline")
    assert _run(output, *BASELINE, "--set", "training.nas_ship=searched") == 0
    return output


def test_the_verdict_is_on_the_answers_that_the_run_keeps(beside: Path) -> None:
    run = _latest(beside)
    results, answers = _results(run), load_answers(run / "test" / "answers.npz")
    (stored,) = results["verdicts"]
    again = compare(answers, "searched", "baseline")
    assert again is not None
    assert again.model_dump() == stored
    assert len(answers) == results["data"]["windows"]["test"]
    recordings = {r["name"] for r in results["data"]["recordings"] if r["side"] == "test"}
    assert set(answers.recordings) == recordings
    for model in results["models"]:
        for precision in ("float", "int8"):
            found = answers.models[model["role"], precision]
            scores = [task_score(answers.task, answers.truth, seed) for seed in found]
            assert scores == pytest.approx([s[f"{precision}_test"] for s in model["seeds"]])
            confusion = model["test"][precision]["confusion"]
            counted = np.zeros_like(confusion)
            np.add.at(counted, (answers.truth, found[0]), 1)
            assert counted.tolist() == confusion


def test_the_baseline_is_taken_and_the_searched_model_stays_beside_it(
    beside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _latest(beside)
    wanted = ("--set", "training.nas_compare_model=CLS_4k", "--set", "training.nas_compare=[]")
    assert "latest is CLS_1k, but" in _refused(beside, capsys, "--take", "baseline", *wanted)
    assert (before / "export" / "baseline" / "model_int8.onnx").is_file()
    assert _run(beside, "--take", "baseline", *BASELINE) == 0
    taken = _latest(beside)
    assert taken != before
    assert _results(taken)["shipped"] == {"role": "baseline", "reason": "taken"}
    for old, new in (("baseline/", ""), ("", "searched/")):
        name = "model_int8.onnx"
        first, second = before / "export" / old / name, taken / "export" / new / name
        assert second.read_bytes() == first.read_bytes()
    assert not (taken / "export" / "baseline").exists()
    assert prove(taken) == 0


def test_a_point_from_before_the_space_had_dilation(output: Path) -> None:
    run = _latest(output)
    lines = [json.loads(line) for line in (run / SEARCH).read_text(encoding="utf-8").splitlines()]
    old = next(line["id"] for line in lines[1:] if line["genome"].pop("reach") == 0)
    (run / SEARCH).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (point,) = (p for p in _results(run)["search"]["points"] if p["id"] == old)
    assert _run(output, "--take", old) == 0
    (model,) = _results(_latest(output))["models"]
    assert model["cost"] | {n: point[n] for n in ("macs", "parameters")} == model["cost"]
