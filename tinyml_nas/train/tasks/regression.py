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

    def wanted(self, y: Tensor) -> Tensor:
        mean, std = torch.from_numpy(self.targets.mean), torch.from_numpy(self.targets.std)
        return (y - mean) / std

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        return F.mse_loss(outputs, wanted)

    def judged(self, part: Examples) -> Examples:
        return part

    def score(self, outputs: Tensor, wanted: Tensor, y: Tensor) -> float:
        return r_squared(outputs, wanted).mean().item()

    def evaluate(
        self, outputs: Tensor, wanted: Tensor, part: Examples, known: Known
    ) -> dict[str, Any]:
        predicted, actual = self.in_units(outputs), self.actual(part)
        error = predicted - actual
        shown = np.unique(np.linspace(0, len(actual) - 1, SHOWN).astype(int))
        return {
            "targets": list(self.targets.names),
            "horizon": self.targets.horizon,
            "r2": r_squared(outputs, wanted).tolist(),
            "rmse": np.sqrt((error**2).mean(axis=0)).tolist(),
            "mae": np.abs(error).mean(axis=0).tolist(),
            "mse_normalized": F.mse_loss(outputs, wanted).item(),
            "smape": _smape(predicted, actual),
            "error_quantiles": np.quantile(error, BAND, axis=0).tolist(),
            "shown": {
                "index": shown.tolist(),
                "actual": actual[shown].tolist(),
                "predicted": predicted[shown].tolist(),
            },
        }

    def actual(self, part: Examples) -> Values:
        """What the outputs should be (N, K), in the units of the targets."""
        return np.asarray(part.y, np.float64)

    def in_units(self, outputs: Tensor) -> Values:
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
        return super().wanted(y[:, len(self.targets.names) :])

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        return F.huber_loss(outputs, wanted)

    def actual(self, part: Examples) -> Values:
        return np.asarray(part.y[:, len(self.targets.names) :], np.float64)

    def evaluate(
        self, outputs: Tensor, wanted: Tensor, part: Examples, known: Known
    ) -> dict[str, Any]:
        actual, last = self.actual(part), part.y[:, : len(self.targets.names)]
        naive = np.tile(last, (1, self.targets.horizon)).astype(np.float64)
        naive_mae = np.abs(naive - actual).mean()
        mae = np.abs(self.in_units(outputs) - actual).mean()
        return super().evaluate(outputs, wanted, part, known) | {
            "naive_mae": float(naive_mae),
            "mase": float(mae / naive_mae) if naive_mae else None,
        }


def r_squared(outputs: Tensor, wanted: Tensor) -> Tensor:
    """1 - SSE / SST of each column (K,); 0 where a column never changes and is not met exactly."""
    error = ((outputs - wanted).double() ** 2).sum(0)
    spread = ((wanted - wanted.mean(0)).double() ** 2).sum(0)
    ratio = torch.where(spread > 0, error / spread.clamp(min=1e-300), (error > 0).double())
    return 1 - ratio


def _smape(predicted: Values, actual: Values) -> float:
    """Symmetric mean absolute percentage error: mean of 200 |p - a| / (|p| + |a|), in per cent."""
    total = np.abs(predicted) + np.abs(actual)
    ratio = np.divide(np.abs(predicted - actual), total, out=np.zeros_like(total), where=total > 0)
    return float(200 * ratio.mean())
