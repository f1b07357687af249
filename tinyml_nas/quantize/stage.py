"""The quantize stage: fold, calibrate, fine-tune if asked, mix weight bits if asked, lower."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tinyml_nas.config.sections.training import Training
from tinyml_nas.console import Console
from tinyml_nas.cost.packing import fixed_bits, weight_bits
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.quantize.answer import answer_of
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.mixed import (
    Bits,
    Sensitivity,
    Tolerance,
    layer_records,
    longest,
    narrowing_path,
    sensitivity,
)
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.results.trained import MixedBits, Quantization, TriedBits
from tinyml_nas.train.builder import NetworkModule
from tinyml_nas.train.loop import FitResult, Normalizer, fit, validation_loss, validation_score
from tinyml_nas.train.recipe import Recipe
from tinyml_nas.train.seeding import generator
from tinyml_nas.train.tasks import task_of

QAT_LEARNING_RATE = 0.01
"""Fine-tuning starts at this share of the training rate.

Folded layers have no batch norm that would take up a large step.  On people left out (UCI-HAR's
training people, 4 networks, 3 splits) fine-tuning at a hundredth moved the calibrated model's
accuracy by +0.2 points on average, from -0.6 to +0.9; at a tenth by -0.1, from -2.4 to +0.9.
"""
EXACT_LEARNING_RATE = 0.1
"""The same where small errors of the outputs count.

A tenth gave +0.007 over a hundredth on spectra and on heartbeats (R² and AUC, validation, 3 and 2
seeds), and as much as a hundredth on three more sets.
"""
LOST = 0.0075
"""A loss of score by calibration from which fine-tuning has something to win back."""
LOST_LEARNING_RATE = 0.3
"""Share of the training rate for a model whose score calibration lowered by ``LOST``.

