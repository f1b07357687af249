"""The last training: the same bits wherever it runs, the best seed on validation, no test side."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tinyml_nas.config.sections.training import Training
from tinyml_nas.console import Console
from tinyml_nas.errors import DataError
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.pipeline.final import (
    Entrant,
    FinalFit,
    Fitted,
    best_seed,
    fit_all,
    refit_features,
)
from tinyml_nas.train.loop import FitResult
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.zoo import ZOO

QUIET = Console(quiet=True)
TRAINING = Training(training_epochs=2, batch_size=16, qat_epochs=1, optimizer="adam")


def _examples(n: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(size=(n, 2, 16)) + y[:, None, None]
    return Examples(x.astype(np.float32), y.astype(np.int64), np.arange(n) // 4)


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    sides = (_examples(48, 1), _examples(24, 2), _examples(24, 3))
    statistics = Normalization(np.full(2, 0.5, np.float32), np.ones(2, np.float32))
    return FeatureSet(*sides, statistics, ("low", "high"), ("a", "b"), ())


def _entrants(training: Training = TRAINING) -> list[Entrant]:
    network = ZOO["CLS_500"].build(Shape(2, 16), 2)
    return [Entrant(role, network, recipe_from_config(training)) for role in ("one", "two")]


def _final(features: FeatureSet, folder: Path, training: Training = TRAINING) -> FinalFit:
    return FinalFit(features.for_choices(), training, 7, folder)


def _same(a: Fitted, b: Fitted) -> bool:
    assert a.quantized is not None
    assert b.quantized is not None
    pairs = zip(a.quantized.integer.layers, b.quantized.integer.layers, strict=True)
    weights = all(
        np.array_equal(getattr(x.op, "weight", 0), getattr(y.op, "weight", 0)) for x, y in pairs
    )
    states = all(torch.equal(a.training.state[k], v) for k, v in b.training.state.items())
    return weights and states and a.validation == b.validation


@pytest.fixture(scope="module")
def inline(features: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> list[Fitted]:
    folder = tmp_path_factory.mktemp("inline")
    return [f for fits in fit_all(_final(features, folder), _entrants(), 2, 1, QUIET) for f in fits]


@pytest.mark.fast
def test_seeds_differ_and_roles_do_not(inline: list[Fitted]) -> None:
    first, second, other_first, other_second = inline
    assert not _same(first, second)
    assert _same(first, other_first)
    assert _same(second, other_second)


def test_workers_give_the_same_bits(
    features: FeatureSet, inline: list[Fitted], tmp_path: Path
) -> None:
    final = _final(features, tmp_path)
    shared = [f for fits in fit_all(final, _entrants(), 2, 2, QUIET) for f in fits]
    assert all(_same(a, b) for a, b in zip(inline, shared, strict=True))
    assert (tmp_path / "two" / "seed1" / "fine_tuning.npz").is_file()


def test_a_failure_in_a_worker_is_the_runs_failure(features: FeatureSet, tmp_path: Path) -> None:
    bad = dataclasses.replace(features.train, x=features.train.x * np.float32(np.inf))
    final = _final(dataclasses.replace(features, train=bad), tmp_path)
    with pytest.raises(DataError, match="the loss became nan"):
        fit_all(final, _entrants(), 2, 2, QUIET)


@pytest.mark.fast
def test_a_finished_job_is_not_trained_again(
    features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = _final(features, tmp_path)
    ((whole,), _) = fit_all(final, _entrants(), 1, 1, QUIET)
    monkeypatch.delattr("tinyml_nas.train.loop.train_epoch")
    ((again,), _) = fit_all(final, _entrants(), 1, 1, QUIET)
    assert _same(whole, again)


@pytest.mark.fast
def test_the_best_int8_on_validation_ships() -> None:
    def fitted(**validation: float) -> Fitted:
        module, result = torch.nn.Module(), FitResult({}, 0, (), 0.0)
        return Fitted(module, result, None, validation)  # type: ignore[arg-type]

    assert best_seed([fitted(float=0.9, int8=0.7), fitted(float=0.8, int8=0.8)]) == 1
    assert best_seed([fitted(float=0.9, int8=0.8), fitted(float=0.8, int8=0.8)]) == 0
    assert best_seed([fitted(float=0.7), fitted(float=0.9)]) == 1
    assert best_seed([fitted(), fitted()]) == 0


@pytest.mark.fast
def test_a_refit_sees_training_and_validation_and_chooses_nothing(
    features: FeatureSet, tmp_path: Path
) -> None:
    refit = refit_features(features.for_choices())
    assert [len(side) for side in (refit.train, refit.validation, refit.test)] == [72, 0, 0]
    ((fitted, _), _) = fit_all(FinalFit(refit, TRAINING, 7, tmp_path), _entrants(), 2, 1, QUIET)
    assert fitted.validation == {}
    assert fitted.training.best_epoch == 1
    assert fitted.quantized is not None
    assert fitted.quantized.record.method == "QAT"
    assert fitted.quantized.record.ptq_validation_score is None
