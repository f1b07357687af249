"""The closing table and the sentence on searched against baseline."""

from __future__ import annotations

from typing import Any

import pytest
from sample_results import sample_results, with_seeds
from sample_search import verdict as against

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
    record = sample_results()
    return {**record, "comparison": None, "verdicts": record["verdicts"][-1:]}


def judged(**more: Any) -> str:
    """The closing sentences on a record with this verdict alone, 95.0 % against 90.0 %."""
    record = without_controls()
    record["verdicts"] = [against("baseline", (0.95, 0.9), more.pop("half", 0.02), **more)]
    return verdict(record)


def test_rows_are_metrics_and_columns_models() -> None:
    rows = summary_rows(without_controls())
    assert rows[0] == ["", "watch_exercise_s (searched)", "CLS_1k (baseline)"]
    assert {len(row) for row in rows} == {3}
    cells = {row[0]: row[1:] for row in rows[1:]}
    assert cells["Accuracy int8 (test)"] == ["95.7 %", "93.1 %"]
    assert cells["MACs"] == ["46,192", "35,952"]
    assert cells["Flash (promised for MSPM0G3507)"] == ["3.1 kB", "2.1 kB"]
    assert cells["  linked for Cortex-M0"] == ["3.2 kB", "2.3 kB"]
    assert cells["Bit-exact carriers"] == ["4 of 5, 1 not proven"] * 2
    labels = [row[0] for row in rows if row[0].startswith("Instructions")]
    assert labels == ["Instructions Cortex-M0", "Instructions Cortex-M4", "Instructions Cortex-M33"]


def test_a_classifier_that_sees_little_of_its_window_is_said_to() -> None:
    record = without_controls()
    assert "Sees of a window at once" not in {row[0] for row in summary_rows(record)}
    reach = {"seen": 31, "whole": 125, "unit": "samples", "seconds_per_step": 0.02}
    record["models"][0]["reach"] = reach
    cells = {row[0]: row[1:] for row in summary_rows(record)}
    assert cells["Sees of a window at once"] == ["31 of 125 samples (0.62 of 2.5 s)", "–"]
    assert "watch_exercise_s sees 31 of 125 samples" in verdict(record)
    assert "TCN_4k" in verdict(record)
    assert "sees 31 of 125" not in verdict({**record, "task": "regression"})
    record["models"][0]["reach"] = reach | {"seen": 32}
    assert "TCN_4k" not in verdict(record)


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
    assert cells["Flash (promised for MSPM0G3507)"] == ["3.1 kB", "2.1 kB"]
    assert "  linked for Cortex-M0" not in cells
    assert cells["Instructions Cortex-M4"] == ["–", "–"]
    assert cells["Bit-exact carriers"] == ["not proven"] * 2


def test_a_failed_carrier_is_never_hidden() -> None:
    record = sample_results()
    record["models"][0]["parity"]["carriers"][0]["status"] = "failed"
    assert summary_rows(record)[-1][1] == "3 of 5, 1 failed, 1 not proven"


def test_the_flash_of_a_model_is_the_promise_for_its_target() -> None:
    record = sample_results()
    record["models"][0]["cost"] |= {"device_flash_bytes": 7400, "device_ram_bytes": 1800}
    results = parse_results(record)
    assert (results.models[0].flash_bytes, results.models[0].ram_bytes) == (7400, 1800)
    cells = {row[0]: row[1:] for row in summary_rows(record)}
    assert cells["Flash (promised for MSPM0G3507)"][0] == "7.4 kB"
    assert cells["Peak RAM (arena)"][0] == "1.8 kB"
    older = record["models"][1]["cost"]
    assert results.models[1].flash_bytes == older["flash_bytes"]


def test_a_better_model() -> None:
    assert judged().startswith(
        "The searched model is better than the baseline CLS_1k: accuracy 95.0 % against 90.0 % in "
        "int8, a difference of +5.0 points (95 % interval +3.0 to +7.0, from 611 test windows of "
        "24 recordings). This is about these two trainings: another seed may give another result. "
        "watch_exercise_s needs 1.79× the parameters, 1.28× the MACs and 1.00× the peak RAM of the "
        "baseline."
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"half": 0.06}, "No difference is shown between the searched model and the baseline"),
        ({"half": None}, "(611 test windows of 24 recordings give no interval)"),
        ({"seeds": 3}, "in int8 (means of 3 seeds), a difference of"),
        ({"precision": "float"}, "90.0 % in float, a difference of"),
        ({"unit": "group", "units": 5, "groups": 5}, "of 24 recordings in 5 groups)."),
        ({"groups": 2}, "of 24 recordings). This is about these two trainings"),
        ({"groups": 2}, "2 groups are too few to say how other groups differ."),
        (
            {"unit": "block", "units": 10, "recordings": 1},
            "from 611 test windows of 1 recording in 10 blocks).",
        ),
        (
            {"unit": "block", "units": 10, "recordings": 1},
            "A block is a stretch of neighboring windows: there are too few recordings",
        ),
    ],
)
def test_a_verdict_says_what_it_rests_on(more: dict[str, Any], words: str) -> None:
    assert words in judged(**more)


