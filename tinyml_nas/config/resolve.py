"""What names and presets stand for, written into the sections; keys that the user wrote win."""

from __future__ import annotations

from tinyml_nas.config import names
from tinyml_nas.config.draft import Draft
from tinyml_nas.config.feature_presets import FEATURE_PRESETS, LATER_PRESETS, LOG_20_10
from tinyml_nas.config.processing import DataProcessing
from tinyml_nas.config.suggest import did_you_mean
from tinyml_nas.config.training import Training

FEATURES = "data_processing_feature_extraction"


def resolve(draft: Draft) -> None:
    """Fill in every preset and replace every name by what it stands for."""
    _resolve_features(draft)
    _resolve_search(draft)
    _resolve_model(draft, "model_name")
    _resolve_model(draft, "nas_compare_model")
    _resolve_bits(draft)
    if draft.get("training", Training).num_gpus == 0:
        draft.fill("training", {"training_device": "cpu"}, "num_gpus 0")


def _resolve_features(draft: Draft) -> None:
    path = f"{FEATURES}.feature_extraction_name"
    name = draft.get(FEATURES, DataProcessing).feature_extraction_name
    preset = FEATURE_PRESETS.get(name or "")
    if preset is not None and preset.instead is not None:
        draft.error(
            path,
            f"{path}: the preset {name!r} needs {preset.family} steps, which are not in this "
            "release.",
            hint=f"the nearest preset that works is {preset.instead}",
        )
    elif preset is not None:
        draft.fill(FEATURES, dict(preset.values), f"preset {name}")
        if preset.note and not draft.given(f"{FEATURES}.feat_ext_transform"):
            draft.warn(f"{name}: {preset.note}{draft.where(path)}.")
    elif name in LATER_PRESETS:
        later = LATER_PRESETS[name]
        draft.error(path, f"{path}: the preset {name!r} is not supported yet: it is for {later}.")
    elif name is not None and not name.startswith("Custom_"):
        hint = did_you_mean(name, FEATURE_PRESETS) or "`info presets` lists the presets"
        draft.error(path, f"{path}: there is no preset {name!r}.", hint=hint)
    features = draft.get(FEATURES, DataProcessing)
    if "LOG_DB" in features.feat_ext_transform:
        missing = {k: v for k, v in LOG_20_10.items() if getattr(features, k) is None}
        draft.fill(FEATURES, missing, "default of LOG_DB")


def _resolve_search(draft: Draft) -> None:
    training = draft.get("training", Training)
    match = names.NAS_NAME.fullmatch(training.model_name or "")
    if match is not None and match[1] and training.nas_enabled:
        draft.fill("training", {"nas_model_size": match[1].lower()}, "model_name")
        training = draft.get("training", Training)
    strategy, size = training.nas_search_strategy, training.nas_model_size
    if strategy in names.SPACE_OF:
        space = {"nas_space": names.SPACE_OF[strategy]}
        draft.fill("training", space, f"nas_search_strategy {strategy}")
    if size is None:
        return
    of_cells = draft.get("training", Training).nas_space == "cells"
    preset = dict(zip(names.NAS_KEYS, names.NAS_PRESETS[size], strict=True))
    for key, value in preset.items():
        path = f"training.{key}"
        if of_cells and draft.given(path) and getattr(training, key) != value:
            draft.warn(
                f"{path} = {getattr(training, key)} wins over {value} of nas_model_size {size}"
                f"{draft.where(path, 'training.nas_model_size')}."
            )
    draft.fill("training", dict(preset), f"preset {size}")


def _resolve_model(draft: Draft, key: str) -> None:
    training = draft.get("training", Training)
    path, name = f"training.{key}", getattr(training, key)
    if name is None or path in draft.wrong:
        return
    if key == "model_name" and names.NAS_NAME.fullmatch(name):
        _check_search_name(draft, name)
        return
    own = names.own_model(name)
    near = own or names.nearest_model(name)
    if near is None:
        _report_unknown_model(draft, path, name)
    elif near != name:
        draft.replace("training", key, near, f"for {name}")
        if own is None:
            draft.warn(
                f"{path}: {name!r} is not in this zoo; {near} is nearest in size and takes its "
                f"place{draft.where(path)}."
            )


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
    if (later := names.later_model(name)) is None:
        hint = did_you_mean(name, names.model_names()) or "`info models` lists the models"
        draft.error(path, f"{path}: there is no model {name!r}.", hint=hint)
    elif "common.task_type" not in draft.wrong:
        draft.error(
            path,
            f"{path}: the model {name!r} is for {later}, which comes with a later release.",
            hint=f"for a classification take one of {', '.join(names.NOMINAL_PARAMETERS)}",
        )


def _resolve_bits(draft: Draft) -> None:
    key = "quantization_activation_bitwidth"
    if getattr(draft.get("training", Training), key) != 8:
        path = f"training.{key}"
        draft.warn(f"{path}: activations always have 8 bits{draft.where(path)}.")
        draft.replace("training", key, 8, "the only width of activations")
