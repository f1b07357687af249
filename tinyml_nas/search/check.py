"""Keys of the search that contradict or silence each other, and the files that it begins with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.training import STRATEGY, Training
from tinyml_nas.config.sources import is_file_beside, nearest_file
from tinyml_nas.located.draft import Draft
from tinyml_nas.search.proxies import SIGEO_TERMS
from tinyml_nas.search.spaces import SPACES
from tinyml_nas.search.strategies import STRATEGIES


def check_search(draft: Draft, folder: Path) -> None:
    """Run every check of the search; relative paths start at ``folder``."""
    training = draft.get("training", Training)
    if not training.nas_enabled:
        return
    _warn_no_term(draft)
    _check_space(draft)
    _check_order(draft)
    _check_warm_start(draft, folder)
    if training.nas_space == "cells" and training.nas_fanout_concat > training.nas_nodes_per_layer:
        draft.error(
            "training.nas_fanout_concat",
            f"training: a cell of {training.nas_nodes_per_layer} nodes cannot concatenate "
            f"{training.nas_fanout_concat}.",
            hint="nas_fanout_concat is at most nas_nodes_per_layer",
            also=["training.nas_nodes_per_layer"],
        )


def _listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _warn_no_term(draft: Draft) -> None:
    """Say which proxies are none of the terms that sub_one_shot combines."""
    training, path = draft.get("training", Training), "training.nas_proxy"
    others = [name for name in training.nas_proxy if name not in SIGEO_TERMS]
    if training.nas_search_strategy != "sub_one_shot" or not others or not draft.given(path):
        return
    taken = [name for name in training.nas_proxy if name in SIGEO_TERMS]
    draft.warn(
        f"{path}: sub_one_shot combines {_listed(SIGEO_TERMS)} alone; it takes "
        f"{_listed(taken or SIGEO_TERMS[:2])}, not {_listed(others)}",
        path,
    )


def _check_space(draft: Draft) -> None:
    task = draft.get("common", Common).task
    own = next((name for name, entry in SPACES.items() if entry.task == task), None)
    if own is not None:
        _check_space_for(draft, own)
        return
    training = draft.get("training", Training)
    strategy, space = training.nas_search_strategy, training.nas_space
    if SPACES[space].task is not None:
        draft.error(
            "training.nas_space",
            f"training: the space {space} is not for a {task}.",
            hint="remove nas_space",
            also=["common.task_type"],
        )
        return
    needed = STRATEGIES[strategy].space or space
    if space != needed:
        others = [n for n, s in STRATEGIES.items() if (s.space or space) == space]
        draft.error(
            "training.nas_space",
            f"training: nas_search_strategy {strategy} searches the space {needed}, not {space}.",
            hint=f"remove nas_space, or search by {', '.join(others)}",
            also=[STRATEGY],
        )


def _check_space_for(draft: Draft, needed: str) -> None:
    """A task that has one space searches no other, by whatever strategy."""
    training, task_type = draft.get("training", Training), "common.task_type"
    task = draft.get("common", Common).task
    strategy, space = training.nas_search_strategy, training.nas_space
    if space != needed:
        draft.error(
            "training.nas_space",
            f"training: for the task {task} the space {needed} is searched, not {space}.",
            hint="remove nas_space",
            also=[task_type],
        )
    if (own := STRATEGIES[strategy].space) is not None:
        others = [n for n, s in STRATEGIES.items() if s.space is None]
        draft.error(
            STRATEGY,
            f"training: nas_search_strategy {strategy} searches {own} alone, but the task {task} "
            f"needs the space {needed}.",
            hint=f"search by {', '.join(others)}",
            also=[task_type],
        )


def _check_order(draft: Draft) -> None:
    training = draft.get("training", Training)
    if training.nas_search_strategy == "gdas" and training.nas_unrolled:
        draft.error(
            "training.nas_unrolled",
            "training: gdas samples one operation at a time, there is no step to unroll.",
            hint="remove nas_unrolled, or set nas_search_strategy: darts",
            also=[STRATEGY],
        )


def _check_warm_start(draft: Draft, folder: Path) -> None:
    for text in draft.get("training", Training).nas_warm_start:
        if not is_file_beside(folder, text):
            near = nearest_file(folder / os.path.expanduser(text))
            draft.error(
                "training.nas_warm_start",
                f"training.nas_warm_start: there is no file {text!r}.",
                hint=near
                or "name the search/archive.jsonl or search/pareto.json of a run, "
                "relative to this file",
            )
