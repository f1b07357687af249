"""Which points are compared, which of them form the front, and which one is taken."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_nas.results.search import Point
from tinyml_nas.search import pareto

pytestmark = pytest.mark.fast


def line(
    name: str,
    score: float,
    *,
    epochs: int = 4,
    fold: int = 0,
    loss: float | None = 0.5,
    **resources: Any,
) -> dict:
    cost = {
        "parameters": 10,
        "macs": 100,
        "flash_bytes": 1000,
        "ram_bytes": 50,
        "latency_seconds": 1e-3,
    }
    return {
        "id": name,
        "genome": {"width": name},
        "resources": cost | resources,
        "epochs": epochs,
        "fold": fold,
        "score": score,
        "loss": loss,
        "windows": 100,
    }


def points(*rows: tuple[str, float, int]) -> list[Point]:
    """Points from (name, score, flash); what else they cost follows the flash."""
    return pareto.points(
        line(name, score, flash_bytes=flash, ram_bytes=flash, latency_seconds=flash * 1e-6)
        for name, score, flash in rows
    )


def test_a_point_is_the_mean_of_its_longest_trials():
    (point,) = pareto.points(
        [line("c0", 0.1, epochs=2), line("c0", 0.6, fold=0), line("c0", 0.8, fold=1)]
    )
    assert (point.epochs, point.trials, point.folds) == (4, 2, 2)
    assert point.score == pytest.approx(0.7)
    assert point.score_sd == pytest.approx(math.sqrt(0.02))
    assert point.standard_error == pytest.approx(0.1)


def test_a_trial_that_diverged_is_the_worst_and_no_error():
    diverged, good = pareto.points([line("c0", 0.0, loss=None), line("c1", 0.9)])
    assert diverged.loss is None
    assert pareto.select([diverged, good], "best", "Memory") == good


def test_the_error_of_one_trial_is_binomial():
    (point,) = pareto.points([line("c0", 0.9)])
    assert point.score_sd is None
    assert point.standard_error == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("fidelities", "comparable"),
    [
        ({"c0": (4, 1)}, "c0"),
        ({"c0": (4, 1), "c1": (4, 1)}, "c0 c1"),
        ({"c0": (2, 1), "c1": (4, 1), "c2": (4, 1)}, "c1 c2"),
        ({"c0": (4, 1), "c1": (4, 3), "c2": (4, 3)}, "c1 c2"),
        ({"c0": (4, 1), "c1": (4, 3), "c2": (4, 1)}, "c0 c1 c2"),  # a finalist is never alone
        ({"c0": (2, 3), "c1": (4, 1), "c2": (2, 3)}, "c0 c1 c2"),
    ],
)
def test_only_the_most_thoroughly_judged_are_compared(fidelities, comparable):
    lines = [
        line(name, 0.5, epochs=epochs, fold=fold)
        for name, (epochs, folds) in fidelities.items()
        for fold in range(folds)
    ]
    assert " ".join(p.id for p in pareto.points(lines) if p.comparable) == comparable


def test_a_lucky_short_trial_is_neither_on_the_front_nor_chosen():
    lines = [line("lucky", 1.0, epochs=1), line("c1", 0.8), line("c2", 0.7, ram_bytes=40)]
    found = pareto.points(lines)
    assert [point.id for point in pareto.front(found)] == ["c1", "c2"]
    assert pareto.select(found, "best", "Memory").id == "c1"


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 4)] * 4),
        min_size=1,
        max_size=12,
    )
)
def test_the_front_is_what_nothing_beats(rows):
    found = pareto.points(
        line(f"c{i}", a / 4, flash_bytes=f + 1, ram_bytes=r, latency_seconds=float(t))
        for i, (a, f, r, t) in enumerate(rows)
    )
    on_front = {point.id for point in pareto.front(found)}
    for i, (a, f, r, t) in enumerate(rows):
        beaten = any(
            (b, -g, -s, -u) != (a, -f, -r, -t) and b >= a and g <= f and s <= r and u <= t
            for b, g, s, u in rows
        )
        assert (f"c{i}" in on_front) == (not beaten)


def test_without_a_cycle_model_macs_stand_for_the_latency():
    slow = line("slow", 0.9, latency_seconds=None, macs=200)
    quick = line("quick", 0.9, latency_seconds=None, macs=100)
    found = pareto.points([slow, quick])
    assert [point.id for point in pareto.front(found)] == ["quick"]
    assert pareto.select(found, "best", "Compute").id == "quick"


def test_equal_accuracy_goes_to_the_cheaper_by_mode():
    a = line("small", 0.9, flash_bytes=500, latency_seconds=2e-3)
    b = line("quick", 0.9, flash_bytes=900, latency_seconds=1e-3)
    found = pareto.points([a, b])
    assert pareto.select(found, "best", "Memory").id == "small"
    assert pareto.select(found, "best", "Compute").id == "quick"


def test_smallest_within_a_margin_counts_percentage_points():
    found = points(("c0", 0.90, 4000), ("c1", 0.89, 2000), ("c2", 0.885, 1000))
    assert pareto.select(found, "smallest_within(1%)", "Memory").id == "c1"
    assert pareto.select(found, "smallest_within( 1.5 % )", "Memory").id == "c2"
    assert pareto.select(found, "smallest_within(0%)", "Memory").id == "c0"


def test_the_knee_is_where_more_flash_stops_paying():
    found = points(("c0", 0.50, 1000), ("c1", 0.90, 2000), ("c2", 0.92, 8000))
    assert pareto.select(found, "knee", "Memory").id == "c1"
    # on the chord by the logarithm: no knee, so the best
    straight = points(("c0", 0.50, 1000), ("c1", 0.60, 2000), ("c2", 0.70, 4000))
    assert pareto.select(straight, "knee", "Memory").id == "c2"
    assert pareto.select(found[:1], "knee", "Memory").id == "c0"


def test_the_table_has_a_line_per_point():
    found = points(("c0", 0.5, 1000), ("c1", 0.9, 2000))
    rows = list(csv.DictReader(io.StringIO(pareto.to_csv(found))))
    assert [(row["id"], float(row["score"]), int(row["flash_bytes"])) for row in rows] == [
        ("c0", 0.5, 1000),
        ("c1", 0.9, 2000),
    ]


def test_best_trusts_the_loss_where_accuracies_are_within_one_standard_error():
    def point(name: str, score: float, loss: float, flash: int) -> list[dict]:
        return [
            line(name, score + shift, fold=fold, loss=loss, flash_bytes=flash)
            for fold, shift in enumerate((-0.02, 0.0, 0.02))
        ]

    lucky, sound = point("lucky", 0.901, 0.4, 1000), point("sound", 0.900, 0.3, 900)
    poor = point("poor", 0.80, 0.1, 800)
    assert pareto.select(pareto.points(lucky + sound + poor), "best", "Memory").id == "sound"


def test_a_diverged_loss_is_null_in_json():
    (point,) = pareto.points([line("c0", 0.0, loss=math.inf)])
    assert point.model_dump(mode="json")["loss"] is None
