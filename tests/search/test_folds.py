"""Folds keep groups whole and classes present."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_nas.features import Examples, FeatureSet, Normalization
from tinyml_nas.search.folds import make_folds, torn_groups

pytestmark = pytest.mark.fast


def features(y: list[int], group: list[int], train: int) -> FeatureSet:
    """Examples with these labels and groups, the first ``train`` of them for training."""
    x = np.zeros((len(y), 1, 4), np.float32)
    everything = Examples(x, np.array(y), np.array(group))
    parts = [
        Examples(everything.x[part], everything.y[part], everything.group[part])
        for part in (slice(0, train), slice(train, None), slice(0, 0))
    ]
    scale = Normalization(np.zeros(1, np.float32), np.ones(1, np.float32))
    return FeatureSet(*parts, scale, ("a", "b"), ("x",), ())


def test_folds_partition_and_no_group_is_in_two():
    draw = np.random.default_rng(1)
    group = np.repeat(np.arange(12), draw.integers(5, 20, 12))
    y = draw.integers(0, 2, len(group))
    folds = make_folds(features(y.tolist(), group.tolist(), 70), 3, seed=1)
    assert sorted(np.concatenate(folds)) == list(range(len(group)))
    assert torn_groups(features(y.tolist(), group.tolist(), 70), folds) == []
    owners = [set(group[fold]) for fold in folds]
    assert sum(len(owner) for owner in owners) == 12
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 20  # no more than the largest group


def test_a_class_that_only_one_group_has_is_cut_in_blocks():
    y, group = [0] * 9 + [1] * 9, [0] * 9 + [1] * 9
    folds = make_folds(features(y, group, 10), 3, seed=1)
    assert [sorted(np.array(y)[fold]) for fold in folds] == [[0, 0, 0, 1, 1, 1]] * 3
    assert folds[0].tolist() == [0, 1, 2, 9, 10, 11]
    assert torn_groups(features(y, group, 10), folds) == [0, 1]


def test_the_seed_decides_and_nothing_else():
    group = list(range(30))
    data = features([i % 2 for i in group], group, 20)
    same = [make_folds(data, 3, seed=1) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*same, strict=True))
    other = make_folds(data, 3, seed=2)
    assert any(not np.array_equal(a, b) for a, b in zip(same[0], other, strict=True))
