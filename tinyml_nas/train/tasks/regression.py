"""Regression and forecasting: targets on one scale, the coefficient of determination R².

Both learn numbers; they differ in what the numbers are, and in the loss: forecasts follow the Huber
loss, for the spikes of a series are often not to be foreseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.features import Examples, Targets
from tinyml_nas.results.scores import r_squared
from tinyml_nas.results.task import RegressionTest, Shown
from tinyml_nas.train.tasks.task import Known

Values = npt.NDArray[np.float64]

SHOWN = 400
"""Examples whose values the record keeps for its pictures, spread over the split."""
BAND = (0.05, 0.25, 0.75, 0.95)
"""Quantiles of the errors that the record keeps for each step of a forecast."""


@dataclass(frozen=True)
class Regression:
    """Outputs (N, K) against targets (N, K), both normalized by the training side's targets."""

    targets: Targets

    metric = "R²"
    exact = True

    def wanted(self, y: Tensor) -> Tensor:
        mean, std = torch.from_numpy(self.targets.mean), torch.from_numpy(self.targets.std)
        return (y - mean) / std

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        return F.mse_loss(outputs, wanted)

    def judged(self, part: Examples) -> Examples:
        return part

    def measurable(self, y: Tensor) -> bool:
        return len(y) > 0

    def score(self, outputs: Tensor, wanted: Tensor, y: Tensor) -> float:
        return float(r_squared(self.told(outputs, y), self.meant(y)).mean())

    def truth(self, y: Tensor) -> npt.NDArray[Any]:
        return self.meant(y).astype(np.float32)

    def answers(self, outputs: Tensor, y: Tensor) -> npt.NDArray[Any]:
        return self.told(outputs, y).astype(np.float32)

    def limit(self, known: Known) -> None:
        return None

    def evaluate(
        self, outputs: Tensor, wanted: Tensor, part: Examples, known: Known
    ) -> RegressionTest:
        y = torch.from_numpy(part.y)
        predicted, actual = self.told(outputs, y), self.meant(y)
        error = predicted - actual
        spread = np.tile(self.targets.spread, self.targets.horizon)
        shown = self.shown(len(actual))
        return RegressionTest(
            examples=len(part),
            targets=list(self.targets.names),
            horizon=self.targets.horizon,
            r2=r_squared(predicted, actual).tolist(),
            rmse=np.sqrt((error**2).mean(axis=0)).tolist(),
            mae=np.abs(error).mean(axis=0).tolist(),
            mse_normalized=float(((error / spread) ** 2).mean()),
            smape=_smape(predicted, actual),
            error_quantiles=np.quantile(error, BAND, axis=0).tolist(),
            shown=Shown(
                index=shown.tolist(),
                actual=actual[shown].tolist(),
                predicted=predicted[shown].tolist(),
            ),
        )

    def shown(self, count: int) -> npt.NDArray[np.int64]:
        """Which of ``count`` examples the pictures show: some, spread over all."""
        return np.unique(np.linspace(0, count - 1, SHOWN).astype(np.int64))

    def meant(self, y: Tensor) -> Values:
        """What should be told (N, K), in the units of the targets."""
        return np.asarray(y.numpy(), np.float64)

    def told(self, outputs: Tensor, y: Tensor) -> Values:
        """``outputs`` (N, K) in the units of the targets."""
        scaled = outputs.double().numpy() * self.targets.std + self.targets.mean
        return np.asarray(scaled, np.float64)


@dataclass(frozen=True)
class Forecasting(Regression):
    """The same for the next values of each target, ordered by step, then by target.

    Labels begin with step 0, the last values that the window knows: to repeat them is the naive
    forecast that every other one is compared with.
    """

    def wanted(self, y: Tensor) -> Tensor:
        future = y[:, len(self.targets.names) :]
        return super().wanted(future - self._last(y) if self.targets.relative else future)

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        return F.huber_loss(outputs, wanted)

    def shown(self, count: int) -> npt.NDArray[np.int64]:
        return np.arange(min(count, SHOWN // 2))  # a stretch, for one follows a series

    def meant(self, y: Tensor) -> Values:
        return super().meant(y[:, len(self.targets.names) :])

    def told(self, outputs: Tensor, y: Tensor) -> Values:
        values = super().told(outputs, y)
        return values + self._last(y).numpy() if self.targets.relative else values

    def evaluate(
        self, outputs: Tensor, wanted: Tensor, part: Examples, known: Known
    ) -> RegressionTest:
        y = torch.from_numpy(part.y)
        actual = self.meant(y)
        naive = np.abs(self._last(y).numpy() - actual).mean()
        error = np.abs(self.told(outputs, y) - actual).mean()
        compared = {"naive_mae": float(naive), "mase": float(error / naive) if naive else None}
        return super().evaluate(outputs, wanted, part, known).model_copy(update=compared)

    def _last(self, y: Tensor) -> Tensor:
        """The last known values (N, K), once for each step."""
        return y[:, : len(self.targets.names)].repeat(1, self.targets.horizon)


def _smape(predicted: Values, actual: Values) -> float:
    """Symmetric mean absolute percentage error: mean of 200 |p - a| / (|p| + |a|), in per cent."""
    total = np.abs(predicted) + np.abs(actual)
    ratio = np.divide(np.abs(predicted - actual), total, out=np.zeros_like(total), where=total > 0)
    return float(200 * ratio.mean())
