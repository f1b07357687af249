"""Keys about what is learned: targets that contradict the inputs, and what a forecast needs."""

from __future__ import annotations

from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.located.draft import Draft


def check_task(draft: Draft) -> None:
    """Run every check that depends on the task."""
    if "common.task_type" in draft.wrong:
        return
    _check_targets(draft)
    _check_forecast(draft)


def _check_targets(draft: Draft) -> None:
    features = draft.get(FEATURES, DataProcessing)
    path = f"{FEATURES}.target_variables"
    twice = {t for t in features.target_variables if features.target_variables.count(t) > 1}
    if twice:
        named = ", ".join(map(str, sorted(twice, key=str)))
        draft.error(path, f"{path}: {named} is named twice.", hint="name each column once")
    read = features.variables if isinstance(features.variables, tuple) else ()
    told = [target for target in features.target_variables if target in read]
    if told and draft.get("common", Common).task == "regression":
        draft.error(
            f"{FEATURES}.variables",
            f"{FEATURES}: {told[0]!r} is in variables and in target_variables: the network would "
            "read the answer.",
            hint=f"take {told[0]!r} out of variables",
            also=[path],
        )


def _check_forecast(draft: Draft) -> None:
    common, features = draft.get("common", Common), draft.get(FEATURES, DataProcessing)
    path = f"{FEATURES}.frame_size"
    if common.task == "forecasting" and features.frame_size < 2 and not draft.given(path):
        draft.error(
            path,
            f"{FEATURES}: a forecast needs a frame_size: so many samples it looks back on.",
            also=["common.task_type"],
        )
