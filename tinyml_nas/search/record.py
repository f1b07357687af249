"""The record of a search for ``results.json``, and the files of the search folder."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyml_nas.files import write_whole
from tinyml_nas.graph import Network
from tinyml_nas.results.search import Limits, Point, Rung, Search
from tinyml_nas.search import pareto
from tinyml_nas.search.archive import Archive
from tinyml_nas.search.engine import Engine
from tinyml_nas.search.progress import Clock, binding_resources
from tinyml_nas.search.spaces import Value, genome_key
from tinyml_nas.search.trial import Candidate

Lines = Sequence[Mapping[str, Any]]
OF_PARETO = ("strategy", "space", "mode", "select", "chosen", "front", "points")
"""Parts of the record that ``pareto.json`` repeats."""


@dataclass(frozen=True)
class SearchResult:
    """The chosen candidate, its network by a good name, its genes of the recipe, and the record."""

    candidate: Candidate
    network: Network
    recipe_genes: dict[str, Value]
    record: Search


def search_record(
    engine: Engine,
    archive: Archive,
    points: Sequence[Point],
    chosen: Point,
    *,
    strategy: str,
    budget_from: Mapping[str, str],
    clock: Clock,
    workers: int,
) -> Search:
    """The record of a search that has ended; nothing of it but ``clock`` depends on the time."""
    problem, training = engine.problem, engine.problem.training
    return Search(
        space=problem.space.name,
        preset=training.nas_model_size if problem.space.name == "cells" else None,
        mode=training.nas_optimization_mode,
        work=archive.header["work"],
        speed=archive.header["speed"],
        seed=problem.seed,
        budget=Limits(**asdict(problem.budget)),
        drawn=problem.tally.drawn,
        refused=dict(problem.tally.refused),
        trials=len(archive.lines),
        candidates=len(points),
        binding=binding_resources(chosen, problem.budget),
        select=training.nas_select,
        chosen=chosen.id,
        front=pareto.front(points),
        points=list(points),
        rungs=rungs(archive.lines),
        cells=engine.cells.get(genome_key(chosen.genome)),
        strategy=strategy,
        seconds=round(clock.seconds, 3),
        cpu_seconds=round(clock.cpu_seconds, 3),
        spent=engine.spent,
        workers=workers,
        budget_from=dict(budget_from),
        **engine.notes,
    )


def rungs(lines: Lines) -> list[Rung]:
    """By number of epochs: how many candidates were trained so long, and how well they did."""
    return [
        _rung(epochs, [line for line in lines if line["epochs"] == epochs])
        for epochs in sorted({line["epochs"] for line in lines})
    ]


def _rung(epochs: int, lines: Lines) -> Rung:
    by_id: dict[str, list[float]] = {}
    for line in lines:
        by_id.setdefault(line["id"], []).append(line["score"])
    means = [statistics.fmean(scores) for scores in by_id.values()]
    return Rung(
        epochs=epochs,
        candidates=len(by_id),
        trials=len(lines),
        best=max(means),
        mean=statistics.fmean(means),
    )


def write_files(folder: Path, record: Search, network: Network) -> None:
    """``pareto.json``, ``pareto.csv``, ``search.json`` and ``network.json``, each whole or not."""
    whole = record.model_dump(mode="json")
    write_whole(folder / "pareto.json", _json({name: whole[name] for name in OF_PARETO}))
    write_whole(folder / "pareto.csv", pareto.to_csv(record.points))
    write_whole(folder / "search.json", _json(whole))
    write_whole(folder / "network.json", _json(network.to_json()))


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2) + "\n"
