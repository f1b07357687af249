"""Keys of the search that contradict or silence each other, and the files that it begins with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tinyml_nas.config import names
from tinyml_nas.config.draft import Draft, Note
from tinyml_nas.config.sources import exists_beside
from tinyml_nas.config.suggest import did_you_mean
from tinyml_nas.config.training import Training

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
    for key, strategies in READ_BY.items():
        if training.nas_search_strategy not in strategies:
            yield key, f"read by {_listed(strategies)}"
    if training.nas_trials is not None:
        yield "nas_search_seconds", "read without nas_trials"
    if training.nas_space != "cells":
        yield from ((key, "read with nas_space: cells") for key in names.NAS_KEYS)
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


def _check_space(draft: Draft) -> None:
    training = draft.get("training", Training)
    strategy, space = training.nas_search_strategy, training.nas_space
    needed = names.SPACE_OF.get(strategy, space)
    if space != needed:
        others = [n for n in names.strategy_names() if names.SPACE_OF.get(n, space) == space]
        draft.error(
            "training.nas_space",
            f"training: nas_search_strategy {strategy} searches the space {needed}, not {space}.",
            hint=f"remove nas_space, or search by {', '.join(others)}",
            also=[STRATEGY],
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
