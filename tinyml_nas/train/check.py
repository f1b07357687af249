"""Keys that only some tasks read: said where another task is asked for them."""

from __future__ import annotations

from tinyml_nas.config.sections.common import Common, Task
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.located.draft import Draft

READ_BY: dict[str, tuple[Task, ...]] = {
    "training.class_weights": ("classification",),
    "training.label_smoothing": ("classification",),
    "compilation.vote_windows": ("classification", "anomaly"),
    "compilation.vote_share": ("classification", "anomaly"),
    f"{FEATURES}.target_variables": ("regression", "forecasting"),
    f"{FEATURES}.target_as": ("regression",),
    f"{FEATURES}.forecast_horizon": ("forecasting",),
    f"{FEATURES}.forecast_as": ("forecasting",),
    "dataset.normal_class": ("anomaly",),
}
"""Keys to the tasks that read them."""


def check_task(draft: Draft) -> None:
    """Run every check that depends on the task."""
    if "common.task_type" in draft.wrong:
        return
    _say_unread(draft)
    _check_targets(draft)
    _check_forecast(draft)


def _say_unread(draft: Draft) -> None:
    """One note for the keys of other tasks that are written to something."""
    common = draft.get("common", Common)
    unread = [
        path
        for path, tasks in READ_BY.items()
        if common.task not in tasks and draft.given(path) and _differs(draft, path)
    ]
    for path in unread:
        draft.ignored(
            f"{path} has no effect: it is for a {' or a '.join(READ_BY[path])}",
            path,
            "common.task_type",
        )


def _differs(draft: Draft, path: str) -> bool:
    """Whether ``path`` has another value than its default."""
    section, key = path.split(".")
    model = draft.sections[section]
    return getattr(model, key) != type(model).model_fields[key].default  # type: ignore[no-any-return]


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
