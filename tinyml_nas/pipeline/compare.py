"""The searched network against its controls and its baseline."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Literal, cast

from tinyml_nas.results.answers import Answers
from tinyml_nas.results.search import Comparison, Contender
from tinyml_nas.results.trained import Model
from tinyml_nas.results.verdict import Verdict, compare

CONTROLS = ("random", "zoo")
"""Roles of the models that show whether the search was worth its time."""


def verdicts(answers: Answers | None) -> list[Verdict]:
    """The searched model against each of the others that the run tested."""
    if answers is None:
        return []
    tested = {role for role, _ in answers.models}
    others = [role for role in (*CONTROLS, "baseline") if role in tested]
    found = (compare(answers, "searched", other) for other in others)
    return [verdict for verdict in found if verdict is not None]


def comparison(
    models: Sequence[Model], cpu_seconds: Mapping[str, float], judged: Sequence[Verdict]
) -> Comparison | None:
    """The ``comparison`` of results.json; ``None`` without controls or without a test.

    ``cpu_seconds`` says by role what finding each network took.
    """
    by_role: dict[str, Model] = {model.role: model for model in models}
    against = [verdict for verdict in judged if verdict.other in CONTROLS]
    if not against:
        return None
    precision = against[0].precision
    searched = _contender(by_role["searched"], precision, cpu_seconds)
    others = [
        _contender(by_role[verdict.other], precision, cpu_seconds, verdict.difference)
        for verdict in against
    ]
    return Comparison(
        seeds=len(searched.scores),
        metric=f"{precision} test score",
        searched=searched,
        others=others,
    )


def _contender(
    model: Model,
    precision: str,
    cpu_seconds: Mapping[str, float],
    difference: float | None = None,
) -> Contender:
    scores = [getattr(seed, f"{precision}_test") for seed in model.seeds]
    return Contender(
        name=model.name,
        kind=cast(Literal["searched", "random", "zoo"], model.role),  # which the record checks
        scores=scores,
        mean=statistics.fmean(scores),
        sd=statistics.stdev(scores) if len(scores) > 1 else None,
        cpu_seconds=cpu_seconds.get(model.role),
        parameters=model.cost.parameters,
        macs=model.cost.macs,
        flash_bytes=model.flash_bytes,
        ram_bytes=model.ram_bytes,
        difference=difference,
    )
