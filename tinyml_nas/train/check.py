"""Keys of the training: what is learned, by which model, and what varies the examples."""

from __future__ import annotations

from tinyml_nas.config import names
from tinyml_nas.config.resolve import task_of
from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.config.sections.training import AUTO, Training
from tinyml_nas.located.draft import Draft
from tinyml_nas.located.suggest import did_you_mean
from tinyml_nas.zoo.entries import model_names, own_model


def check_training(draft: Draft) -> None:
    """Run every check of the training."""
    _resolve_model(draft, "model_name")
    _resolve_model(draft, "nas_compare_model")
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


def _resolve_model(draft: Draft, key: str) -> None:
    training = draft.get("training", Training)
    path, name = f"training.{key}", getattr(training, key)
    if name is None or path in draft.wrong or (key == "model_name" and training.own_model):
        return
    if key == "nas_compare_model" and name == AUTO:
        return
    if key == "model_name" and names.NAS_NAME.fullmatch(name):
        _check_search_name(draft, name)
        return
    task = task_of(draft)
    model = own_model(name, task)
    if model is None:
        _report_unknown_model(draft, path, name)
    elif task not in (None, model.task):
        draft.error(
            path,
            f"{path}: the model {name!r} is for {model.task}, not for {task}.",
            hint=f"take one such as {', '.join(names.SUGGESTED[task])}",
            also=["common.task_type"],
        )
    elif model.stands_in:
        draft.replaced(f"{path}: {name}: {model.note}", path)
    elif task and own_model(name) not in (None, model):
        draft.replaced(f"{path}: the {name} of {task} is {model.name} now, the same network.", path)
    if model is not None and model.name != name and path not in draft.wrong:
        draft.replace("training", key, model.name, f"for {name}")


def _check_search_name(draft: Draft, name: str) -> None:
    """``NAS`` and ``NAS_m`` are no models: they only make sense with the search switched on."""
    if not draft.get("training", Training).nas_enabled:
        draft.error(
            "training.model_name",
            f"training.model_name: {name!r} stands for a search, which is switched off.",
            hint="add nas_enabled: true, or name a model of the zoo",
            also=["training.nas_enabled"],
        )


def _report_unknown_model(draft: Draft, path: str, name: str) -> None:
    if (kind := names.later_model(name)) is None:
        hint = did_you_mean(name, model_names()) or "`info models` lists the models"
        draft.error(path, f"{path}: there is no model {name!r}.", hint=hint)
    else:
        models = ", ".join(names.SUGGESTED[draft.get("common", Common).task])
        draft.error(
            path,
            f"{path}: the model {name!r} is for {kind}; here signals are one-dimensional.",
            hint=f"take one such as {models}",
        )
