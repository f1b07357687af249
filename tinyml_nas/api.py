"""The pipeline from Python: what the command line does, for notebooks and scripts.

    import tinyml_nas

    checked = tinyml_nas.check("my.yaml")
    folder = tinyml_nas.run("my.yaml", {"training.training_epochs": 20})
    results = tinyml_nas.load_run(folder)
    found = tinyml_nas.search_model("my.yaml")

Every function takes the YAML of a run and ``overrides``: values in place of those in the file, by
``section.key``.  It raises the errors of ``tinyml_nas.errors``, each with ``message``, ``hint`` and
the ``exit_code`` that the command line ends with.  Warnings go to standard error; ordinary lines
and progress appear only with ``quiet=False``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tinyml_nas.config import LoadedConfig
from tinyml_nas.console import Console
from tinyml_nas.load import load_config
from tinyml_nas.plan import network_warnings, plan, plan_warnings
from tinyml_nas.results.folder import RESULTS, named_run
from tinyml_nas.results.run import Results, load_results
from tinyml_nas.results.search import Search

if TYPE_CHECKING:
    from tinyml_nas.train.builder import NetworkModule

PathLike = str | os.PathLike[str]
Overrides = Mapping[str, object]


@dataclass(frozen=True)
class Checked:
    """What a run would do: ``plan`` by stage, such as ``device``, and what to know before it."""

    plan: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class FoundModel:
    """What a search found: a ``module`` without training, and the ``record`` of the search.

    The module maps normalized features (N, C, L) to outputs (N, K).  ``module.network`` holds its
    layers.  The record is the ``search`` part of results.json.
    """

    module: NetworkModule
    record: Search


def check(path: PathLike, overrides: Overrides | None = None) -> Checked:
    """The plan of a run and its warnings, before anything runs; it needs no torch.

    Raises ``ConfigError`` with every mistake of the file, each with line and column.
    """
    loaded = _load(path, overrides)
    rows = tuple(plan(loaded.config))
    said = (*loaded.warnings, *plan_warnings(loaded), *network_warnings(loaded.config))
    return Checked(rows, said)


def run(
    path: PathLike,
    overrides: Overrides | None = None,
    *,
    output: PathLike = "runs",
    resume: bool = False,
    take: str | None = None,
    quiet: bool = True,
) -> Path:
    """Run the whole pipeline; the finished run folder, below ``output``.

    ``resume`` continues a stopped run of the same file.  ``take`` names another point of
    the last search, such as ``"c17"``, and no new search is made.  Torch computes with one thread
    and reproducible kernels from then on.  Raises every error of ``tinyml_nas.errors``.
    """
    console, loaded = Console(quiet=quiet), _load(path, overrides)
    _warn(loaded, console)
    from tinyml_nas import pipeline

    return pipeline.run(loaded, output=Path(output), resume=resume, console=console, take=take)


def search_model(
    path: PathLike,
    overrides: Overrides | None = None,
    *,
    folder: PathLike | None = None,
    quiet: bool = True,
) -> FoundModel:
    """Search the network that the YAML asks for, without final training, C or report.

    It searches whether or not the file says ``nas_enabled``.  A search that stops resumes from
    ``folder``; a finished one returns at once.  Without a folder nothing is kept.  The initial
    weights of the module come from ``common.seed``.  Torch is set as by ``run``.
    Raises ``ConfigError``, ``BudgetError``, ``DataError`` and ``ToolError``.
    """
    console = Console(quiet=quiet)
    loaded = _load(path, {**(overrides or {}), "training.nas_enabled": True})
    _warn(loaded, console)
    from tinyml_nas.data import prepare_data
    from tinyml_nas.devices import target_of
    from tinyml_nas.features import extract_features
    from tinyml_nas.search.stage import search
    from tinyml_nas.train.builder import build_module
    from tinyml_nas.train.seeding import generator, make_deterministic

    config = loaded.config
    make_deterministic()
    features = extract_features(prepare_data(config, console), config, console)
    with ExitStack() as stack:
        where = folder or stack.enter_context(TemporaryDirectory(prefix="tinyml_nas-"))
        found = search(
            features.for_choices(),
            config,
            target_of(config),
            folder=Path(where),
            console=console,
        )
    module = build_module(found.network, generator(config.common.seed, "weights"))
    return FoundModel(module, found.record)


def load_run(folder: PathLike) -> Results:
    """All figures of the finished run in ``folder``, be it ``runs/my_model/latest``.

    Raises ``ToolError`` where the record is missing, damaged or of another version.
    """
    return load_results(named_run(Path(folder)) / RESULTS)


def _load(path: PathLike, overrides: Overrides | None) -> LoadedConfig:
    """The configuration with ``overrides``; they are read as the values of ``--set`` are."""
    written = {
        key: json.dumps(value, default=os.fspath) for key, value in (overrides or {}).items()
    }
    return load_config(Path(path), [f"{key}={value}" for key, value in written.items()])


def _warn(loaded: LoadedConfig, console: Console) -> None:
    for warning in (*loaded.warnings, *plan_warnings(loaded)):
        console.warning(warning)
