"""What a task decides: what a network is to give, how far off it is, and how good that is.

A network's outputs are (N, K) in the units of its training: logits, targets of zero mean and unit
deviation, or what is left of a window after its reconstruction.  ``wanted`` is what they should be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tinyml_nas.features import Examples
from tinyml_nas.results.task import Test

Known = Callable[[], Tensor]


class Task(Protocol):
    """One kind of learning; the loss is what training lowers, the score what choices are made by.

    A score is at most 1, and higher is better.
    """

    @property
    def metric(self) -> str:
        """Name of the score."""

    @property
    def exact(self) -> bool:
        """Whether a small error of an output counts; the largest of some logits survives it."""

    def wanted(self, y: Tensor) -> Tensor:
        """What the outputs for windows with labels ``y`` should be."""

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Mean loss of a batch."""

    def judged(self, part: Examples) -> Examples:
        """What choices are made on, out of the examples of a side that may be looked at."""

    def measurable(self, y: Tensor) -> bool:
        """Whether examples with labels ``y`` can be scored."""

    def score(self, outputs: Tensor, wanted: Tensor, y: Tensor) -> float:
        """How good ``outputs`` are on judged examples with labels ``y``, all of them together."""

    def truth(self, y: Tensor) -> NDArray[Any]:
        """What the answers are held against, as the run keeps it: ``results/answers.py``."""

    def answers(self, outputs: Tensor, y: Tensor) -> NDArray[Any]:
        """What ``outputs`` say to whoever uses the model, as the run keeps it."""

    def limit(self, known: Known) -> np.float32 | None:
        """The answer above which a window is flagged; None where answers decide by themselves."""

    def evaluate(self, outputs: Tensor, wanted: Tensor, part: Examples, known: Known) -> Test:
        """The metrics that the task's users read, and what its pictures need.

        ``known`` gives the outputs for the training and validation examples.
        """
