"""Keys of the training: what is learned, by which model, and what varies the examples."""

from __future__ import annotations

from tinyml_nas.config import names
from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.config.sections.training import Training
from tinyml_nas.located.draft import Draft


def check_training(draft: Draft) -> None:
    """Run every check of the training."""
    if "common.task_type" not in draft.wrong:
        _check_targets(draft)
        _check_forecast(draft)
    _check_model(draft)
    _check_rotation(draft)


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


def _check_model(draft: Draft) -> None:
    training, task = draft.get("training", Training), draft.get("common", Common).task
    nothing = training.model_name is None and training.own_model is None
    if nothing and not training.nas_enabled and training.enable:
        draft.error(
            "training.model_name",
            "training: model_name is missing and no search is switched on.",
            hint=f"take one such as {', '.join(names.SUGGESTED[task])}, add nas_enabled: true, or "
            "name a network of your own in model_path",
            also=["training.nas_enabled"],
        )


def _check_rotation(draft: Draft) -> None:
    augmentation = draft.get("training", Training).augmentation
    variables = draft.get(FEATURES, DataProcessing).variables
    count = variables if isinstance(variables, int) else len(variables)
    groups = augmentation.rotation_groups
    if augmentation.rotation > 0 and groups is None:
        draft.error(
            "training.augmentation.rotation",
            "training.augmentation: rotation needs rotation_groups.",
            hint="name the channels x, y, z of each sensor, such as [[0, 1, 2]]",
        )
    highest = max((channel for group in groups or () for channel in group), default=0)
    if groups is not None and highest >= count:
        draft.error(
            "training.augmentation.rotation_groups",
            f"training.augmentation: channel {highest} does not exist: there are {count}, "
            "counted from 0.",
            also=[f"{FEATURES}.variables"],
        )
