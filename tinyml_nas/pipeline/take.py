"""``run --take ID``: another point of an earlier search's front, without a new search.

``--take baseline`` takes the point that the search chose, and ships the baseline beside it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.devices import Device
from tinyml_nas.errors import ConfigError, ToolError
from tinyml_nas.features import FeatureSet
from tinyml_nas.located.suggest import did_you_mean
from tinyml_nas.pipeline.entrants import fixed_entrants
from tinyml_nas.pipeline.final import Entrant
from tinyml_nas.results.folder import RESULTS, RunFolder
from tinyml_nas.results.run import Results, load_provable
from tinyml_nas.results.search import Point, Search
from tinyml_nas.search import pareto
from tinyml_nas.search.archive import NAME as ARCHIVE
from tinyml_nas.search.archive import read_archive
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.progress import binding_resources
from tinyml_nas.search.spaces.recipe_genes import recipe_of
from tinyml_nas.search.stage import starting_point
from tinyml_nas.search.trial import Candidate

FROM_BEFORE = (ARCHIVE, "pareto.json", "pareto.csv")
"""Files of the earlier search that the new run keeps a copy of."""
SEARCHED, BASELINE = "searched", "baseline"
SAME_DATA = {"data": "data/manifest.json", "features": "features/features.json"}
"""Parts of the results with files of their own, which tell whether two runs share their data."""


@dataclass(frozen=True)
class Taken:
    """The network of a point, and the record and files of the search that found it.

    ``ships`` is the role of the model that ``export`` is to hold.
    """

    entrant: Entrant
    record: Search
    files: Mapping[str, str]
    ships: str

    def write(self, folder: RunFolder) -> None:
        """Copy the search into the run that goes on from it."""
        for name, text in self.files.items():
            folder.write_text(f"search/{name}", text)
        folder.write_json("search/search.json", self.record.model_dump(mode="json"))
        folder.write_json("search/network.json", self.entrant.network.to_json())


def take(
    identifier: str,
    run: Path,
    results: Results,
    features: FeatureSet,
    config: Config,
    device: Device,
    console: Console,
) -> Taken:
    """The point called ``identifier`` of the search in the folder ``run``, or its baseline.

    ``results`` is the record of the new run so far.  Raises ``ConfigError`` where there is no such
    point or no baseline, or where data or space are not those of the search.
    """
    archive = run / "search" / ARCHIVE
    if not archive.is_file():
        raise ConfigError(
            f"--take {identifier}: there is no search to take it from, {archive} does not exist",
            hint="run the search once without --take",
        )
    _check_data(run, results)
    record = _read_search(run / "search" / "search.json")
    ships = SEARCHED
    if identifier == BASELINE:
        _check_baseline(run, config, features)
        identifier, ships = str(record.chosen), BASELINE
    header, trials = read_archive(archive)
    start = starting_point(features, config, device, console)
    points = {point.id: point for point in pareto.points(trials)}
    point = _point(identifier, points, archive)
    candidate = _candidate(point, header.get("space"), start.problem, archive)
    binding = binding_resources(point, start.problem.budget)
    record = record.model_copy(update={"chosen": identifier, "select": "take", "binding": binding})
    network = dataclasses.replace(candidate.network, name=f"{record.strategy}_{identifier}")
    recipe = recipe_of(candidate.genome, start.problem.evaluator.recipe)
    present = [name for name in FROM_BEFORE if (run / "search" / name).is_file()]
    files = {name: (run / "search" / name).read_text(encoding="utf-8") for name in present}
    console.info(f"{identifier} is taken from {run}: {point.score:.1%} on the held-out folds")
    return Taken(Entrant(SEARCHED, network, recipe), record, files, ships)


def _check_baseline(run: Path, config: Config, features: FeatureSet) -> None:
    """Raise where ``run`` has no baseline, or one that ``config`` does not train."""
    models = load_provable(run / RESULTS).models
    names = [model.name for model in models if model.role == BASELINE]
    wanted = next((fixed.network.name for fixed in fixed_entrants(config, features)), None)
    if not names or wanted is None:
        raise ConfigError(
            f"--take baseline: {run if wanted else 'this configuration'} has no baseline.",
            hint="Name one with training.nas_compare_model, and run once without --take.",
        )
    if names != [wanted]:
        raise ConfigError(
            f"--take baseline: the baseline in {run} is {names[0]}, but "
            f"training.nas_compare_model means {wanted}.",
            hint=f"Write nas_compare_model: {names[0]}, or run once without --take.",
        )


def _check_data(run: Path, results: Results) -> None:
    """Raise where ``run`` was about other data or features."""
    for what, file in SAME_DATA.items():
        before, now = _read_record(run / file), getattr(results, what).to_json()
        if differing := [key for key in now if before.get(key) != now[key]]:
            raise ConfigError(
                f"--take: the {what} are not those of the search in {run}: "
                f"{', '.join(differing)} differ",
                hint="search anew, without --take",
            )


def _point(identifier: str, points: Mapping[str, Point], archive: Path) -> Point:
    if identifier not in points:
        front = [point.id for point in pareto.front(points.values())]
        near = did_you_mean(identifier, points)
        raise ConfigError(
            f"--take {identifier}: {archive} has no point of that name",
            hint=f"{near or ''} its front is {', '.join(front)}".strip(),
        )
    return points[identifier]


def _candidate(point: Point, space: str | None, problem: Problem, archive: Path) -> Candidate:
    """The network of ``point``; raises where the space no longer decodes it to what it was.

    A decision that the space did not have then is at its first choice.
    """
    choices = {decision.name: decision.choices for decision in problem.space.decisions}
    differing = sorted(
        name for name, value in point.genome.items() if value not in choices.get(name, ())
    )
    if space != problem.space.name:
        differing = [f"it is {space} there and {problem.space.name} here"]
    candidate = None if differing else problem.decode(point.genome)
    if candidate is None or candidate.resources.macs != point.macs:
        raise ConfigError(
            f"--take {point.id}: the space is not that of {archive}"
            + (f": {', '.join(differing)}" if differing else ""),
            hint="take the target_device and the nas_ keys of that search, or search anew",
        )
    return candidate


def _read_search(path: Path) -> Search:
    try:
        return Search.model_validate(_read_record(path))
    except ValidationError as error:
        raise ToolError(
            f"{path} is no record of a search: {error}.", hint="Search anew, without --take."
        ) from error


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise ToolError(
            f"{path} cannot be read: {error}.", hint="Search anew, without --take."
        ) from error
    return record
