"""Known genomes to begin a search with, from files of earlier ones, on whatever data they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyml_nas.console import Console
from tinyml_nas.errors import DataError
from tinyml_nas.search import pareto
from tinyml_nas.search.archive import read_archive
from tinyml_nas.search.spaces import Genome, Space, genome_key

LISTS = ("front", "points")
MOST = 32
"""Most genomes that are taken from one file; the best come first."""


def load_genomes(
    paths: Sequence[str], base: Path, space: Space, console: Console
) -> tuple[Genome, ...]:
    """The distinct genomes of ``paths`` (relative to ``base``) as ``space`` knows them.

    A file is an ``archive.jsonl``, a ``pareto.json``, a ``search.json`` or the JSON of a genome.
    What this space does not know is left out, with a note.
    """
    found: dict[str, Genome] = {}
    for text in paths:
        path = base / Path(text).expanduser()
        genomes = _genomes(path)[:MOST]
        translated = [_translated(genome, space) for genome in genomes]
        usable = [genome for genome, _ in translated if genome is not None]
        found.update((genome_key(genome), genome) for genome in usable)
        _note(path, len(genomes), len(usable), {n for _, lost in translated for n in lost}, console)
    return tuple(found.values())


def _genomes(path: Path) -> list[Mapping[str, Any]]:
    """The genomes of a file, the most accurate first where that is known."""
    if not path.is_file():
        raise DataError(
            f"There is no file {path}.",
            hint="training.nas_warm_start names archive.jsonl, pareto.json or search.json files.",
        )
    if path.suffix == ".jsonl":
        points = [point.model_dump() for point in pareto.points(read_archive(path)[1])]
        return _best_first(points)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is not JSON: {error}.",
            hint="Take it out of nas_warm_start.",
        ) from None
    genomes = _best_first(list(_points(record))) if isinstance(record, dict) else []
    if not genomes:
        raise DataError(
            f"{path} holds no genome.",
            hint="Take archive.jsonl, pareto.json or search.json of a search, or a genome.",
        )
    return genomes


def _points(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The points of a front or a search record, or a lone genome as a point."""
    lists = [record[name] for name in LISTS if isinstance(record.get(name), list)]
    listed = [point for points in lists for point in points]
    if listed:
        yield from (p for p in listed if isinstance(p, dict) and isinstance(p.get("genome"), dict))
    elif isinstance(record.get("genome"), dict):
        yield {"genome": record["genome"]}
    elif (
        record
        and not record.keys() & {*LISTS}
        and all(isinstance(value, int | float | str) for value in record.values())
    ):
        yield {"genome": record}


def _best_first(points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Genomes, those judged thoroughly before the others; each once."""

    def rank(point: Mapping[str, Any]) -> tuple[bool, float]:
        score = point.get("score")
        return not point.get("comparable", True), -score if isinstance(score, int | float) else 0.0

    ordered = sorted(points, key=rank)
    return list({genome_key(point["genome"]): point["genome"] for point in ordered}.values())


def _translated(genome: Mapping[str, Any], space: Space) -> tuple[Genome | None, set[str]]:
    """``genome`` in the words of ``space``, and the decisions that it does not know so.

    A decision that is missing gets its first choice; a genome that shares nothing is ``None``.
    """
    choices = {decision.name: decision.choices for decision in space.decisions}
    known = {name: value for name, value in genome.items() if value in choices.get(name, ())}
    lost = set(genome) - set(known)
    if not known:
        return None, lost
    first = {name: values[0] for name, values in choices.items()}
    return space.canonical({**first, **known}), lost


def _note(path: Path, read: int, usable: int, lost: set[str], console: Console) -> None:
    console.info(f"warm start: {usable} of {read} genomes of {path}")
    if lost:
        names = ", ".join(sorted(lost))
        console.warning(f"{path}: this space does not have, or not with that value: {names}")
