"""How a model is trained, as data; the learning rate is a pure function of the step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from tinyml_nas.config.sections.training import Training
from tinyml_nas.features import FeatureSet
from tinyml_nas.train.augment import Augmentation
from tinyml_nas.train.tasks import Task, task_of


@dataclass(frozen=True)
class Recipe:
    """Everything that the training loop needs to know.

    With ``dither`` a network of exact outputs learns that its inputs will be rounded to int8.
    """

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    lr_scheduler: str
    warmup_epochs: int
    label_smoothing: float
    balance_classes: bool
    early_stopping_patience: int | None
    augmentation: Augmentation
    device: str = "auto"
    dither: bool = False

    def task(self, features: FeatureSet) -> Task:
        """What ``features`` are to be learned for, with the loss as the recipe wants it."""
        return task_of(
            features, balanced=self.balance_classes, label_smoothing=self.label_smoothing
        )


def recipe_from_config(training: Training) -> Recipe:
    """The recipe for float training that the YAML's ``training`` section asks for."""
    augmentation = training.augmentation
    groups = tuple((a, b, c) for a, b, c in augmentation.rotation_groups or ())
    return Recipe(
        epochs=training.training_epochs,
        batch_size=training.batch_size,
        optimizer=training.optimizer,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        lr_scheduler=training.lr_scheduler,
        warmup_epochs=training.warmup_epochs,
        label_smoothing=training.label_smoothing,
        balance_classes=training.class_weights == "balanced",
        early_stopping_patience=training.early_stopping_patience,
        augmentation=Augmentation(**augmentation.model_dump() | {"rotation_groups": groups}),
        device=training.training_device,
        dither=bool(training.quantization),
    )


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Learning rate at ``epoch`` (fractional): a linear warm-up, then the schedule.

    ``cosineannealinglr`` falls to 1 % of the start (Loshchilov & Hutter, "SGDR", 2017);
    ``exponentiallr`` falls by the same factor per epoch to 1 %; ``steplr`` divides by ten at one
    half and at three quarters.
    """
    warmup = min(recipe.warmup_epochs, recipe.epochs / 2)
    if epoch < warmup:
        return recipe.learning_rate * (epoch + 0.1) / (warmup + 0.1)
    progress = (epoch - warmup) / max(recipe.epochs - warmup, 1e-9)
    match recipe.lr_scheduler:
        case "cosineannealinglr":
            factor = 0.01 + 0.99 * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
        case "exponentiallr":
            factor = 0.01**progress
        case "steplr":
            factor = 0.1 ** ((progress >= 0.5) + (progress >= 0.75))
        case _:
            factor = 1.0
    return recipe.learning_rate * factor


def make_optimizer(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that the recipe names."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    match recipe.optimizer:
        case "sgd" | "nesterov":
            nesterov = recipe.optimizer == "nesterov"
            return torch.optim.SGD(
                parameters, rate, momentum=0.9, weight_decay=decay, nesterov=nesterov
            )
        case "rmsprop":
            return torch.optim.RMSprop(parameters, rate, momentum=0.9, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay)
        case _:
            return torch.optim.AdamW(parameters, rate, weight_decay=decay)
