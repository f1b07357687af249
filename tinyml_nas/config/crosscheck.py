"""What no section can see alone: keys that need, contradict or silence each other."""

from __future__ import annotations

from pathlib import Path

from tinyml_nas.config.presets.features import FEATURE_PRESETS
from tinyml_nas.config.sections.delivery import Compilation
from tinyml_nas.config.sections.processing import FEATURES, DataProcessing
from tinyml_nas.config.sections.training import Training
from tinyml_nas.located.draft import Draft
from tinyml_nas.located.unread import note_unread


def check_sections(draft: Draft, folder: Path) -> None:
    """Run every check that needs no stage; relative paths start at ``folder``."""
    _check_variables(draft)
    _check_quantization(draft)
    note_unread(draft)
    _check_compile_preset(draft)


def _check_variables(draft: Draft) -> None:
    features = draft.get(FEATURES, DataProcessing)
    preset = FEATURE_PRESETS.get(features.feature_extraction_name or "")
    expected = preset.values.get("variables") if preset else None
    given = features.variables
    count = given if isinstance(given, int) else len(given)
    if expected is not None and count != expected:
        draft.warn(
            f"{FEATURES}: {features.feature_extraction_name} is made for {expected} variables; "
            f"the {count} that are written win",
            f"{FEATURES}.variables",
            f"{FEATURES}.feature_extraction_name",
        )


def _check_quantization(draft: Draft) -> None:
    training = draft.get("training", Training)
    if training.quantization and training.quantization_method == "PTQ" and training.qat_epochs:
        draft.error(
            "training.qat_epochs",
            "training: qat_epochs contradicts quantization_method: PTQ, which does not train.",
            hint="remove qat_epochs, or set quantization_method: QAT",
            also=["training.quantization_method"],
        )
    if training.quantization_layers and training.nas_enabled:
        draft.error(
            "training.quantization_layers",
            "training: quantization_layers names layers, and a search has yet to find them.",
            hint="set quantization_weight_bitwidth, which is about all layers",
            also=["training.nas_enabled"],
        )


def _check_compile_preset(draft: Draft) -> None:
    path = "compilation.compile_preset_name"
    if draft.get("compilation", Compilation).compile_preset_name == "compress_npu_layer_data":
        draft.ignored(f"{path}: no code for an NPU is generated, so no data of its layers", path)
