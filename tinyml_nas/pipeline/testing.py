"""The test of trained networks: their scores, metrics and answers, seed by seed.

The test split is read here, after every choice is made, and for nothing but the report and which
of two finished models lies in ``export``.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyml_nas.features import FeatureSet
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.final import Entrant, Fitted, answers
from tinyml_nas.results.answers import Answers
from tinyml_nas.results.task import Tests
from tinyml_nas.results.trained import (
    ModelTest,
    Scores,
    ScoreSd,
    SeedScore,
    SplitScore,
)
from tinyml_nas.train.tasks import task_of


@dataclass(frozen=True)
class Tested:
    """One model's part of the results, and by precision its answers (S, N, ...) and limits (S,)."""

    record: ModelTest
    answers: Mapping[str, NDArray[Any]]
    limits: Mapping[str, NDArray[np.float32]]


def test_model(entrant: Entrant, fits: Sequence[Fitted], shipped: int, context: Context) -> Tested:
    """Score and answers of every seed; all metrics of the shipped one.

    Where ``testing.enable`` is off the test split stays closed, and there are no answers.
    """
    features = context.features
    with context.stage(f"test {entrant.role}", f"test: {entrant.network.name} ({entrant.role})"):
        known = [_Known(fitted, features) for fitted in fits]
        tests = [
            answers(fitted.module, fitted.quantized, features, features.test)
            if context.config.testing.enable
            else {}
            for fitted in fits
        ]
        record = _record(fits, tests, known[shipped], shipped, features)
        task, y = task_of(features), torch.from_numpy(features.test.y)
        limits = {p: [task.limit(partial(seed, p)) for seed in known] for p in tests[0]}
        return Tested(
            record,
            {p: np.stack([task.answers(test[p], y) for test in tests]) for p in tests[0]},
            {p: np.array(values) for p, values in limits.items() if None not in values},
        )


def kept_answers(
    entrants: Sequence[Entrant], tested: Sequence[Tested], context: Context
) -> Answers | None:
    """What the run keeps of the tests; None where the test split stayed closed."""
    if not any(test.answers for test in tested):
        return None
    features, data = context.features, context.data
    present, recording = np.unique(features.test.recording, return_inverse=True)
    origins = [data.recordings[number] for number in present]
    roles = [entrant.role for entrant in entrants]
    return Answers(
        features.task,
        tuple(name for name, _ in origins),
        tuple(group or "" for _, group in origins),
        recording.astype(np.int32),
        task_of(features).truth(torch.from_numpy(features.test.y)),
        {(r, p): a for r, test in zip(roles, tested, strict=True) for p, a in test.answers.items()},
        {(r, p): a for r, test in zip(roles, tested, strict=True) for p, a in test.limits.items()},
    )


def _record(
    fits: Sequence[Fitted],
    tests: Sequence[Mapping[str, Tensor]],
    known: _Known,
    shipped: int,
    features: FeatureSet,
) -> ModelTest:
    """Score of every seed; score and all metrics of the shipped one."""
    task, y = task_of(features), torch.from_numpy(features.test.y)
    seeds = [
        _seed_score(
            number,
            fitted,
            {p: task.score(outputs, task.wanted(y), y) for p, outputs in test.items()}
            if task.measurable(y)
            else {},
            number == shipped,
        )
        for number, (fitted, test) in enumerate(zip(fits, tests, strict=True))
    ]
    best = seeds[shipped]
    scores = {"float": _split_score(best.float_validation, best.float_test)}
    if fits[shipped].quantized:
        scores["int8"] = _split_score(best.int8_validation, best.int8_test)
    metrics = {
        p: task.evaluate(outputs, task.wanted(y), features.test, partial(known, p))
        for p, outputs in tests[shipped].items()
    }
    return ModelTest(
        score=Scores(**scores),
        score_sd=ScoreSd(
            float=_sd([seed.float_test for seed in seeds]),
            int8=_sd([seed.int8_test for seed in seeds]),
        ),
        seeds=seeds,
        test=Tests(**metrics),
    )


class _Known:
    """Answers on what a network was made of, computed where a metric asks for them."""

    def __init__(self, fitted: Fitted, features: FeatureSet) -> None:
        self.fitted, self.features = fitted, features

    def __call__(self, precision: str) -> Tensor:
        return self._answers[precision]

    @cached_property
    def _answers(self) -> dict[str, Tensor]:
        module, quantized = self.fitted.module, self.fitted.quantized
        return answers(module, quantized, self.features, self.features.known())


def _seed_score(number: int, fitted: Fitted, test: dict[str, float], shipped: bool) -> SeedScore:
    return SeedScore(
        seed=number,
        float_validation=fitted.validation.get("float"),
        int8_validation=fitted.validation.get("int8"),
        float_test=test.get("float"),
        int8_test=test.get("int8"),
        shipped=shipped,
    )


def _split_score(validation: float | None, test: float | None) -> SplitScore:
    """Scores by side; a test that was not opened has no entry."""
    if test is None:
        return SplitScore(validation=validation)
    return SplitScore(validation=validation, test=test)


def _sd(values: Sequence[float | None]) -> float | None:
    """Standard deviation of at least two known values."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) > 1 else None
