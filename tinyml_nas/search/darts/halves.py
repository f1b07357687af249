"""Two streams out of the training split: one trains the weights, the other the alphas.

The validation split only chooses among genotypes and the test split is never read.  Whole
groups go to one side.  Where a side would lack a class, each class is cut into contiguous
blocks of its windows instead, in the order of the data set, so that overlapping windows meet only
where two blocks of different sides touch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tinyml_nas.train.seeding import generator

Indices = npt.NDArray[np.int64]
BLOCKS_PER_CLASS = 4


def training_halves(labels: Indices, groups: Indices, seed: int) -> tuple[Indices, Indices]:
    """Indices of the weights' and of the alphas' examples: disjoint, and together all of them.

    A class with a single window is seen by the weights alone; a lone example serves both.
    """
    if len(labels) == 1:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    side = _by_group(labels, groups, seed)
    if side is None:
        side = _by_block(labels, seed)
    return np.flatnonzero(side == 0), np.flatnonzero(side == 1)


def _by_group(labels: Indices, groups: Indices, seed: int) -> Indices | None:
    """Side of each example, whole groups together; ``None`` where a side lacks a class."""
    classes = int(labels.max()) + 1
    side = np.zeros(len(labels), np.int64)
    counts = np.zeros((2, classes), np.int64)
    names = np.unique(groups)
    for index in _permutation(len(names), seed, "groups"):
        members = groups == names[index]
        added = np.bincount(labels[members], minlength=classes)
        lead = counts[0] - counts[1]
        chosen = int(np.abs(lead + added).sum() > np.abs(lead - added).sum())
        side[members] = chosen
        counts[chosen] += added
    present = counts.sum(0) > 0
    return side if (counts[:, present] > 0).all() else None


def _by_block(labels: Indices, seed: int) -> Indices:
    """Side of each example: half of each class's blocks, drawn by seed."""
    side = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        blocks = np.array_split(members, min(BLOCKS_PER_CLASS, len(members)))
        order = _permutation(len(blocks), seed, "blocks", int(label))
        for index in order[: len(blocks) // 2]:
            side[blocks[index]] = 1
    if not side.any():
        side[1::2] = 1  # every class has a single window
    return side


def _permutation(count: int, seed: int, *purpose: Any) -> list[int]:
    order: list[int] = torch.randperm(count, generator=generator(seed, "search", *purpose)).tolist()
    return order
