"""The search stage: features in, the chosen network and the record of the search out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_nas import __version__
from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.cost.budget import budget_from_config
from tinyml_nas.cost.npu.suited import choices_on
from tinyml_nas.devices import Device
from tinyml_nas.errors import ConfigError, DataError
from tinyml_nas.features import FeatureSet
from tinyml_nas.results.search import Point, Search
from tinyml_nas.search import pareto
from tinyml_nas.search.archive import Archive, open_archive
from tinyml_nas.search.engine import Engine, Timed
from tinyml_nas.search.evaluator import Evaluator, measured_speed
from tinyml_nas.search.folds import make_folds, torn_groups
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.progress import HEADER, Clock, rows
from tinyml_nas.search.record import SearchResult, search_record, write_files
from tinyml_nas.search.spaces import (
    SPACES,
    Decision,
    Genome,
)
from tinyml_nas.search.spaces.recipe_genes import recipe_decisions
from tinyml_nas.search.strategies import STRATEGIES, Strategy
from tinyml_nas.search.warm_start import load_genomes
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.workers import open_workers

NOT_OF_THE_SEARCH = {
    "nas_workers",
    "nas_select",
    "nas_seeds",
    "nas_compare",
    "nas_compare_model",
    "nas_refit",
    "nas_ship",
    "nas_search_strategy",
    "nas_warm_start",
}
"""Keys that change no trial, or that the fingerprint holds by their meaning."""


@dataclass(frozen=True)
class Start:
    """All that a search starts from; ``origins`` says where each limit of the budget comes from."""

    problem: Problem
    strategy: Strategy
    origins: Mapping[str, str]
    recipe: tuple[Decision, ...]
    genomes: Sequence[Genome]


def search(
    features: FeatureSet,
    config: Config,
    device: Device,
    *,
    folder: Path,
    console: Console,
    strategy: str | None = None,
    like: Search | None = None,
) -> SearchResult:
    """The network that suits ``features`` within the budget, found as ``config.training`` says.

    ``strategy`` takes the place of the configured one.  ``like`` is the record of another search:
    this one may spend what that one did, in the same units.  Resumes from the archive in ``folder``
    where there is one of this search.  The test split is not even handed on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(folder)
    start = starting_point(features, config, device, console, strategy)
    evaluator = Timed(start.problem.evaluator)
    with (
        open_workers(evaluator, config.training.nas_workers) as workers,
        open_archive(
            folder,
            fingerprint(start),
            lambda: _header(start, workers.count, like),
            console=console,
        ) as archive,
    ):
        start = _at_speed(start, archive.header["speed"])
        engine = Engine(
            start.problem,
            archive,
            workers,
            clock,
            folder=folder,
            console=console,
            warm_start=start.genomes,
        )
        engine.run(start.strategy.propose)
    clock.save()
    return _conclude(start, engine, archive, clock, workers.count)


def starting_point(
    features: FeatureSet,
    config: Config,
    device: Device,
    console: Console,
    strategy: str | None = None,
) -> Start:
    """The problem that the configuration poses, and the strategy that it names."""
    training, seed = config.training, config.common.seed
    features = features.for_choices()
    recipe = recipe_from_config(training)
    decisions = recipe_decisions()
    chosen = STRATEGIES[strategy or training.nas_search_strategy]
    suited = choices_on(device)
    space = SPACES[chosen.space or training.nas_space].make(features, config, suited, decisions)
    budget, origins = budget_from_config(config, device)
    folds = make_folds(features, training.nas_folds, seed)
    if torn := torn_groups(features, folds):
        console.warning(
            f"{len(torn)} groups are in several of the {len(folds)} folds, because with whole "
            "groups some fold would lack a class: the scores of the search are too good, the "
            "test's are not. More groups of each class, or a lower training.nas_folds, may fix it."
        )
    evaluator = Evaluator(features, recipe, folds)
    problem = Problem(space, budget, device, features, evaluator, training, seed)
    genomes = load_genomes(training.nas_warm_start, config.path.parent, space, console)
    return Start(problem, chosen, origins, decisions, genomes)


