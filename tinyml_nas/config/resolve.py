"""What names and presets stand for, written into the sections; keys that the user wrote win."""

from __future__ import annotations

from tinyml_nas.config import names
from tinyml_nas.config.presets.audio import resolve_audio
from tinyml_nas.config.presets.datasets import resolve_dataset
from tinyml_nas.config.presets.features import (
    FEATURE_PRESETS,
    LATER_PRESETS,
    LOG_20_10,
)
from tinyml_nas.config.sections.common import Common, Task
from tinyml_nas.config.sections.delivery import Compilation, Testing
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.config.sections.training import SPACE, STRATEGY, Training
from tinyml_nas.located.draft import Draft
from tinyml_nas.located.suggest import did_you_mean

GPUS = "training.num_gpus"
PATIENCE = 10
"""Epochs without a better score after which ``early_stopping`` alone ends a training."""


def resolve(draft: Draft) -> None:
    """Fill in every preset and replace every name by what it stands for."""
    resolve_dataset(draft)
    _resolve_features(draft)
    _resolve_search(draft)
    _resolve_own_model(draft)
    _resolve_bits(draft)
    _resolve_training(draft)


def _resolve_features(draft: Draft) -> None:
    path = f"{FEATURES}.feature_extraction_name"
    name = draft.get(FEATURES, DataProcessing).feature_extraction_name
    preset = FEATURE_PRESETS.get(name or "")
    if preset is not None:
        draft.fill(FEATURES, dict(preset.values), f"preset {name}")
    elif name in LATER_PRESETS:
        later = LATER_PRESETS[name]
        draft.error(path, f"{path}: the preset {name!r} is for {later}, not for this task.")
    elif name is not None and not name.startswith("Custom_"):
        hint = did_you_mean(name, FEATURE_PRESETS) or "`info presets` lists the presets"
        draft.error(path, f"{path}: there is no preset {name!r}.", hint=hint)
    resolve_audio(draft)
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
    strategy, size, task = training.nas_search_strategy, training.nas_model_size, task_of(draft)
    own = next((name for name, space in draft.names[SPACE].items() if space.task == task), None)
    if task is not None and own is not None:
        draft.fill("training", {"nas_space": own}, f"default for {task}")
    else:
        asked = draft.names[STRATEGY][strategy].asks
        draft.fill("training", asked, f"nas_search_strategy {strategy}")
    if size is None:
        return
    of_cells = draft.get("training", Training).nas_space == "cells"
    preset = dict(zip(names.NAS_KEYS, names.NAS_PRESETS[size], strict=True))
    for key, value in preset.items():
        path = f"training.{key}"
        if of_cells and draft.given(path) and getattr(training, key) != value:
            draft.warn(
                f"{path} = {getattr(training, key)} wins over {value} of nas_model_size {size}",
                path,
                "training.nas_model_size",
            )
    draft.fill("training", dict(preset), f"preset {size}")


def _resolve_own_model(draft: Draft) -> None:
    """A network of the user's that is not trained: where it lies, and that nothing changes it."""
    if not draft.get("training", Training).enable:
        named = {
            "testing": draft.get("testing", Testing).model_path,
            "compilation": draft.get("compilation", Compilation).model_path,
        }
        for section, path in named.items():
            if path is not None and draft.get("training", Training).own_model is None:
                draft.replace("training", "model_path", path, f"{section}.model_path")
    training = draft.get("training", Training)
    method = "training.quantization_method"
    if training.own_model and not training.enable and training.quantization_method == "QAT":
        if draft.given(method):
            both = draft.where(method, "training.enable")
            draft.warn(f"{method}: without training the model is calibrated, as PTQ does{both}.")
        draft.replace("training", "quantization_method", "PTQ", "for enable false")


def task_of(draft: Draft) -> Task | None:
    """What is to be learned; None where the YAML does not say it rightly."""
    return None if "common.task_type" in draft.wrong else draft.get("common", Common).task


def _resolve_training(draft: Draft) -> None:
    """Switches of TI's files that stand for another key here."""
    training, features = draft.get("training", Training), draft.get(FEATURES, DataProcessing)
    if training.num_gpus == 0:
        draft.fill("training", {"training_device": "cpu"}, "num_gpus 0")
    elif training.num_gpus > 1:
        draft.replaced(f"training.num_gpus: one of {training.num_gpus} GPUs trains", GPUS)
    if features.dont_train_just_feat_ext:
        draft.replace("training", "enable", False, "dont_train_just_feat_ext")
    patience = training.early_stopping_patience
    if training.early_stopping is False and patience is not None:
        draft.replace("training", "early_stopping_patience", None, "early_stopping false")
    elif training.early_stopping and patience is None:
        draft.fill("training", {"early_stopping_patience": PATIENCE}, "early_stopping")


def _resolve_bits(draft: Draft) -> None:
    key = "quantization_activation_bitwidth"
    if getattr(draft.get("training", Training), key) != 8:
        path = f"training.{key}"
        draft.replaced(f"{path}: activations always have 8 bits", path)
        draft.replace("training", key, 8, "the only width of activations")
