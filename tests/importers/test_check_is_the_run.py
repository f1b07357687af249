"""What ``check`` says of a network in a file is what the run says once it has the data."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from random_models import CHANNELS, FAULTS, LENGTH, random_model

from tinyml_nas.config import Config, InvalidConfig
from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError, ToolError
from tinyml_nas.features import Examples, FeatureSet, Targets
from tinyml_nas.features.extract import fit_normalization
from tinyml_nas.graph import Network
from tinyml_nas.importers.check import given_network
from tinyml_nas.importers.stage import bring_model
from tinyml_nas.load import load_config

CONFIG = """
common: {{task_type: generic_timeseries_{task}}}
dataset: {{input_data_path: data}}
data_processing_feature_extraction:
  {{frame_size: 40, variables: 3, target_variables: [{targets}], forecast_horizon: 2}}
training:
  model_path: {file}
  enable: false
"""
TASKS = {"classification": 3, "regression": 2, "forecasting": 4, "anomalydetection": 0}
"""The tasks, and how many outputs each asks for; an autoencoder gives as many as it reads."""
NETWORKS = 100


def _features(config: Config, outputs: int) -> FeatureSet:
    """Random windows of the configured shape, with what the task has to learn."""
    rng = np.random.default_rng(1)
    x = rng.normal(3, 2, (12, CHANNELS, LENGTH)).astype(np.float32)
    y: np.ndarray = np.arange(12) % 3
    targets = None
    if config.common.task in ("regression", "forecasting"):
        y = rng.normal(size=(12, outputs)).astype(np.float32)
        scale = fit_normalization(y[:, :, None])
        horizon = 2 if config.common.task == "forecasting" else 1
        targets = Targets(("p", "q"), horizon, scale.mean, scale.std, scale.std[:2])
    side = Examples(x, y, np.arange(12))
    none = side.taken(np.arange(0))
    classes = () if targets else ("a", "b", "c")
    return FeatureSet(
        side, none, none, fit_normalization(x), classes, tuple("uvw"), (),
        task=config.common.task, targets=targets,
    )  # fmt: skip


def _told_by_check(path: Path) -> tuple[str, Network | None]:
    """The reason of a refusal, and the network where there is none."""
    try:
        given = given_network(load_config(path).config)
    except InvalidConfig as error:
        (problem,) = error.problems
        assert (problem.place.line, problem.place.column) == (7, 15)
        return problem.message.removeprefix("training.model_path: "), None
    except ToolError as error:
        return error.message.removeprefix("training.model_path (line 7): "), None
    assert given is not None
    return "", given.network


def _told_by_run(config: Config, outputs: int) -> tuple[str, Network | None]:
    try:
        imported = bring_model(config, _features(config, outputs), Console(quiet=True))
    except (ConfigError, ToolError) as error:
        return error.message, None
    assert imported is not None
    return "", imported.network


def test_check_says_of_random_networks_what_the_run_says(tmp_path: Path) -> None:
    for label in "abc":
        (tmp_path / "data" / "classes" / label).mkdir(parents=True)
    faults = [None, *FAULTS, None]
    refused: Counter[str | None] = Counter()
    for number in range(NETWORKS):
        rng = random.Random(number)
        (task, outputs), fault = rng.choice([*TASKS.items()]), faults[number % len(faults)]
        fault = None if number % 3 == 0 else fault
        model = random_model(rng, outputs, fault, rebuilds=not outputs)
        file = f"net{number}.onnx"
        (tmp_path / file).write_bytes(model.SerializeToString())
        targets = "p, q" if task in ("regression", "forecasting") else ""
        path = tmp_path / "config.yaml"
        path.write_text(CONFIG.format(task=task, targets=targets, file=file), encoding="utf-8")
        reason, network = _told_by_check(path)
        text = path.read_text(encoding="utf-8").replace(file, "good.onnx")
        good = random_model(random.Random(0), outputs, None, rebuilds=not outputs)
        onnx.save(good, tmp_path / "good.onnx")
        path.write_text(text, encoding="utf-8")
        config = load_config(path).config
        named = config.training.model_copy(update={"model_path": file})
        expected = _told_by_run(config.model_copy(update={"training": named}), outputs)
        assert (reason, network) == expected, (number, task, fault)
        refused[fault if reason else "none"] += 1
    assert refused.total() == NETWORKS
    assert NETWORKS - refused["none"] >= 40
    assert refused["none"] >= 40