def fingerprint(start: Start) -> str:
    """Names everything that decides which trials a search makes and what they score."""
    problem = start.problem
    digest = hashlib.sha256()
    for side in (problem.features.train, problem.features.validation):
        for array in (side.x, side.y, side.group):
            digest.update(np.ascontiguousarray(array).tobytes())
    for fold in problem.evaluator.folds:
        digest.update(b"fold" + fold.tobytes())
    keys = problem.training.model_dump(mode="json", exclude=NOT_OF_THE_SEARCH)
    parts = {
        "program": __version__,
        "strategy": start.strategy.name,
        "space": [problem.space.name, *map(str, problem.space.decisions)],
        "budget": dataclasses.asdict(problem.budget),
        "device": problem.device.name,
        "optimize": problem.device.optimize,
        "bits": [keys[f"quantization{name}"] for name in ("", "_weight_bitwidth")],
        "partial": keys["partial_quantization"],
        "recipe": str(problem.evaluator.recipe),
        "keys": {name: value for name, value in keys.items() if name.startswith("nas_")},
        "genomes": [dict(genome) for genome in start.genomes],
        "seed": problem.seed,
    }
    if (npu := problem.device.ethos_u) is not None:
        parts["npu"] = npu.model_dump(mode="json") | {"mode": problem.device.npu_mode}
    digest.update(json.dumps(parts, sort_keys=True).encode())
    return digest.hexdigest()


def _header(start: Start, workers: int, like: Search | None) -> dict[str, Any]:
    """What the archive notes of the search; with ``nas_trials`` nothing depends on the machine."""
    problem = start.problem
    training = problem.training
    speed: float = 1.0
    work: float | None = None
    if like is not None:
        speed, work = like.speed or 1.0, like.spent
    elif training.nas_trials is None:
        speed, work = measured_speed(problem.evaluator), training.nas_search_seconds * workers
    return {
        "program": __version__,
        "space": problem.space.name,
        "strategy": start.strategy.name,
        "device": problem.device.name,
        "budget": dataclasses.asdict(problem.budget),
        "folds": len(problem.evaluator.folds),
        "seed": problem.seed,
        "speed": speed,
        "work": work,
    }


def _at_speed(start: Start, speed: float) -> Start:
    evaluator = dataclasses.replace(start.problem.evaluator, speed=speed)
    return dataclasses.replace(
        start, problem=dataclasses.replace(start.problem, evaluator=evaluator)
    )


def _conclude(
    start: Start, engine: Engine, archive: Archive, clock: Clock, workers: int
) -> SearchResult:
    """Choose a point, write the files, and say what was found."""
    training = start.problem.training
    points = pareto.points(archive.lines)
    if not points:
        raise ConfigError(
            "The search ended before it had trained any network.",
            hint="Raise training.nas_search_seconds or training.nas_trials.",
        )
    chosen = pareto.select(points, training.nas_select, training.nas_optimization_mode)
    if chosen.score == 0:
        raise DataError(
            "No network that the search trained learned anything.",
            hint="Look for extreme values in the data, or lower training.learning_rate.",
        )
    record = search_record(
        engine,
        archive,
        points,
        chosen,
        strategy=start.strategy.name,
        budget_from=start.origins,
        clock=clock,
        workers=workers,
    )
    result = _result(start, engine, chosen, record)
    write_files(engine.folder, record, result.network)
    engine.console.table("front of the search", HEADER, rows(points))
    return result


def _result(start: Start, engine: Engine, chosen: Point, record: Search) -> SearchResult:
    candidate = next(c for c in engine.candidates.values() if c.genome == chosen.genome)
    name = f"{start.strategy.name}_{record.preset or chosen.id}"
    genes = {d.name: candidate.genome[d.name] for d in start.recipe if d.name in candidate.genome}
    network = dataclasses.replace(candidate.network, name=name)
    return SearchResult(candidate, network, genes, record)