On raw vibration of bearings (CWRU, CLS_4k, 3 seeds, validation) calibration lost 2.5 points.  Fine-
tuning at a hundredth or a tenth of the rate left 0.4 of them lost, at this share none.
"""
TERNARY_LEARNING_RATE = 1.0
"""At 2 bits a hundredth ended 37 points below the full rate, a third 4 points below (the same)."""
MIN_QAT_EPOCHS = 10


@dataclass(frozen=True)
class Quantized:
    """The integer model, the fake-quant module that it was lowered from, and how it came about."""

    integer: IntNetwork
    module: QuantizedModule
    record: Quantization


@dataclass(frozen=True)
class Attempt:
    """The network quantized with certain bits."""

    module: QuantizedModule
    record: Quantization

    @property
    def score(self) -> float:
        """Score of what was kept on the validation split, which is not empty."""
        assert self.record.validation_score is not None
        return self.record.validation_score


def quantize(
    trained: NetworkModule,
    features: FeatureSet,
    training: Training,
    recipe: Recipe,
    *,
    seed: int,
    checkpoint: Path,
    console: Console,
    title: str,
    add_terms: int | None = None,
) -> Quantized:
    """The integer model of ``trained``; only training windows calibrate and fine-tune it.

    ``recipe`` is the one that ``trained`` was trained with; fine-tuning follows it more gently.
    With ``auto_quantization`` the validation split decides on the bits that the YAML leaves open.
    ``add_terms`` as in ``lower``.
    """
    folded = fold_batch_norm(trained)
    windows, judged = _calibration_windows(features, training.calibration_windows, seed)
    scales = calibrate(folded, windows, training.calibration, judged)
    float_score = validation_score(trained, features)

    def attempt(bits: Bits) -> Attempt:
        module = QuantizedModule(copy.deepcopy(folded), scales, bits, add_terms)
        record = Quantization(
            method="PTQ",
            calibration=training.calibration,
            calibration_windows=len(windows),
            ptq_validation_score=validation_score(module, features),
        )
        if training.quantization_method.upper() == "QAT":
            state = {name: value.clone() for name, value in module.state_dict().items()}
            narrow = min(weight_bits(module.network).values(), default=8)
            share = _share(features, narrow, float_score, record.ptq_validation_score)
            result = fit(
                module, features, _fine_tuning(recipe, training.qat_epochs, narrow, share),
                seed=seed, checkpoint=_named(checkpoint, bits), console=console,
                title=title,
            )  # fmt: skip
            record = _choose(module, state, result, record)
            console.info(_comparison(record))
        return Attempt(module.cpu().eval(), record)

    fixed = fixed_bits(trained.network, training)
    layers = [name for name in weight_bits(folded.network) if name not in fixed]
    losses: Sensitivity = {}
    if training.auto_quantization and layers and len(features.validation):
        uniform = QuantizedModule(folded, scales, add_terms=add_terms)
        losses = sensitivity(uniform, layers, lambda module: validation_loss(module, features))
        path = narrowing_path(folded.network, losses)
        assert float_score is not None
        chosen = _mixed(path, attempt, float_score, Tolerance.of(training, features.task), console)
    else:
        chosen = attempt({})
    module = chosen.module
    layer_bits = layer_records(folded, module, windows, losses)
    integer = lower(
        module.network,
        module.parameters_by_node(),
        module.scales,
        features.normalization,
        features.class_names,
        features.channel_names,
        add_terms,
    )
    integer = dataclasses.replace(integer, answer=answer_of(integer, features))
    return Quantized(integer, module, chosen.record.model_copy(update={"layers": layer_bits}))


def _mixed(
    path: Sequence[Bits],
    attempt: Callable[[Bits], Attempt],
    score: float,
    tolerance: Tolerance,
    console: Console,
) -> Attempt:
    """The narrowest of ``path`` whose score keeps near ``score``, that of the float model."""
    floor = tolerance.floor(score)
    tried: list[TriedBits] = []

    def noted(bits: Bits) -> Attempt:
        outcome = attempt(bits)
        tried.append(TriedBits(bits=list(bits.values()), score=outcome.score))
        return outcome

    chosen, held = longest(path, noted, lambda outcome: outcome.score >= floor)
    bits = ", ".join(f"{n} {b}" for n, b in weight_bits(chosen.module.network).items())
    console.info(f"weight bits: {bits}; validation {chosen.score:.3f}, at least {floor:.3f} asked")
    if not held:
        console.warning("auto_quantization: not even 8 bits hold the tolerance; they are kept.")
    auto = MixedBits(float_score=score, floor=floor, held=held, tried=tried)
    return Attempt(chosen.module, chosen.record.model_copy(update={"auto": auto}))


def _named(checkpoint: Path, bits: Bits) -> Path:
    """``checkpoint`` for an attempt with these bits."""
    return checkpoint.with_stem("_".join([checkpoint.stem, *map(str, bits.values())]))


def _choose(
    module: QuantizedModule,
    ptq: dict[str, torch.Tensor],
    result: FitResult,
    record: Quantization,
) -> Quantization:
    """Load the better of PTQ and QAT by validation score; fine-tuning must earn its place.

    Where nothing validates it is taken on trust: it was asked for.  Returns ``record``, that of
    the calibrated model, with what fine-tuning did.
    """
    qat_score, ptq_score = result.validation_score, record.ptq_validation_score
    keep_qat = qat_score is None or ptq_score is None or qat_score >= ptq_score
    module.load_state_dict(result.state if keep_qat else ptq)
    tuned = {
        "method": "QAT" if keep_qat else "PTQ",
        "requested": "QAT",
        "qat_validation_score": qat_score,
        "qat_epochs": len(result.history),
        "qat_best_epoch": result.best_epoch,
        "history": list(result.history),
        "seconds": result.seconds,
    }
    return record.model_copy(update=tuned)


def _comparison(record: Quantization) -> str:
    before, after = record.ptq_validation_score, record.qat_validation_score
    kept = "fine-tuned" if record.method == "QAT" else "calibrated"
    if before is None or after is None:
        return f"no validation data: the {kept} model is kept"
    return f"validation: {before:.3f} calibrated, {after:.3f} fine-tuned; the {kept} model is kept"


def _fine_tuning(recipe: Recipe, epochs: int | None, bits: int, share: float) -> Recipe:
    """``recipe`` at a ``share`` of its rate, for a network with weights of ``bits``, at least."""
    return dataclasses.replace(
        recipe,
        epochs=epochs or max(MIN_QAT_EPOCHS, recipe.epochs // 5) * (2 if bits == 2 else 1),
        learning_rate=recipe.learning_rate * share,
        warmup_epochs=0,
        dither=False,  # its inputs are rounded
    )


def _share(features: FeatureSet, bits: int, before: float | None, after: float | None) -> float:
    """Fine-tuning rate as a share of the training rate, by the score before and after calibration.

    Where nothing validates, weights of fewer than 8 bits are taken to have lost much.
    """
    if bits == 2:
        return TERNARY_LEARNING_RATE
    lost_much = bits < 8 if before is None or after is None else before - after > LOST
    if lost_much:
        return LOST_LEARNING_RATE
    return EXACT_LEARNING_RATE if task_of(features).exact else QAT_LEARNING_RATE


def _calibration_windows(
    features: FeatureSet, count: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Training windows, and those that models are judged on: with injected anomalies for that task.

    A range that ends where normal windows end cuts off the anomalies: a machine that stops had an
    AUC of 0.73 in float and 0.51 in int8.  With injected anomalies int8 kept 0.010, 0.004 and
    0.000 more of the AUC of injected anomalies on three sets (validation, two seeds each).
    """
    order = torch.randperm(len(features.train), generator=generator(seed, "calibration"))
    part = features.train.taken(order[:count].numpy())
    judged = task_of(features).judged(part)
    normalize = Normalizer(features)
    return normalize(torch.from_numpy(part.x)), normalize(torch.from_numpy(judged.x))
