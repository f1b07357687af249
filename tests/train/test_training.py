"""The training loop: honest epochs, exact resume, augmentation where it belongs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tinyml_nas.console import Console
from tinyml_nas.errors import DataError
from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.quantize.scheme import tensor_scale
from tinyml_nas.train import loop
from tinyml_nas.train.augment import Augmentation
from tinyml_nas.train.builder import NetworkModule, build_module
from tinyml_nas.train.loop import FitResult, Normalizer, batches, fit
from tinyml_nas.train.metrics import confusion_matrix, macro_f1
from tinyml_nas.train.recipe import Recipe, learning_rate, make_optimizer
from tinyml_nas.train.seeding import generator
from tinyml_nas.train.tasks.classification import Classification, class_weights
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.fast

RECIPE = Recipe(
    epochs=4,
    batch_size=16,
    optimizer="adamw",
    learning_rate=0.01,
    weight_decay=1e-4,
    lr_scheduler="cosineannealinglr",
    warmup_epochs=1,
    label_smoothing=0.0,
    balance_classes=True,
    early_stopping_patience=None,
    augmentation=Augmentation(0.1, 0.1, 0.1, rotation=20, rotation_groups=((0, 1, 2),)),
)  # fmt: skip


def _examples(n: int, seed: int) -> Examples:
    """Sines of three frequencies in noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    t = np.arange(32)
    tone = np.sin(2 * np.pi * (y[:, None, None] + 1) * t / 32 + rng.uniform(0, 6, (n, 3, 1)))
    x = (tone + rng.normal(0, 0.3, tone.shape)).astype(np.float32)
    return Examples(x, y.astype(np.int64), np.arange(n) // 5)


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    train = _examples(90, 1)
    statistics = Normalization(train.x.mean((0, 2)), train.x.std((0, 2)))
    names = (("low", "mid", "high"), ("x", "y", "z"))
    return FeatureSet(train, _examples(45, 2), _examples(45, 3), statistics, *names, ("RAW_FE",))


def _module() -> NetworkModule:
    return build_module(ZOO["CLS_500"].build(Shape(3, 32), 3), generator(5, "weights"))


def _fit(
    features: FeatureSet,
    path: Path,
    recipe: Recipe = RECIPE,
    *,
    module: NetworkModule | None = None,
) -> FitResult:
    return fit(
        module or _module(), features, recipe, seed=9, checkpoint=path,
        console=Console(quiet=True), title="test",
    )  # fmt: skip


def _same(a: FitResult, b: FitResult) -> bool:
    return a.history == b.history and all(torch.equal(a.state[k], b.state[k]) for k in a.state)


def test_it_learns_and_keeps_the_best_epoch(features: FeatureSet, tmp_path: Path) -> None:
    result = _fit(features, tmp_path / "c.npz", dataclasses.replace(RECIPE, epochs=15))
    scores = [record.validation_score for record in result.history]
    assert scores[result.best_epoch] == max(scores) > 0.8


def test_without_validation_the_last_epoch_is_kept(features: FeatureSet, tmp_path: Path) -> None:
    none = Examples(*(part[:0] for part in vars(features.validation).values()))
    recipe = dataclasses.replace(RECIPE, early_stopping_patience=1)
    module = _module()
    blind = dataclasses.replace(features, validation=none)
    result = _fit(blind, tmp_path / "c.npz", recipe, module=module)
    assert result.best_epoch == RECIPE.epochs - 1
    assert result.validation_score is None
    assert all(torch.equal(result.state[k], v) for k, v in module.state_dict().items())
    assert _same(_fit(blind, tmp_path / "c.npz", recipe), result)


def test_validation_chooses_but_never_trains(features: FeatureSet, tmp_path: Path) -> None:
    seen = _fit(features, tmp_path / "a.npz")
    none = Examples(*(part[:0] for part in vars(features.validation).values()))
    blind = _fit(dataclasses.replace(features, validation=none), tmp_path / "b.npz")
    assert [r.train_loss for r in seen.history] == [r.train_loss for r in blind.history]


def test_one_seed_gives_one_result(features: FeatureSet, tmp_path: Path) -> None:
    assert _same(_fit(features, tmp_path / "a.npz"), _fit(features, tmp_path / "b.npz"))


@pytest.mark.parametrize("stop_after", [1, 3])
def test_an_interrupted_run_resumes_to_the_same_bits(
    features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    whole = _fit(features, tmp_path / "whole.npz")
    real_epoch = loop.train_epoch

    def killed(*args: Any, **kwargs: Any) -> float:
        if args[-1] == stop_after:
            raise KeyboardInterrupt
        return real_epoch(*args, **kwargs)

    monkeypatch.setattr(loop, "train_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        _fit(features, tmp_path / "cut.npz")
    monkeypatch.undo()
    assert _same(_fit(features, tmp_path / "cut.npz"), whole)


def test_a_finished_run_returns_at_once(
    features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _fit(features, tmp_path / "c.npz")
    monkeypatch.delattr(loop, "train_epoch")
    assert _same(_fit(features, tmp_path / "c.npz"), whole)


def test_early_stopping_waits_for_its_patience(features: FeatureSet, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=60, early_stopping_patience=3)
    result = _fit(features, tmp_path / "c.npz", recipe)
    assert len(result.history) == result.best_epoch + 4 < 60


def test_a_loss_that_is_no_number_is_an_error(features: FeatureSet, tmp_path: Path) -> None:
    bad = dataclasses.replace(features.train, x=features.train.x * np.float32(np.inf))
    with pytest.raises(DataError, match="the loss became nan in epoch 1"):
        _fit(dataclasses.replace(features, train=bad), tmp_path / "c.npz")


def test_every_epoch_shuffles_anew_and_sees_every_window_once() -> None:
    first, second = (torch.cat(batches(33, 16, 1, epoch)) for epoch in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, torch.arange(33))
    assert [len(part) for part in batches(33, 16, 1, 0)] == [16, 17]


def test_rare_classes_weigh_more(features: FeatureSet) -> None:
    y = np.array([0] * 6 + [1] * 3, np.int64)
    lopsided = dataclasses.replace(features, train=Examples(features.train.x[:9], y, y))
    assert class_weights(dataclasses.replace(lopsided, class_names=("a", "b"))).tolist() == [
        0.75,
        1.5,
    ]


def test_a_rotation_keeps_the_length_of_every_vector() -> None:
    x = torch.randn(50, 4, 7, generator=generator(1))
    turned = Augmentation(rotation=90, rotation_groups=((0, 1, 3),)).raw(x, generator(2))
    group = [0, 1, 3]
    torch.testing.assert_close(turned[:, group].norm(dim=1), x[:, group].norm(dim=1))
    assert torch.equal(turned[:, 2], x[:, 2])
    assert not torch.allclose(turned[:, group], x[:, group])


def test_a_shift_is_circular_and_bounded() -> None:
    x = torch.arange(20.0).expand(200, 1, 20)
    shifted = Augmentation(shift=0.1).normalized(x, generator(3))
    by = {int(row[0, 0]) for row in shifted}
    assert by == {0, 1, 2, 18, 19}
    assert torch.equal(shifted.sort(dim=2).values, x)


def test_dither_stays_within_half_a_step_of_int8(features: FeatureSet) -> None:
    normalize = Normalizer(features)
    x = normalize(torch.from_numpy(features.train.x))
    moved = normalize.dithered(x, generator(1)) - x
    scale = tensor_scale(float(x.min()), float(x.max())).scale
    assert normalize.step == pytest.approx(float(scale))
    assert 0.49 * scale < float(moved.abs().max()) < 0.501 * scale
    assert abs(float(moved.mean())) < 0.01 * scale


@pytest.mark.parametrize(("exact", "differs"), [(False, False), (True, True)])
def test_only_exact_outputs_learn_with_dither(
    features: FeatureSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exact: bool,
    differs: bool,
) -> None:
    monkeypatch.setattr(Classification, "exact", exact)
    plain = _fit(features, tmp_path / "plain", RECIPE)
    dithered = _fit(features, tmp_path / "dithered", dataclasses.replace(RECIPE, dither=True))
    assert _same(plain, dithered) != differs


def test_an_offset_is_constant_over_time() -> None:
    x = torch.randn(300, 3, 9, generator=generator(4))
    added = Augmentation(offset=0.5).normalized(x, generator(5)) - x
    torch.testing.assert_close(added, added[:, :, :1].expand_as(added), atol=1e-5, rtol=0)
    assert added.std() == pytest.approx(0.5, rel=0.1)


def test_a_warp_changes_the_tempo_about_the_middle() -> None:
    line = torch.arange(21.0).expand(300, 2, 21)
    warped = Augmentation(warp=0.4).normalized(line, generator(6))
    tempo = warped[:, :, 11] - warped[:, :, 10]
    assert torch.equal(warped[:, :, 10], line[:, :, 10])
    assert 0.6 <= tempo.min() < 0.7
    assert 1.3 < tempo.max() <= 1.4
    assert warped.min() == 0
    assert warped.max() == 20


def test_a_mask_hides_one_stretch() -> None:
    hidden = Augmentation(mask=0.5).normalized(torch.ones(300, 2, 20), generator(7)) == 0
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    assert hidden[:, 0].sum(dim=1).max() == 10
    edges = (hidden[:, 0, 1:] != hidden[:, 0, :-1]).sum(dim=1)
    assert edges.max() == 2


@pytest.mark.parametrize(
    ("name", "last"),
    [("cosineannealinglr", 0.01), ("exponentiallr", 0.01), ("steplr", 0.01), ("none", 1.0)],
)
def test_schedules_warm_up_and_end_low(name: str, last: float) -> None:
    recipe = dataclasses.replace(RECIPE, lr_scheduler=name, epochs=10, learning_rate=1.0)
    rates = [learning_rate(recipe, step / 10) for step in range(100)]
    assert rates[0] < 0.2
    assert max(rates) == pytest.approx(1.0, abs=0.05)
    assert learning_rate(recipe, 10) == pytest.approx(last, rel=0.05)


@pytest.mark.parametrize("name", ["sgd", "nesterov", "rmsprop", "adam", "adamw"])
def test_every_optimizer_takes_a_step(name: str) -> None:
    module = torch.nn.Linear(2, 2)
    before = module.weight.detach().clone()
    optimizer = make_optimizer(dataclasses.replace(RECIPE, optimizer=name), module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert not torch.equal(before, module.weight)


def test_metrics_from_a_known_confusion() -> None:
    labels, predictions = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 2])
    matrix = confusion_matrix(labels, predictions, 3)
    assert matrix.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 1]]
    assert macro_f1(matrix) == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
