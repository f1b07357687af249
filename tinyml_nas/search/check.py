"""Keys of the search that contradict or silence each other, and the files that it begins with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tinyml_nas.config import names
from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.training import Training
from tinyml_nas.config.sources import exists_beside
from tinyml_nas.located.draft import Draft, Note
from tinyml_nas.located.suggest import did_you_mean

SWITCH = "training.nas_enabled"
STRATEGY = "training.nas_search_strategy"

# what only some strategies read
READ_BY = {
    "nas_epochs": ("darts", "gdas", "sub_one_shot"),
    "nas_unrolled": ("darts",),
    "nas_penalty_weight": ("darts", "gdas"),
    "nas_learning_rate": ("darts", "gdas"),
    "nas_batch_size": ("darts", "gdas"),
    "nas_proxy": ("zero_shot", "sub_one_shot"),
    "nas_warmup_level": ("sub_one_shot",),
    "nas_objective": ("reinforce",),
}


def check_search(draft: Draft, folder: Path) -> None:
    """Run every check of the search; relative paths start at ``folder``."""
    training = draft.get("training", Training)
    if not training.nas_enabled:
        _warn_switched_off(draft)
        return
    _warn_silent(draft)
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


def silent_keys(training: Training) -> Iterator[tuple[str, str]]:
    """The keys that this search does not read, and when they would be."""
    of_a_task = training.nas_space in names.SPACE_FOR.values()
    for key, strategies in READ_BY.items():
        if training.nas_search_strategy not in strategies:
            never = of_a_task and set(strategies) <= names.SPACE_OF.keys()
            instead = f"; here {training.nas_space}s are searched" if never else ""
            yield key, f"read by {_listed(strategies)}{instead}"
    if training.nas_trials is not None:
        yield "nas_search_seconds", "read without nas_trials"
    if training.nas_space != "cells":
        instead = f"; here {training.nas_space}s are searched" if of_a_task else ""
        yield from ((key, f"read with nas_space: cells{instead}") for key in names.NAS_KEYS)
        limits = training.nas_budget
        if limits.flash is not None or limits.macs is not None:
            yield "nas_model_size", "read without a flash or macs budget"


def _listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def is_file_beside(folder: Path, text: str) -> bool:
    """Whether ``text`` names a file, seen from ``folder``."""
    return exists_beside(folder, text) and (folder / os.path.expanduser(text)).is_file()


def _warn_switched_off(draft: Draft) -> None:
    keys = [path for path in draft.places if path.startswith("training.nas_") and path != SWITCH]
    if keys := [path for path in keys if path.count(".") == 1]:
        listed = ", ".join(f"{path}{draft.where(path)}" for path in keys)
        message = f"Without nas_enabled: true these have no effect: {listed}."
        draft.notes.append(Note(message, tuple(keys), "ignored"))


def _warn_silent(draft: Draft) -> None:
    """One warning for all keys that this search does not read."""
    training = draft.get("training", Training)
    found = {
        f"training.{key}": f"training.{key} ({draft.places[f'training.{key}'].origin}, {reader})"
        for key, reader in silent_keys(training)
        if draft.given(f"training.{key}")
    }
    if found:
        strategy = training.nas_search_strategy
        message = f"Without effect in a search by {strategy}: {', '.join(found.values())}."
        draft.notes.append(Note(message, tuple(found), "ignored"))


def _warn_no_term(draft: Draft) -> None:
    """Say which proxies are none of the terms that sub_one_shot combines."""
    training, path = draft.get("training", Training), "training.nas_proxy"
    others = [name for name in training.nas_proxy if name not in names.SIGEO_TERMS]
    if training.nas_search_strategy != "sub_one_shot" or not others or not draft.given(path):
        return
    taken = [name for name in training.nas_proxy if name in names.SIGEO_TERMS]
    draft.warn(
        f"{path}: sub_one_shot combines {_listed(names.SIGEO_TERMS)} alone; it takes "
        f"{_listed(taken or names.SIGEO_TERMS[:2])}, not {_listed(others)}",
        path,
    )


def _check_space(draft: Draft) -> None:
    task = draft.get("common", Common).task
    if task in names.SPACE_FOR:
        _check_space_for(draft, names.SPACE_FOR[task])
        return
    training = draft.get("training", Training)
    strategy, space = training.nas_search_strategy, training.nas_space
    if space in names.SPACE_FOR.values():
        draft.error(
            "training.nas_space",
            f"training: the space {space} is not for a {task}.",
            hint="remove nas_space",
            also=["common.task_type"],
        )
        return
    needed = names.SPACE_OF.get(strategy, space)
    if space != needed:
        others = [n for n in names.strategy_names() if names.SPACE_OF.get(n, space) == space]
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
    if strategy in names.SPACE_OF:
        others = [name for name in names.strategy_names() if name not in names.SPACE_OF]
        draft.error(
            STRATEGY,
            f"training: nas_search_strategy {strategy} searches the space "
            f"{names.SPACE_OF[strategy]}; for the task {task} the space {needed} is searched.",
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


def nearest_file(path: Path) -> str | None:
    """A did-you-mean among the files where ``path`` should be."""
    try:
        return did_you_mean(path.name, [file.name for file in path.parent.iterdir()])
    except (OSError, ValueError):
        return None
