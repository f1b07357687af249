"""The record of a search for ``results.json``, and the files of the search folder."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyml_nas.files import write_whole
from tinyml_nas.graph import Network
from tinyml_nas.search import pareto
from tinyml_nas.search.archive import Archive
from tinyml_nas.search.pareto import Point
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.progress import binding_resources

Lines = Sequence[Mapping[str, Any]]


def search_record(
    problem: Problem, archive: Archive, points: Sequence[Point], chosen: Point
) -> dict[str, Any]:
    """What the archive and the problem tell of a search; nothing of it depends on a clock."""
    training, tally = problem.training, problem.tally
    return {
        "space": problem.space.name,
        "preset": training.nas_model_size if problem.space.name == "cells" else None,
        "mode": training.nas_optimization_mode,
        "work": archive.header["work"],
        "speed": archive.header["speed"],
        "seed": problem.seed,
        "budget": dataclasses.asdict(problem.budget),
        "drawn": tally.drawn,
        "refused": dict(tally.refused),
        "trials": len(archive.lines),
        "candidates": len(points),
        "binding": binding_resources(chosen, problem.budget),
        "select": training.nas_select,
        "chosen": chosen.id,
        "front": [point.to_json() for point in pareto.front(points)],
        "points": [point.to_json() for point in points],
        "rungs": rungs(archive.lines),
        "cells": None,
    }


def rungs(lines: Lines) -> list[dict[str, Any]]:
    """By number of epochs: how many candidates were trained so long, and how well they did."""
    return [
        _rung(epochs, [line for line in lines if line["epochs"] == epochs])
        for epochs in sorted({line["epochs"] for line in lines})
    ]


def _rung(epochs: int, lines: Lines) -> dict[str, Any]:
    by_id: dict[str, list[float]] = {}
    for line in lines:
        by_id.setdefault(line["id"], []).append(line["score"])
    means = [statistics.fmean(scores) for scores in by_id.values()]
    return {
        "epochs": epochs,
        "candidates": len(by_id),
        "trials": len(lines),
        "best": max(means),
        "mean": statistics.fmean(means),
    }


def write_files(
    folder: Path, record: Mapping[str, Any], points: Sequence[Point], network: Network
) -> None:
    """``pareto.json``, ``pareto.csv``, ``search.json`` and ``network.json``, each whole or not."""
    names = ("strategy", "space", "mode", "select", "chosen", "front", "points")
    write_whole(folder / "pareto.json", _json({name: record[name] for name in names}))
    write_whole(folder / "pareto.csv", pareto.to_csv(points))
    write_whole(folder / "search.json", _json(record))
    write_whole(folder / "network.json", _json(network.to_json()))


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2) + "\n"
