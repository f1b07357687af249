"""The closing table and the sentence on searched against baseline."""

from __future__ import annotations

from typing import Any

import pytest
from sample_results import sample_results, with_seeds

from tinyml_nas.report import summary_table, verdict_of
from tinyml_nas.results.run import parse_results

pytestmark = pytest.mark.fast


def summary_rows(record: dict[str, Any]) -> list[list[str]]:
    """The table of a decoded file."""
    return summary_table(parse_results(record))


def verdict(record: dict[str, Any]) -> str:
    """The sentences on it."""
    return " ".join(verdict_of(parse_results(record)))


def without_controls() -> dict[str, Any]:
    """A record that knows a baseline only."""
    return {**sample_results(), "comparison": None}


def with_score(searched: int, baseline: int, windows: int = 1000) -> dict[str, Any]:
    """A record whose models got so many of ``windows`` test windows right in int8."""
    record = without_controls()
    for model, right in zip(record["models"], (searched, baseline), strict=True):
        model["score"]["int8"]["test"] = right / windows
        matrix = [[0] * 7 for _ in range(7)]
        matrix[0][:2] = [right, windows - right]
        model["test"]["int8"].update(examples=windows, confusion=matrix)
    return record


def test_rows_are_metrics_and_columns_models() -> None:
    rows = summary_rows(with_score(952, 931))
    assert rows[0] == ["", "watch_exercise_s (searched)", "CLS_1k (baseline)"]
    assert {len(row) for row in rows} == {3}
    cells = {row[0]: row[1:] for row in rows[1:]}
    assert cells["Accuracy int8 (test)"] == ["95.2 %", "93.1 %"]
    assert cells["MACs"] == ["46,192", "35,952"]
    assert cells["Flash (linked for Cortex-M0)"] == ["3.2 kB", "2.3 kB"]
    assert cells["Bit-exact carriers"] == ["4 of 5, 1 not proven"] * 2
    labels = [row[0] for row in rows if row[0].startswith("Instructions")]
    assert labels == ["Instructions Cortex-M0", "Instructions Cortex-M4", "Instructions Cortex-M33"]


def test_compilers_that_differ_are_both_shown() -> None:
    rows = {row[0]: row[1:] for row in summary_rows(sample_results())}
    counts = [row.split(" / ") for row in rows["Instructions Cortex-M4"]]
    assert [[count.split()[1] for count in row] for row in counts] == [["zig", "gcc"]] * 2
    record = sample_results()["models"][0]["compilers"]["cortex-m4"]
    assert counts[0] == [f"{build['instructions']:,} {name}" for name, build in record.items()]
    for core in ("Cortex-M0", "Cortex-M33"):  # one compiler, and a run that did not tell them apart
        assert all(cell.replace(",", "").isdigit() for cell in rows[f"Instructions {core}"])


def test_unmeasured_figures_are_shown_as_missing() -> None:
    record = sample_results()
    for model in record["models"]:
        model["linked"] = model["instructions"] = model["compilers"] = {}
        model["parity"] = None
    cells = {row[0]: row[1:] for row in summary_rows(record)}
    assert cells["Flash (computed)"] == ["3.1 kB", "2.1 kB"]
    assert cells["Instructions Cortex-M4"] == ["–", "–"]
    assert cells["Bit-exact carriers"] == ["not proven"] * 2


def test_a_failed_carrier_is_never_hidden() -> None:
    record = sample_results()
    record["models"][0]["parity"]["carriers"][0]["status"] = "failed"
    assert summary_rows(record)[-1][1] == "3 of 5, 1 failed, 1 not proven"


@pytest.mark.parametrize(
    ("searched", "baseline", "words"),
    [
        (950, 900, "The searched model beats the baseline CLS_1k"),
        (900, 950, "The searched model loses to the baseline CLS_1k"),
        (950, 948, "do not differ beyond noise"),
        (924, 900, "do not differ beyond noise"),  # 1.9 standard errors
        (900, 924, "do not differ beyond noise"),
        (928, 900, "The searched model beats the baseline CLS_1k"),  # 2.2 standard errors
        (900, 928, "The searched model loses to the baseline CLS_1k"),
        (1000, 1000, "do not differ beyond noise"),
    ],
)
def test_the_verdict_follows_the_noise(searched: int, baseline: int, words: str) -> None:
    assert words in verdict(with_score(searched, baseline))


def test_the_verdict_gives_the_standard_error() -> None:
    sentence = verdict(with_score(950, 900))
    # sqrt((0.95 * 0.05 + 0.9 * 0.1) / 1000) = 0.01173
    assert "+5.0 points with a standard error of 1.2" in sentence
    assert "on 1,000 test windows" in sentence
    assert "1.79× the parameters, 1.28× the MACs and 1.00× the peak RAM" in sentence


