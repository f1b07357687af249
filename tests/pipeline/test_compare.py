"""The comparison with the controls, and which model lies in ``export``."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_nas.cost.budget import Budget, Resources
from tinyml_nas.pipeline.compare import comparison, verdicts
from tinyml_nas.pipeline.ship import choose
from tinyml_nas.results.answers import Answers
from tinyml_nas.results.trained import Cost, Model, SeedScore
from tinyml_nas.results.verdict import Verdict

pytestmark = pytest.mark.fast


def _model(role: str, scores: list[float], precision: str = "int8") -> Model:
    """What a comparison reads of a model."""
    return Model.model_construct(
        role=role,
        name=f"net_{role}",
        cost=Cost(
            parameters=10,
            macs=20,
            flash_bytes=700,
            ram_bytes=30,
            device_flash_bytes=1400,
            device_ram_bytes=60,
        ),
        seeds=[
            SeedScore(seed=number, shipped=not number, **{f"{precision}_test": score})
            for number, score in enumerate(scores)
        ],
    )


def _answers(rights: dict[str, float], precision: str = "int8") -> Answers:
    """Models that are right so often, on 8 recordings of 50 windows."""
    rng = np.random.default_rng(1)
    recording = np.repeat(np.arange(8, dtype=np.int32), 50)
    truth = np.zeros(400, np.int16)
    models = {
        (role, precision): (rng.random((1, 400)) > right).astype(np.int16)
        for role, right in rights.items()
    }
    names = tuple(str(number) for number in range(8))
    return Answers("classification", names, ("",) * 8, recording, truth, models, {})


def test_controls_and_baseline_are_judged_by_one_rule() -> None:
    rights = {"baseline": 0.6, "searched": 0.9, "zoo": 0.9, "random": 0.5}
    judged = verdicts(_answers(rights))
    assert [(v.other, v.outcome) for v in judged] == [
        ("random", "better"),
        ("zoo", "no difference shown"),
        ("baseline", "better"),
    ]
    models = [_model(role, [right]) for role, right in rights.items()]
    record = comparison(models, {"searched": 200.0}, judged)
    assert record is not None
    assert [other.kind for other in record.others] == ["random", "zoo"]
    assert [other.difference for other in record.others] == [v.difference for v in judged[:2]]
    assert record.searched.cpu_seconds == 200
    assert (record.seeds, record.metric) == (1, "int8 test score")


def test_the_flash_of_a_contender_is_the_promise_for_the_target() -> None:
    judged = verdicts(_answers({"searched": 0.9, "zoo": 0.8}))
    record = comparison([_model(role, [0.9]) for role in ("searched", "zoo")], {}, judged)
    assert record is not None
    assert {c.flash_bytes for c in (record.searched, *record.others)} == {1400}


def test_nothing_to_compare() -> None:
    assert verdicts(None) == []
    assert verdicts(_answers({"chosen": 0.9})) == []
    judged = verdicts(_answers({"searched": 0.9, "baseline": 0.8}, "float"))
    assert [v.precision for v in judged] == ["float"]
    models = [_model(role, [0.9], "float") for role in ("searched", "baseline")]
    assert comparison(models, {}, judged) is None


def _need(flash: int, ram: int, macs: int) -> Resources:
    return Resources(100, macs, flash, ram, None)


SAME, LESS = _need(1000, 500, 10_000), _need(1000, 500, 9_000)
BARELY, MORE_RAM = _need(1000, 500, 9_001), _need(100, 501, 100)
BETTER, EQUAL, WORSE = 0.99, 0.9, 0.6
"""How often the searched model is right; the baseline is in 90 %."""


@pytest.mark.parametrize(
    ("right", "baseline", "shipped"),
    [
        (BETTER, LESS, ("searched", "searched")),
        (EQUAL, LESS, ("baseline", "cheaper")),
        (EQUAL, BARELY, ("searched", "searched")),
        (EQUAL, SAME, ("searched", "searched")),
        (EQUAL, MORE_RAM, ("searched", "searched")),
        (WORSE, LESS, ("baseline", "better")),
        (WORSE, SAME, ("baseline", "better")),
        (WORSE, MORE_RAM, ("searched", "dearer")),
    ],
)
def test_the_baseline_is_shipped_where_it_is_as_good_for_less(
    right: float, baseline: Resources, shipped: tuple[str, str]
) -> None:
    (judged,) = verdicts(_answers({"searched": right, "baseline": 0.9}))
    found = choose(judged, SAME, baseline, Budget(), "cheaper_if_equal")
    assert (found.role, found.reason) == shipped


def _equal() -> Verdict:
    (judged,) = verdicts(_answers({"searched": 0.9, "baseline": 0.9}))
    assert judged.outcome == "no difference shown"
    return judged


def test_a_baseline_beyond_the_budget_is_not_shipped() -> None:
    found = choose(_equal(), SAME, LESS, Budget(flash_bytes=999), "cheaper_if_equal")
    assert (found.role, found.reason) == ("searched", "budget")


def test_the_searched_model_can_be_asked_for() -> None:
    found = choose(_equal(), SAME, LESS, Budget(), "searched")
    assert (found.role, found.reason) == ("searched", "configured")


def test_without_a_verdict_the_searched_model_is_shipped() -> None:
    found = choose(None, SAME, LESS, Budget(), "cheaper_if_equal")
    assert (found.role, found.reason) == ("searched", "searched")
