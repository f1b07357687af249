"""Classification: cross-entropy, accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.results.scores import roc_auc
from tinyml_nas.results.task import ClassificationTest, Roc
from tinyml_nas.train.metrics import confusion_matrix, macro_f1
from tinyml_nas.train.tasks.roc import roc_curve
from tinyml_nas.train.tasks.task import Known


@dataclass(frozen=True)
class Classification:
    """Logits (N, classes) against class numbers (N,).

    ``class_weights`` (classes,) let rare classes weigh more; ``label_smoothing`` is the share of
    the target that is spread over all classes.
    """

    classes: int
    class_weights: Tensor | None = None
    label_smoothing: float = 0.0

    metric = "accuracy"
    exact = False

    def wanted(self, y: Tensor) -> Tensor:
        return y

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        return F.cross_entropy(
            outputs, wanted, weight=self.class_weights, label_smoothing=self.label_smoothing
        )

    def judged(self, part: Examples) -> Examples:
        return part

    def measurable(self, y: Tensor) -> bool:
        return len(y) > 0

    def score(self, outputs: Tensor, wanted: Tensor, y: Tensor) -> float:
        return (outputs.argmax(1) == y).double().mean().item()

    def truth(self, y: Tensor) -> NDArray[Any]:
        return y.numpy().astype(np.int16)

    def answers(self, outputs: Tensor, y: Tensor) -> NDArray[Any]:
        return outputs.argmax(1).numpy().astype(np.int16)

    def limit(self, known: Known) -> None:
        return None

    def evaluate(
        self, outputs: Tensor, wanted: Tensor, part: Examples, known: Known
    ) -> ClassificationTest:
        matrix = confusion_matrix(part.y, outputs.argmax(1).numpy(), self.classes)
        return ClassificationTest(
            examples=len(part),
            f1=macro_f1(matrix),
            confusion=matrix.tolist(),
            roc=[self._roc(outputs, part, number) for number in range(self.classes)],
        )

    def _roc(self, outputs: Tensor, part: Examples, number: int) -> Roc:
        """One class against all others, by how far its logit is above the highest of theirs."""
        others = outputs.clone()
        others[:, number] = -torch.inf
        margin = (outputs[:, number] - others.amax(1)).double().numpy()
        positive = part.y == number
        mixed = positive.any() and not positive.all()
        auc = roc_auc(margin, positive) if mixed else None
        return Roc(auc=auc, curve=roc_curve(margin, positive))


def class_weights(features: FeatureSet) -> Tensor:
    """Inverse frequency of each class in the training split, mean 1 over the windows."""
    counts = torch.bincount(
        torch.from_numpy(features.train.y), minlength=len(features.class_names)
    ).double()
    weights = counts.sum() / (len(counts) * counts.clamp(min=1))
    return weights.float()