def test_several_seeds_are_not_two_trainings() -> None:
    assert "these two trainings" not in judged(seeds=3)


def test_a_worse_model_and_a_score_that_is_no_share() -> None:
    record = without_controls() | {"metric": "R²"}
    record["verdicts"] = [against("baseline", (0.949, 0.959), 0.004)]
    assert verdict(record).startswith(
        "The searched model is worse than the baseline CLS_1k: R² 0.949 against 0.959 in int8, a "
        "difference of −0.0100 (95 % interval −0.0140 to −0.0060, from"
    )


@pytest.mark.parametrize(
    ("shipped", "words"),
    [
        (
            ("searched", "searched"),
            "watch_exercise_s (searched), because it is better. export/",
        ),
        (("searched", "configured"), "(searched), because of training.nas_ship: searched. export"),
        (("searched", "dearer"), "because the better baseline is dearer: 2.1 kB against 3.1 kB of"),
        (("searched", "dearer"), "To swap the two, run with --take baseline."),
        (("searched", "budget"), "because the baseline breaks the budget of the search."),
        (
            ("baseline", "cheaper"),
            "export/ holds CLS_1k (baseline), because it is cheaper and no difference is shown: "
            "2.1 kB against 3.1 kB of flash, 1.3 kB against 1.3 kB of RAM, 35,952 against 46,192 "
            "MACs. export/searched/ holds watch_exercise_s (searched). To swap the two, "
            "write training.nas_ship: searched.",
        ),
        (("baseline", "better"), "CLS_1k (baseline), because it is better and not dearer: 2.1 kB"),
        (("baseline", "taken"), "export/ holds CLS_1k (baseline), because of --take. export/sea"),
    ],
)
def test_what_is_shipped_is_said(shipped: tuple[str, str], words: str) -> None:
    record = without_controls()
    record["shipped"] = dict(zip(("role", "reason"), shipped, strict=True))
    assert words in verdict(record)


def test_a_run_before_verdicts_says_so() -> None:
    record = without_controls()
    del record["verdicts"], record["shipped"]
    text = verdict(record)
    assert text.startswith("This run is older than verdicts, or a score is no number")
    assert "export/" not in text


def test_seeds_are_shown_as_mean_and_spread() -> None:
    record = without_controls()
    with_seeds(record["models"][0], [0.948, 0.951, 0.945])
    cells = {row[0]: row[1:] for row in summary_rows(record)}
    assert cells["Accuracy int8 (test)"][0] == "94.8 ± 0.3 % (3 seeds)"
    assert "seeds" not in cells["Accuracy int8 (test)"][1]
    shipped = record["models"][0]["score"]["int8"]["test"]
    assert cells["  of the shipped seed"][0] == f"{100 * shipped:.1f} %"


def test_every_control_has_its_sentence() -> None:
    record = sample_results()
    record["models"] += [
        {**record["models"][1], "role": role, "name": f"{role}_net"} for role in ("random", "zoo")
    ]
    text = verdict(record)
    assert text.startswith(
        "No difference is shown between the searched model and random_net of a random search at "
        "equal cost: accuracy 94.8 % against 94.2 % in int8 (means of 3 seeds), a difference of "
        "+0.6 points (95 % interval −0.3 to +1.5, from"
    )
    assert "The searched model is better than zoo_net, the best of the zoo: accuracy" in text
    assert "The searched model is better than the baseline CLS_1k: accuracy" in text


def test_no_model_no_verdict() -> None:
    record = sample_results()
    record["models"] = []
    assert verdict(record) == "No model was trained."
    assert summary_rows(record)[0] == [""]


def test_no_baseline_no_verdict() -> None:
    record = without_controls()
    del record["models"][1], record["verdicts"]
    assert "No baseline was trained" in verdict(record)


def test_no_test_windows_no_verdict() -> None:
    record = without_controls()
    record["models"][1]["score"] = {"float": {"validation": 0.9}}
    record["verdicts"] = []
    assert "Without test windows, watch_exercise_s and CLS_1k cannot be compared" in verdict(record)


def test_what_int8_loses_is_said() -> None:
    record = without_controls()
    record["models"][0]["score"] = {"int8": {"test": 0.8}, "float": {"test": 0.95}}
    assert "Int8 loses 15.0 points against float" in verdict(record)
    record["models"][0]["score"]["float"]["test"] = 0.81
    assert "Int8 loses" not in verdict(record)


def test_a_test_without_anomalies_has_no_area_but_false_alarms() -> None:
    record = without_controls() | {"metric": "AUC", "verdicts": []}
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
