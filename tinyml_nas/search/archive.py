"""The archive of a search: a header, then one line per finished trial, in the order of proposal.

Nothing in it depends on the clock or on who ran a trial, so equal searches write equal bytes.  Each
line is on the disk before the next trial counts; a line that a crash cut in half is dropped when
the file is opened again.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tinyml_nas.console import Console
from tinyml_nas.cost.budget import Resources
from tinyml_nas.errors import ToolError
from tinyml_nas.search.trial import Outcome, Trial

NAME = "archive.jsonl"
VERSION = 1
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "id": str,
    "key": str,
    "genome": dict,
    "resources": dict,
    "epochs": int,
    "fold": int,
    "seed": int,
    "score": (int, float),
    "windows": int,
}
"""What every line of a trial has, ``loss`` besides: ``null`` where the training diverged."""
COSTS = {field.name for field in dataclasses.fields(Resources)}


class Archive:
    """Trials on disk and what they scored; use as a context manager."""

    def __init__(self, path: Path, header: Mapping[str, Any], lines: list[dict[str, Any]]) -> None:
        self.header = header
        self.lines = lines
        self._outcomes = {line["key"]: _outcome(line) for line in lines}
        self._ids: dict[str, str] = {}
        for line in lines:
            self._ids.setdefault(_candidate_key(line["key"]), line["id"])
        self._file: IO[str] = path.open("a", encoding="utf-8", newline="\n")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, trial: Trial) -> Outcome | None:
        """What ``trial`` scored, where it is known."""
        return self._outcomes.get(trial.key)

    def append(self, trial: Trial, outcome: Outcome) -> None:
        """Write one finished trial and wait until it is on the disk."""
        candidate = trial.candidate
        line = {
            "kind": "trial",
            "id": self._ids.setdefault(candidate.key, f"c{len(self._ids)}"),
            "key": trial.key,
            "genome": dict(candidate.genome),
            "resources": dataclasses.asdict(candidate.resources),
            "epochs": trial.epochs,
            "fold": trial.fold,
            "seed": trial.seed,
            "score": outcome.score,
            "loss": outcome.loss if math.isfinite(outcome.loss) else None,
            "windows": outcome.windows,
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines.append(line)
        self._outcomes[trial.key] = outcome


def open_archive(
    folder: Path,
    fingerprint: str,
    make_header: Callable[[], dict[str, Any]],
    *,
    console: Console,
) -> Archive:
    """The archive in ``folder``: the one that is there where it is of this search, else a new one.

    ``fingerprint`` names the search.  An earlier archive of another one is renamed, never
    overwritten.
    """
    path = folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    old = read_archive(path) if path.exists() else None
    if old is not None and old[0].get("fingerprint") == fingerprint:
        if not {"speed", "work"} <= old[0].keys():
            raise _damaged(path, 1, "it is not the header of an archive")
        _cut_half_line(path)
        return Archive(path, *old)
    if path.exists() and path.stat().st_size:
        kept = _free_name(path)
        path.rename(kept)
        console.warning(
            f"{path} is of another search (space, data, budget or settings differ): "
            f"kept as {kept.name}, starting anew"
        )
    header = {"kind": "header", "version": VERSION, "fingerprint": fingerprint, **make_header()}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(header) + "\n")
    return Archive(path, header, [])


def read_archive(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Header and trials of an archive; ``ToolError`` names a line that is damaged.

    The header is empty where not even that line is whole.
    """
    records = list(_records(path))
    if not records:
        return {}, []
    header, *trials = records
    if header.get("kind") != "header":
        raise _damaged(path, 1, "it is not the header of an archive")
    for number, line in enumerate(trials, 2):
        missing = [name for name in FIELDS if name not in line]
        if line.get("kind") != "trial" or missing:
            raise _damaged(path, number, f"it is no trial: {', '.join(missing) or 'kind'} missing")
        if wrong := _wrong(line):
            raise _damaged(path, number, f"it is no trial: its {', '.join(wrong)} cannot be")
    return header, trials


def _wrong(line: Mapping[str, Any]) -> list[str]:
    """Names of the values in the line of a trial that no search can have written."""
    wrong = [name for name, kind in FIELDS.items() if not isinstance(line[name], kind)]
    if not wrong:
        costs = {name for name, cost in line["resources"].items() if isinstance(cost, int | float)}
        wrong += ["resources"] if costs | {"latency_seconds"} != COSTS else []
        wrong += [] if 0 <= line["score"] <= 1 else ["score"]
    return wrong + ([] if isinstance(line.get("loss"), int | float | None) else ["loss"])


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(f"{path} is not text: {error}.", hint=_HINT) from None
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _damaged(path, number, str(error)) from None
        if not isinstance(record, dict):
            raise _damaged(path, number, "it is not a JSON object")
        yield record


_HINT = "Delete the file to search again, or cut it before that line to go on from there."


def _damaged(path: Path, number: int, why: str) -> ToolError:
    return ToolError(f"{path}, line {number} is damaged: {why}.", hint=_HINT)


def _cut_half_line(path: Path) -> None:
    """Drop what follows the last line end."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def _free_name(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"archive.{number}.jsonl")).exists():
        number += 1
    return kept


def _outcome(line: Mapping[str, Any]) -> Outcome:
    loss = line.get("loss")
    return Outcome(line["score"], math.inf if loss is None else loss, line["windows"])


def _candidate_key(trial_key: str) -> str:
    return trial_key.split("-", 1)[0]
