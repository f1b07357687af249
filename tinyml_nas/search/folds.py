"""Group-disjoint folds of the training and validation examples, for judging candidates.

Whole groups (persons, machines, recordings) go to one fold, so a fold scores what a network makes
of groups that it has never seen.  Where that would leave some fold, or all that is outside of it,
without a class, each class is cut into contiguous blocks instead, one for each fold: overlapping
windows then meet only at the borders of the blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from tinyml_nas.features import FeatureSet
from tinyml_nas.train.seeding import generator

Indices = npt.NDArray[np.int64]


def make_folds(features: FeatureSet, count: int, seed: int) -> tuple[Indices, ...]:
    """``count`` disjoint sets of indices into the training examples, then the validation's."""
    y = np.concatenate([features.train.strata, features.validation.strata])
    group = np.concatenate([features.train.group, features.validation.group])
    fold = _by_group(y, group, count, seed)
    if fold is None:
        fold = _by_block(y, count)
    return tuple(np.flatnonzero(fold == number) for number in range(count))


def torn_groups(features: FeatureSet, folds: Sequence[Indices]) -> list[int]:
    """The groups that are in more than one of ``folds``; scores on these folds are too good."""
    group = np.concatenate([features.train.group, features.validation.group])
    held = np.concatenate([np.unique(group[fold]) for fold in folds])
    names, counts = np.unique(held, return_counts=True)
    torn: list[int] = names[counts > 1].tolist()
    return torn


def _by_group(y: Indices, group: Indices, count: int, seed: int) -> Indices | None:
    """Fold of each example, groups whole, classes as even as they allow; the largest go first."""
    names, member = np.unique(group, return_inverse=True)
    counts = np.zeros((len(names), int(y.max()) + 1), np.int64)
    np.add.at(counts, (member, y), 1)
    shuffled = _permutation(len(names), seed)
    order = shuffled[np.argsort(-counts[shuffled].sum(1), kind="stable")]
    share = counts.sum(0) / count
    held = np.zeros((count, counts.shape[1]))
    fold_of = np.zeros(len(names), np.int64)
    for name in order:
        excess = ((held + counts[name] - share) ** 2 - (held - share) ** 2).sum(1)
        fold_of[name] = int(np.argmin(excess))
        held[fold_of[name]] += counts[name]
    present = counts.sum(0) > 0
    return fold_of[member] if (held[:, present] > 0).all() else None


def _by_block(y: Indices, count: int) -> Indices:
    """Fold of each example: a contiguous stretch of each class."""
    fold = np.zeros(len(y), np.int64)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        fold[members] = np.arange(len(members)) * count // len(members)
    return fold


def _permutation(count: int, seed: int) -> Indices:
    order: Indices = torch.randperm(count, generator=generator(seed, "folds")).numpy()
    return order
