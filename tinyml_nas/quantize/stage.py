"""The quantize stage: fold, calibrate, fine-tune if asked, lower."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tinyml_nas.config.training import Training
from tinyml_nas.console import Console
from tinyml_nas.features import FeatureSet
from tinyml_nas.quantize.answer import answer_of
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.integer import IntNetwork
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.train.builder import NetworkModule
from tinyml_nas.train.loop import FitResult, Normalizer, fit, validation_score
from tinyml_nas.train.recipe import Recipe
from tinyml_nas.train.seeding import generator

QAT_LEARNING_RATE = 0.01
"""Fine-tuning starts at this share of the training rate.

Folded layers have no batch norm that would take up a large step.  On people left out (UCI-HAR's
training people, 4 networks, 3 splits) fine-tuning at a hundredth moved the calibrated model's
score by +0.2 points on average, from -0.6 to +0.9; at a tenth by -0.1, from -2.4 to +0.9.
"""
MIN_QAT_EPOCHS = 10


@dataclass(frozen=True)
class Quantized:
    """The integer model, the fake-quant module that it was lowered from, and how it came about."""

    integer: IntNetwork
    module: QuantizedModule
    record: dict[str, Any]


def quantize(
    trained: NetworkModule,
    features: FeatureSet,
    training: Training,
    recipe: Recipe,
    *,
    seed: int,
    checkpoint: Path,
    resume: bool,
    console: Console,
    title: str,
) -> Quantized:
    """The integer model of ``trained``; only training windows calibrate and fine-tune it.

    ``recipe`` is the one that ``trained`` was trained with; fine-tuning follows it more gently.
    """
    folded = fold_batch_norm(trained)
    windows = _calibration_windows(features, training.calibration_windows, seed)
    module = QuantizedModule(folded, calibrate(folded, windows, training.calibration))
    record: dict[str, Any] = {
        "method": "PTQ",
        "calibration": training.calibration,
        "calibration_windows": len(windows),
        "ptq_validation_score": validation_score(module, features),
    }
    if training.quantization_method.upper() == "QAT":
        recipe = _fine_tuning(recipe, training.qat_epochs)
        state = {name: value.clone() for name, value in module.state_dict().items()}
        result = fit(
            module, features, recipe, seed=seed, checkpoint=checkpoint, resume=resume,
            console=console, title=title,
        )  # fmt: skip
        record |= _choose(module, state, result, record["ptq_validation_score"])
        console.info(_comparison(record))
    module.cpu().eval()
    integer = lower(
        folded.network,
        module.parameters_by_node(),
        module.scales,
        features.normalization,
        features.class_names,
        features.channel_names,
    )
    integer = dataclasses.replace(integer, answer=answer_of(integer, features))
    return Quantized(integer, module, record)


def _choose(
    module: QuantizedModule,
    ptq: dict[str, torch.Tensor],
    result: FitResult,
    ptq_score: float | None,
) -> dict[str, Any]:
    """Load the better of PTQ and QAT by validation score; fine-tuning must earn its place.

    Where nothing validates it is taken on trust: it was asked for.
    """
    qat_score = result.validation_score
    keep_qat = qat_score is None or ptq_score is None or qat_score >= ptq_score
    module.load_state_dict(result.state if keep_qat else ptq)
    return {
        "method": "QAT" if keep_qat else "PTQ",
        "requested": "QAT",
        "qat_validation_score": qat_score,
        "qat_epochs": len(result.history),
        "qat_best_epoch": result.best_epoch,
        "history": list(result.history),
        "seconds": result.seconds,
    }


def _comparison(record: dict[str, Any]) -> str:
    before, after = record["ptq_validation_score"], record["qat_validation_score"]
    kept = "fine-tuned" if record["method"] == "QAT" else "calibrated"
    if before is None or after is None:
        return f"no validation data: the {kept} model is kept"
    return f"validation: {before:.3f} calibrated, {after:.3f} fine-tuned; the {kept} model is kept"


def _fine_tuning(recipe: Recipe, epochs: int | None) -> Recipe:
    return dataclasses.replace(
        recipe,
        epochs=epochs or max(MIN_QAT_EPOCHS, recipe.epochs // 5),
        learning_rate=recipe.learning_rate * QAT_LEARNING_RATE,
        warmup_epochs=0,
    )


def _calibration_windows(features: FeatureSet, count: int, seed: int) -> torch.Tensor:
    x = torch.from_numpy(features.train.x)
    order = torch.randperm(len(x), generator=generator(seed, "calibration"))
    return Normalizer(features)(x[order[:count]])
