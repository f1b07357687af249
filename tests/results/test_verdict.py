"""Verdicts on drawn and stored answers: few false alarms, true differences found, no surprises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_answers import anomaly, answers, classification, regression

from tinyml_nas.results.answers import Answers, load_answers
from tinyml_nas.results.scores import task_score
from tinyml_nas.results.verdict import BLOCKS, MOST, Verdict, compare

pytestmark = pytest.mark.fast

DRAWS = 200
ALLOWED = DRAWS // 20
"""Alarms in so many draws: 5 %."""
STORED = sorted((Path(__file__).parent / "answers").glob("*.npz"))


def verdict(given: Answers) -> Verdict:
    found = compare(given, "searched", "baseline")
    assert found is not None
    return found


def shown(draw: Callable[[np.random.Generator], Answers], draws: int = DRAWS) -> list[str]:
    """The outcomes of verdicts on so many draws."""
    rng = np.random.default_rng(2026)
    return [verdict(draw(rng)).outcome for _ in range(draws)]


def alarms(outcomes: list[str]) -> int:
    return len(outcomes) - outcomes.count("no difference shown")


def permuted(given: Answers, rng: np.random.Generator) -> Answers:
    """Truth exchanged between whole recordings, and in each the names of the models at random.

    Names are drawn for each recording: for wrong truth, too, one model can be truly better, such as
    the one whose values swing less.  Longer truth is cut, shorter truth is repeated.
    """
    places = [np.flatnonzero(given.recording == r) for r in range(len(given.recordings))]
    truth = given.truth.copy()
    for place, source in zip(places, rng.permutation(len(places)), strict=True):
        truth[place] = np.resize(given.truth[places[source]], truth[place].shape)
    one, other = (given.models[role, "int8"] for role in ("searched", "baseline"))
    swapped = (rng.random(len(places)) < 0.5)[given.recording]
    swapped = swapped.reshape(1, -1, *[1] * (one.ndim - 2))
    models = {
        ("searched", "int8"): np.where(swapped, other, one),
        ("baseline", "int8"): np.where(swapped, one, other),
    }
    return replace(given, truth=truth, models=models)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: classification(rng, (0.85, 0.85)),
        lambda rng: classification(rng, (0.85, 0.85), (4, 160), own=0.3),
        lambda rng: classification(rng, (0.85, 0.85), (8, 320), seeds=3),
        lambda rng: classification(rng, (0.85, 0.85), (20, 800), shared=0.0, own=0.0),
        lambda rng: classification(rng, (0.6, 0.6), (150, 600)),
        lambda rng: regression(rng, (0.5, 0.5)),
        lambda rng: anomaly(rng, (1.5, 1.5)),
    ],
    ids=["20 recordings", "4", "8, 3 seeds", "independent", "150", "regression", "anomaly"],
)
def test_equal_models_are_told_apart_in_5_percent_at_most(
    draw: Callable[[np.random.Generator], Answers],
) -> None:
    # At exactly 5 %, more than 10 of 100 have a chance of 1 %; of 200: 7, 2, 0, 10, 11, 9, 7.
    assert alarms(shown(draw, 100)) <= 10


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: classification(rng, (0.87, 0.82)),  # 5 points on 800 windows of 20 recordings
        lambda rng: regression(rng, (0.4, 0.55)),
        lambda rng: anomaly(rng, (2.0, 1.5)),
    ],
    ids=["classification", "regression", "anomaly"],
)
def test_a_true_difference_is_found(draw: Callable[[np.random.Generator], Answers]) -> None:
    outcomes = shown(draw, 100)
    assert outcomes.count("better") >= 80
    assert "worse" not in outcomes


@pytest.mark.parametrize(
    ("draw", "draws"),
    [
        (lambda rng: classification(rng, (0.87, 0.82)), 3 * DRAWS),  # 3.7 % of 2,000
        (lambda rng: regression(rng, (0.4, 0.55)), DRAWS),
        (lambda rng: anomaly(rng, (2.0, 1.5)), DRAWS),
    ],
    ids=["classification", "regression", "anomaly"],
)
def test_permuted_answers_show_nothing(
    draw: Callable[[np.random.Generator], Answers], draws: int
) -> None:
    assert alarms(shown(lambda rng: permuted(draw(rng), rng), draws)) <= draws // 20


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_permuted_answers_of_real_runs_show_nothing(path: Path) -> None:
    """Of examples/motor_load and fan_vibration, 8 trials and 5 epochs each."""
    given = load_answers(path)
    assert alarms(shown(lambda rng: permuted(given, rng))) <= ALLOWED


def test_answers_of_real_runs_are_here() -> None:
    assert [path.stem for path in STORED] == ["fan_vibration", "motor_load"]


def test_the_models_exchanged_give_the_opposite_verdict() -> None:
    given = classification(np.random.default_rng(3), (0.9, 0.8))
    one, other = compare(given, "searched", "baseline"), compare(given, "baseline", "searched")
    assert one is not None
    assert other is not None
    assert (one.outcome, other.outcome) == ("better", "worse")
    assert one.low is not None
    assert other.high is not None
    assert one.low == pytest.approx(-other.high)
    assert one.difference == pytest.approx(one.score - one.other_score)
    assert verdict(given) == one  # nothing is drawn at random


def test_scores_are_those_of_the_task() -> None:
    given = regression(np.random.default_rng(3), (0.4, 0.5))
    found, model = verdict(given), given.models["searched", "int8"]
    assert found.score == pytest.approx(task_score("regression", given.truth, model[0]))


def test_the_spread_over_seeds_widens_the_interval() -> None:
    given = classification(np.random.default_rng(4), (0.87, 0.82), shared=0.0, own=0.0)
    one = given.models["searched", "int8"]
    worse = np.where(np.arange(len(given)) % 10 == 0, (given.truth + 1) % 4, one)
    theirs = given.models["baseline", "int8"]
    seeds = {
        ("searched", "int8"): np.concatenate([one, worse]).astype(np.int16),
        ("baseline", "int8"): np.concatenate([theirs, theirs]),
    }
    wide, narrow = verdict(replace(given, models=seeds)), verdict(given)
    assert wide.low is not None
    assert wide.high is not None
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    assert (wide.seeds, narrow.seeds) == (2, 1)


def _even(count: int, windows: int, groups: int = 0) -> Answers:
    """``count`` recordings; the searched model is right more often in each of them."""
    recording = np.repeat(np.arange(count, dtype=np.int32), windows)
    truth = np.zeros(len(recording), np.int16)
    at = np.arange(len(recording))
    models = {
        "searched": (at % 10 == 0).astype(np.int16)[None],
        "baseline": (at % 3 == 0).astype(np.int16)[None],
    }
    given = answers("classification", recording, truth, models)
    names = [f"person_{number % groups}" if groups else "" for number in range(count)]
    return replace(given, groups=tuple(names))


@pytest.mark.parametrize(
    ("count", "groups", "unit", "units"),
    [
        (12, 0, "recording", 12),
        (12, 4, "group", 4),
        (12, 2, "recording", 12),  # too few persons
        (2, 2, "block", BLOCKS),
        (1, 0, "block", BLOCKS),
        (3 * MOST, 0, "recording", 3 * MOST),
    ],
)
def test_the_unit_is_the_group_else_the_recording_else_a_block(
    count: int, groups: int, unit: str, units: int
) -> None:
    found = verdict(_even(count, 31, groups))
    assert (found.unit, found.units, found.groups) == (unit, units, groups)
    assert (found.recordings, found.windows) == (count, 31 * count)
    assert found.outcome == "better"


def test_anomalies_of_one_recording_are_cut_into_blocks() -> None:
    given = anomaly(np.random.default_rng(5), (3.0, 3.0))
    one = replace(given, truth=(given.recording == 0).astype(np.int16))
    assert verdict(one).unit == "block"
    two = replace(given, truth=(given.recording < 3).astype(np.int16))
    assert verdict(two).unit == "recording"


@pytest.mark.parametrize("task", ["classification", "regression", "anomaly"])
@pytest.mark.parametrize("recordings", [1, 2, 5])
@pytest.mark.parametrize("windows", [1, 2, 30])
def test_models_that_answer_alike_do_not_differ(task: str, recordings: int, windows: int) -> None:
    recording = np.repeat(np.arange(recordings, dtype=np.int32), windows)
    truth = (np.arange(len(recording)) % 2).astype(np.int16)
    model = truth[None].astype(np.float32)
    if task == "regression":
        truth, model = truth[:, None].astype(np.float32), model[..., None]
    if task == "classification":
        model = model.astype(np.int16)
    found = compare(
        answers(task, recording, truth, {"searched": model, "baseline": model}),
        "searched",
        "baseline",
    )
    if found is None:  # no windows of both kinds
        assert (task, len(recording)) == ("anomaly", 1)
        return
    assert (found.difference, found.outcome) == (0, "no difference shown")
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize("windows", [1, 40])
def test_without_any_spread_nothing_is_shown(windows: int) -> None:
    """One is always right, the other never: no recording says how far others may be from that."""
    recording = np.repeat(np.arange(4, dtype=np.int32), windows)
    truth = np.zeros(len(recording), np.int16)
    models = {"searched": truth[None], "baseline": truth[None] + np.int16(1)}
    found = verdict(answers("classification", recording, truth, models))
    assert (found.difference, found.low, found.outcome) == (1, None, "no difference shown")


def test_what_was_not_tested_alike_is_not_compared() -> None:
    given = classification(np.random.default_rng(6), (0.9, 0.8))
    one, other = (given.models[role, "int8"] for role in ("searched", "baseline"))
    mixed = {("searched", "float"): one, ("searched", "int8"): one, ("baseline", "float"): other}
    assert verdict(replace(given, models=mixed)).precision == "float"
    apart = {("searched", "int8"): one, ("baseline", "float"): other}
    assert compare(replace(given, models=apart), "searched", "baseline") is None
    normal = replace(given, task="anomaly", truth=np.zeros_like(given.truth))
    assert compare(normal, "searched", "baseline") is None


def test_a_model_that_diverged_is_not_compared() -> None:
    given = regression(np.random.default_rng(6), (0.4, 0.5))
    broken = np.full_like(given.models["searched", "int8"], np.nan)
    models = {**given.models, ("searched", "int8"): broken}
    assert compare(replace(given, models=models), "searched", "baseline") is None


def test_a_class_in_one_recording_is_not_left_out_as_a_whole() -> None:
    truth = np.repeat(np.arange(3, dtype=np.int16), 22)
    models = {("searched", "int8"): truth[None], ("baseline", "int8"): 0 * truth[None]}
    names = ("a", "b", "c")
    answers = Answers("classification", names, ("",) * 3, truth.astype(np.int32), truth, models, {})
    verdict = compare(answers, "searched", "baseline")
    assert verdict is not None
    assert (verdict.outcome, verdict.unit) == ("better", "block")
    assert verdict.high is not None
    assert verdict.high <= 1