def test_few_windows_prove_nothing() -> None:
    assert "do not differ beyond noise" in verdict(with_score(19, 18, windows=20))


def test_without_quantization_the_float_models_are_compared() -> None:
    record = without_controls()
    for model, test in zip(record["models"], (0.964, 0.923), strict=True):
        model["score"] = {"float": {"test": test}}
        del model["test"]["int8"]
    assert "96.4 % against 92.3 % in float on 611 test windows" in verdict(record)


def test_seeds_are_shown_as_mean_and_spread() -> None:
    record = without_controls()
    with_seeds(record["models"][0], [0.948, 0.951, 0.945])
    cells = {row[0]: row[1:] for row in summary_rows(record)}
    assert cells["Accuracy int8 (test)"][0] == "94.8 ± 0.3 % (3 seeds)"
    assert "seeds" not in cells["Accuracy int8 (test)"][1]
    shipped = record["models"][0]["score"]["int8"]["test"]
    assert cells["  of the shipped seed"][0] == f"{100 * shipped:.1f} %"


def test_the_verdict_on_seeds_compares_their_means() -> None:
    record = with_score(990, 900)
    with_seeds(record["models"][0], [0.95, 0.97, 0.93])
    # sqrt((0.95 * 0.05 + 0.9 * 0.1) / 1000 + 0.02 ** 2 / 3) = 0.01646
    assert "95.0 % against 90.0 % in int8" in verdict(record)
    assert "+5.0 points with a standard error of 1.6" in verdict(record)


@pytest.mark.parametrize(
    ("difference", "error", "words"),
    [
        (0.011, 0.01, "The search beats random search at equal cost by more than one standard"),
        (0.010, 0.01, "The search did not beat random search at equal cost by more than one"),
        (-0.05, 0.01, "The search did not beat random search at equal cost by more than one"),
        (0.5, None, "One seed cannot tell the search from random search"),
    ],
)
def test_only_more_than_one_standard_error_beats_a_control(
    difference: float, error: float | None, words: str
) -> None:
    record = sample_results()
    # What the record claims does not count: the numbers do.
    record["comparison"]["others"][0] |= {
        "difference": difference,
        "standard_error": error,
        "beaten": True,
    }
    assert verdict(record).startswith(words)


def test_every_control_has_its_sentence() -> None:
    record = sample_results()
    text = verdict(record)
    assert "94.8 ± 0.3 % against 94.2 ± 0.7 % (3 seeds), a difference of +0.6 ± 0.5 points" in text
    assert "CLS_1k, the best of the zoo," in text
    assert "in int8 on 611 test windows" in text  # the baseline comes last


def test_no_model_no_verdict() -> None:
    record = sample_results()
    record["models"] = []
    assert verdict(record) == "No model was trained."
    assert summary_rows(record)[0] == [""]


def test_no_baseline_no_verdict() -> None:
    record = without_controls()
    del record["models"][1]
    assert "No baseline was trained" in verdict(record)


def test_no_test_windows_no_verdict() -> None:
    record = without_controls()
    record["models"][1]["score"] = {"float": {"validation": 0.9}}
    assert "cannot be compared" in verdict(record)


def test_a_baseline_that_is_as_good_for_less_is_recommended() -> None:
    record = with_score(950, 948)
    flash = record["models"][0]["cost"]["flash_bytes"]
    record["models"][1]["cost"]["flash_bytes"] = flash // 2
    assert "The baseline is as good for less: take export/baseline." in verdict(record)
    record["models"][1]["cost"]["flash_bytes"] = flash
    assert "take export/baseline" not in verdict(record)


def test_what_int8_loses_is_said() -> None:
    record = with_score(800, 800)
    record["models"][0]["score"]["float"]["test"] = 0.95
    assert "Int8 loses 15.0 points against float" in verdict(record)
    record["models"][0]["score"]["float"]["test"] = 0.81
    assert "Int8 loses" not in verdict(record)


def test_a_test_without_anomalies_has_no_area_but_false_alarms() -> None:
    record = without_controls() | {"metric": "AUC"}
    detection = {
        "threshold": 1.0, "sigmas": 3.0, "confusion": [[90, 10], [0, 0]], "precision": 0.0,
        "recall": None, "f1": 0.0, "false_alarms": 0.1,
    }  # fmt: skip
    test = detection | {
        "examples": 100, "auc": None, "errors": {"normal": [0, 1], "anomaly": []}, "roc": {},
    }  # fmt: skip
    for model in record["models"]:
        model["score"] = {"float": {"validation": 0.7}, "int8": {"validation": 0.7}}
        model["seeds"], model["test"] = [], {"float": test, "int8": test}
    cells = {row[0]: row[1:] for row in summary_rows(record)}
    assert cells["AUC int8 (test)"] == ["–"] * 2
    assert cells["  anomalies found"] == ["–"] * 2
    assert cells["  false alarms"] == ["10.0 %"] * 2
