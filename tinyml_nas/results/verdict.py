"""Who won: two models on the same test windows, and an interval of their difference.

The models are compared window by window, so what is hard for both cancels out.  Windows of one
recording are not independent, so whole recordings are left out in turn, and the spread of the
difference without each gives its variance: the cluster jackknife.  Quantiles are Student's t at one
degree of freedom less than there are recordings (MacKinnon, Nielsen and Webb, "Fast and reliable
jackknife and bootstrap methods for cluster-robust inference", 2023, which call it CV3).  It takes
any score, also those that are no mean over windows (R², AUC).

Trained over several seeds, the mean scores are compared, and the variance of these means over the
seeds is added; the degrees of freedom are then Satterthwaite's (Welch, 1947).

`benchmarks/verdict_errors.py` shows false alarms and power, beside those of bootstraps.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tinyml_nas.results.answers import Answers
from tinyml_nas.results.record import Count, Record, Score
from tinyml_nas.results.scores import NORMAL, task_score

Outcome = Literal["better", "worse", "no difference shown"]
Unit = Literal["group", "recording", "block"]
Flags = NDArray[np.bool_]
Numbers = NDArray[Any]
Values = NDArray[np.float64]

CONFIDENCE = 0.95
FEWEST = 3
"""Units that an interval needs; with fewer groups recordings take their place, then blocks."""
BLOCKS = 10
"""Stretches of neighboring windows that stand for recordings where these are too few."""
MOST = 100
"""Units left out one by one; of more, several at once."""
PRECISIONS: tuple[Literal["int8", "float"], ...] = ("int8", "float")
NOTHING = 1e-20
"""A variance below this is rounding."""


class Verdict(Record):
    """The model ``role`` against the model ``other``: whether it is better, and by how much.

    Scores are means over the seeds, ``difference`` is ``score - other_score``, from ``low`` to
    ``high`` with 95 % confidence; both are ``null`` where there is no spread to judge by.  An
    interval that leaves out 0 makes the outcome.  ``units`` of one ``unit`` were left out in turn;
    ``groups`` counts those of the test recordings, 0 where the data name none.
    """

    role: str
    other: str
    precision: Literal["float", "int8"]
    score: Score
    other_score: Score
    difference: float
    low: float | None
    high: float | None
    outcome: Outcome
    windows: Count
    recordings: Count
    groups: Count
    unit: Unit
    units: Count
    seeds: Annotated[int, Field(ge=1)]


def compare(answers: Answers, role: str, other: str) -> Verdict | None:
    """The verdict on two models by their ``answers``, int8 where both have it.

    None where a model has no answers, the test windows cannot be scored, or a score is no number.
    """
    sides = _sides(answers)
    for precision in PRECISIONS:
        models = [answers.models.get((name, precision)) for name in (role, other)]
        if (mine := models[0]) is None or (theirs := models[1]) is None:
            continue
        if not all(side.any() for side in sides):
            return None
        unit, numbers = _units(answers, sides)
        scores = _scores(answers, mine), _scores(answers, theirs)
        difference = float(scores[0].mean() - scores[1].mean())
        if not math.isfinite(difference):
            return None
        low, high = _interval(answers, (mine, theirs), numbers, sides)
        return Verdict(
            role=role,
            other=other,
            precision=precision,
            score=float(scores[0].mean()),
            other_score=float(scores[1].mean()),
            difference=difference,
            low=low,
            high=high,
            outcome=_outcome(low, high),
            windows=len(answers),
            recordings=len(np.unique(answers.recording)),
            groups=len({answers.groups[number] for number in answers.recording} - {""}),
            unit=unit,
            units=len(np.unique(numbers)),
            seeds=min(map(len, scores)),
        )
    return None


def _outcome(low: float | None, high: float | None) -> Outcome:
    if low is not None and low > 0:
        return "better"
    return "worse" if high is not None and high < 0 else "no difference shown"


def _sides(answers: Answers) -> tuple[Flags, ...]:
    """What each needs windows and units of its own: normal windows and anomalies, else all."""
    if answers.task == "anomaly":
        return answers.truth == NORMAL, answers.truth != NORMAL
    return (np.ones(len(answers), np.bool_),)


def _units(answers: Answers, sides: tuple[Flags, ...]) -> tuple[Unit, Numbers]:
    """The kind and the number of each window's unit: groups, else recordings, else blocks."""
    if all(answers.groups):
        _, groups = np.unique(answers.groups, return_inverse=True)
        numbers = groups[answers.recording]
        if _fewest(numbers, sides) >= FEWEST and not _lone_class(answers, numbers):
            return "group", numbers
    if _fewest(answers.recording, sides) >= FEWEST and not _lone_class(answers, answers.recording):
        return "recording", answers.recording
    return "block", _blocks(answers.recording, sides)


def _lone_class(answers: Answers, numbers: Numbers) -> bool:
    """Whether a class is in one unit alone: without this unit, the test would be another one."""
    if answers.task != "classification":
        return False
    pairs = {*zip(answers.truth.tolist(), numbers.tolist(), strict=True)}
    return min(Counter(label for label, _ in pairs).values()) < 2


def _fewest(numbers: Numbers, sides: tuple[Flags, ...]) -> int:
    return min(len(np.unique(numbers[side])) for side in sides)


def _blocks(recording: Numbers, sides: tuple[Flags, ...]) -> Numbers:
    """Stretches of neighboring windows: at least two a recording and ``BLOCKS`` a side."""
    numbers, count = np.zeros(len(recording), np.int64), 0
    for side in sides:
        names = np.unique(recording[side])
        for name in names:
            windows = np.flatnonzero(side & (recording == name))
            for part in np.array_split(
                windows, min(len(windows), max(2, -(-BLOCKS // len(names))))
            ):
                numbers[part] = count
                count += 1
    return numbers


def _scores(answers: Answers, model: NDArray[Any], kept: Flags | None = None) -> Values:
    """Score of each seed (S,), on the windows ``kept``."""
    chosen = slice(None) if kept is None else kept
    truth = answers.truth[chosen]
    return np.array([task_score(answers.task, truth, seed[chosen]) for seed in model])


def _interval(
    answers: Answers,
    models: tuple[NDArray[Any], NDArray[Any]],
    numbers: Numbers,
    sides: tuple[Flags, ...],
) -> tuple[float, float] | tuple[None, None]:
    """Bounds of the difference of the models' mean scores; None where nothing varies."""
    _, parts = np.unique(numbers, return_inverse=True)
    parts %= MOST
    freedom = _fewest(parts, sides) - 1
    if freedom < 1:
        return None, None
    scores = [_scores(answers, model) for model in models]
    difference = scores[0].mean() - scores[1].mean()
    without = [
        [_scores(answers, model, parts != part).mean() for model in models]
        for part in range(parts.max() + 1)
    ]
    changes = np.array([mine - theirs for mine, theirs in without]) - difference
    variance = (len(changes) - 1) / len(changes) * float((changes**2).sum())
    sources = [(variance, freedom)]
    sources += [(float(s.var(ddof=1)) / len(s), len(s) - 1) for s in scores if len(s) > 1]
    total = sum(part for part, _ in sources)
    if total < NOTHING:
        return None, None
    from scipy.special import stdtrit  # here, because nothing else in a run needs it

    degrees = total**2 / sum(part**2 / k for part, k in sources)
    half = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * math.sqrt(total)
    bound = math.inf if answers.task in ("regression", "forecasting") else 1.0  # shares differ by 1
    return max(-bound, float(difference - half)), min(bound, float(difference + half))
