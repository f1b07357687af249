"""Figures of separability, against sets whose answer is known and against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_nas.features.separability import as_spectra, odd_examples, separability

pytestmark = pytest.mark.fast


def clouds(distance: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows [90, 4] of three round classes, their labels and groups of five."""
    rng = np.random.default_rng(seed)
    y = np.arange(90) % 3
    centers = distance * np.eye(4)[:3]
    return centers[y] + rng.standard_normal((90, 4)), y, np.arange(90) // 15


def test_far_clouds_are_told_apart_and_equal_ones_are_not() -> None:
    far = separability(*clouds(20), 3)
    assert far.centroid_accuracy == 1
    assert far.silhouette is not None
    assert far.silhouette > 0.8
    assert far.explained[0] + far.explained[1] > 0.9
    rows, y, group = clouds(20)
    assert separability(rows, 0 * y, group, 3).centroid_accuracy is None
    near = [separability(*clouds(0, seed), 3).centroid_accuracy for seed in range(20)]
    assert np.mean([value or 0 for value in near]) == pytest.approx(1 / 3, abs=0.04)


def test_a_group_never_vouches_for_itself() -> None:
    """Each group has a place of its own that says nothing of the class."""
    rng = np.random.default_rng(1)
    group = np.arange(120) // 10
    y = group % 2
    rows = 50 * rng.standard_normal((12, 30))[group] + rng.standard_normal((120, 30))
    accuracy = separability(rows, y, group, 2).centroid_accuracy
    assert accuracy is not None
    assert accuracy < 0.8
    assert separability(rows, y, 0 * group, 2).centroid_accuracy is None


def test_silhouette_and_components_by_their_definitions() -> None:
    rows, y, group = clouds(2)
    found = separability(rows, y, group, 3)
    distance = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    values = []
    for i, label in enumerate(y):
        own = [j for j in np.flatnonzero(y == label) if j != i]
        within = distance[i, own].mean()
        between = min(distance[i, y == other].mean() for other in range(3) if other != label)
        values.append((between - within) / max(within, between))
    assert found.silhouette == pytest.approx(np.mean(values))
    centered = rows - rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(centered, full_matrices=False)
    assert np.abs(found.points) == pytest.approx(np.abs(centered @ directions[:2].T))
    assert found.explained == pytest.approx(tuple((singular**2 / (singular**2).sum())[:2]))


def test_spectra_do_not_know_the_phase() -> None:
    rng = np.random.default_rng(2)
    y = np.arange(80) % 2
    phase = rng.uniform(0, 6, (80, 1, 1))
    x = np.sin(2 * np.pi * np.arange(128) / np.where(y, 9, 14)[:, None, None] + phase)
    rows = as_spectra((x + 0.1 * rng.standard_normal(x.shape)).astype(np.float32))
    assert separability(rows, y, np.arange(80), 2).centroid_accuracy == 1


def test_wrong_labels_are_odd() -> None:
    rows, y, group = clouds(20)
    group = np.arange(90) // 3
    wrong = y.copy()
    wrong[[4, 40]] = (wrong[[4, 40]] + 1) % 3
    assert np.flatnonzero(odd_examples(rows, wrong, group)).tolist() == [4, 40]
    assert not odd_examples(rows, wrong, 0 * group).any()
