"""Tasks: what networks should give, how good an answer is, and what must not be looked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tinyml_nas.features import Examples, Normalization, Targets
from tinyml_nas.results.scores import r_squared, roc_auc
from tinyml_nas.train.tasks.anomaly import Anomaly, threshold
from tinyml_nas.train.tasks.classification import Classification
from tinyml_nas.train.tasks.injection import inject
from tinyml_nas.train.tasks.regression import Forecasting, Regression
from tinyml_nas.train.tasks.roc import roc_curve

pytestmark = pytest.mark.fast


def _examples(y: np.ndarray, channels: int = 2, length: int = 40) -> Examples:
    x = np.random.default_rng(1).normal(size=(len(y), channels, length)).astype(np.float32)
    return Examples(x, y, np.arange(len(y)))


def _targets(horizon: int = 1, relative: bool = False) -> Targets:
    mean, std = (np.float32([[3.0, -1.0], [2.0, 0.5]]).repeat(1, 0)[i] for i in (0, 1))
    tiled = (np.tile(values, horizon).astype(np.float32) for values in (mean, std))
    return Targets(("a", "b"), horizon, *tiled, std.astype(np.float32), relative)


def test_a_regression_learns_targets_on_one_scale_and_tells_them_in_their_units() -> None:
    task, y = Regression(_targets()), torch.tensor([[3.0, -1.0], [5.0, -0.5]])
    wanted = task.wanted(y)
    assert wanted.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    np.testing.assert_allclose(task.told(wanted, y), y)
    assert task.score(wanted, wanted, y) == 1.0
    assert task.score(wanted.mean(0).expand(2, 2), wanted, y) == pytest.approx(0.0)


@pytest.mark.parametrize("relative", [False, True])
def test_a_forecast_is_wanted_for_the_steps_ahead(relative: bool) -> None:
    task = Forecasting(_targets(horizon=3, relative=relative))
    y = torch.arange(16.0).reshape(2, 8)  # step 0 is known, steps 1 to 3 are ahead
    wanted = task.wanted(y)
    assert wanted.shape == (2, 6)
    np.testing.assert_allclose(task.told(wanted, y), y[:, 2:], rtol=1e-6)
    first = (2.0 - 0.0 if relative else 2.0) - 3.0
    assert wanted[0, 0].item() == pytest.approx(first / 2.0)


def test_the_naive_forecast_has_a_scaled_error_of_one() -> None:
    task = Forecasting(_targets(horizon=2, relative=True))
    rng = np.random.default_rng(3)
    part = _examples(rng.normal(size=(50, 6)).astype(np.float32))
    y = torch.from_numpy(part.y)
    unchanged = torch.zeros(50, 4) - torch.from_numpy(task.targets.mean / task.targets.std)
    record = task.evaluate(unchanged, task.wanted(y), part, lambda: unchanged)
    assert record.mase == pytest.approx(1.0)
    assert len(record.mae) == len(record.r2) == 4


def test_a_column_that_never_changes_explains_nothing_unless_met() -> None:
    actual = np.array([[1.0, 5.0], [2.0, 5.0]])
    assert r_squared(actual, actual).tolist() == [1.0, 1.0]
    assert r_squared(np.add(actual, [[0.0, 1.0]]), actual).tolist() == [1.0, 0.0]


def test_the_area_under_the_curve_is_the_chance_to_be_ranked_right() -> None:
    rng = np.random.default_rng(5)
    scores, positive = rng.integers(0, 12, 80).astype(float), rng.random(80) < 0.4
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[positive] for n in scores[~positive]]
    assert roc_auc(scores, positive) == pytest.approx(np.mean(pairs))
    curve = np.array(roc_curve(scores, positive))
    assert curve[0].tolist() == [0.0, 0.0]
    assert curve[-1].tolist() == [1.0, 1.0]
    assert np.trapezoid(curve[:, 1], curve[:, 0]) == pytest.approx(np.mean(pairs), abs=1e-3)
    assert roc_auc(scores, np.zeros(80, bool)) == 0.5


def test_injected_anomalies_change_every_window_and_are_always_the_same() -> None:
    x = _examples(np.zeros(64, np.int64)).x * 3 + 7
    mean, std = x.mean((0, 2)), x.std((0, 2))
    odd = inject(x, mean, std)
    assert odd.shape == x.shape
    assert odd.dtype == np.float32
    assert (np.abs(odd - x).max(axis=(1, 2)) > 1e-3).mean() > 0.98
    np.testing.assert_array_equal(odd, inject(x, mean, std))
    changed = (np.abs(odd - x) > 1e-4).mean()
    assert 0.02 < changed < 0.5  # a stretch, not the whole window


def test_an_autoencoder_is_judged_by_anomalies_of_ours_and_tested_on_real_ones() -> None:
    statistics = Normalization(np.zeros(2, np.float32), np.ones(2, np.float32))
    task = Anomaly(statistics)
    normal = _examples(np.zeros(30, np.int64))
    judged = task.judged(normal)
    assert judged.y.tolist() == [0] * 30 + [1] * 30
    errors = torch.cat([torch.full((30, 80), 0.1), torch.full((30, 80), 0.5)])
    wanted = task.wanted(torch.from_numpy(judged.y))
    assert task.loss(errors, wanted).item() == pytest.approx(0.01)  # of normal windows alone
    assert task.score(errors, wanted, torch.from_numpy(judged.y)) == 1.0
    test = _examples(np.array([0] * 20 + [2] * 10))
    outputs = torch.cat([torch.full((20, 80), 0.1), torch.full((10, 80), 0.5)])
    record = task.evaluate(outputs, wanted, test, lambda: torch.full((30, 80), 0.2))
    assert record.confusion == [[20, 0], [0, 10]]
    assert record.threshold == pytest.approx(0.04)
    assert (record.auc, record.f1, record.false_alarms) == (1.0, 1.0, 0.0)
    assert [line.sigmas for line in record.thresholds] == [1, 2, 3, 4, 5, 6]


def test_a_threshold_lies_so_many_deviations_above_the_mean() -> None:
    assert threshold(np.array([1.0, 3.0]), 3.0) == pytest.approx(2.0 + 3.0)


def test_a_classification_draws_one_curve_for_each_class() -> None:
    part = _examples(np.array([0, 1, 2, 1]))
    logits = torch.eye(3)[[0, 1, 2, 1]] * 4
    task = Classification(3)
    record = task.evaluate(logits, task.wanted(torch.from_numpy(part.y)), part, lambda: logits)
    assert [roc.auc for roc in record.roc] == [1.0, 1.0, 1.0]
    assert record.f1 == 1.0


def test_without_anomalies_there_is_nothing_to_measure() -> None:
    task = Anomaly(Normalization(np.zeros(2, np.float32), np.ones(2, np.float32)))
    assert task.measurable(torch.tensor([0, 2, 0]))
    assert not task.measurable(torch.tensor([0, 0]))
