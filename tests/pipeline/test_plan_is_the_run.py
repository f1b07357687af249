"""What ``check`` promises of a network that is named is what the run says of it before training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.config.ti_set import RUN, write_ti_set
from tinyml_nas.cli import main
from tinyml_nas.config import Config, InvalidConfig
from tinyml_nas.console import Console
from tinyml_nas.cost.budget import resources_of
from tinyml_nas.cost.npu import lint
from tinyml_nas.data import DataSplits, WindowSet, prepare_data
from tinyml_nas.devices import target_of
from tinyml_nas.features import extract_features
from tinyml_nas.importers.check import given_network
from tinyml_nas.importers.stage import bring_model
from tinyml_nas.load import load_config
from tinyml_nas.pipeline.entrants import fixed_entrants
from tinyml_nas.plan import plan

ROOT = Path(__file__).parents[2]
OURS = [*(ROOT / "examples").rglob("*.yaml"), *(ROOT / "configs").rglob("*.yaml")]
NAMES = {*(str(path.relative_to(ROOT)) for path in OURS), *RUN}
UNKNOWN = {"mosfet_temp_prediction/config.yaml"}
"""Its target is the last column, which may be one of the variables: the data tell."""


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All files by name."""
    files = write_ti_set(tmp_path_factory.mktemp("ti"))
    return {str(path.relative_to(ROOT)): path for path in OURS} | files


def _random_data(config: Config, classes: int) -> DataSplits:
    """Windows of noise of the configured shape: one recording of each class on each side."""
    processing = config.data_processing_feature_extraction
    variables, length = processing.variables, processing.frame_size
    channels = variables if isinstance(variables, int) else len(variables)
    count = processing.num_frame_concat * max(2, processing.frame_skip) + 1
    labels = np.repeat(np.arange(classes), count)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(len(labels), channels, length)).astype(np.float32)
    targets: tuple[str, ...] = ()
    y: np.ndarray = labels
    if config.common.task in ("regression", "forecasting"):
        several = processing.target_variables or (
            range(channels) if config.common.task == "forecasting" else "t"
        )
        targets = tuple(map(str, several))
        steps = 1 + processing.forecast_horizon if config.common.task == "forecasting" else 1
        y = rng.normal(size=(len(labels), steps * len(targets))).astype(np.float32)
    start = np.tile(np.arange(count), classes) * length
    side = WindowSet(x, y, labels, start, labels)
    known = (*(processing.gain_variations or ()), *map(str, range(classes)))
    names = () if targets else known[:classes]
    channel_names = tuple(f"channel {number}" for number in range(channels))
    return DataSplits(side, side, side, names, channel_names, length, config.common.task, targets)


@pytest.mark.parametrize("name", sorted(NAMES - UNKNOWN))
def test_the_plan_has_the_shape_the_layers_and_the_costs_of_the_run(
    name: str, every: dict[str, Path]
) -> None:
    config, quiet = load_config(every[name]).config, Console(quiet=True)
    given = given_network(config)
    assert given is not None
    assert given.network is not None
    generated = config.dataset.generator is not None
    learned = given.network.shapes[given.network.output].size
    classes = learned if config.common.task == "classification" else 2
    data = prepare_data(config, quiet) if generated else _random_data(config, classes)
    features = extract_features(data, config, quiet)
    imported = bring_model(config, features, quiet)
    (entrant,) = fixed_entrants(config, features, imported)
    assert (given.role, given.network) == (entrant.role, entrant.network)
    device = target_of(config)
    need, placed = resources_of(entrant.network, device), lint(entrant.network, device)
    rows = plan(config)
    (costs,) = (text for row, text in rows if row == "costs")
    assert f"{need.parameters:,} parameters, {need.macs:,} MACs" in costs
    memory = "arena" if device.ethos_u is None else "RAM"
    assert f"{need.flash_bytes:,} B flash, {need.ram_bytes:,} B {memory}" in costs
    if placed and config.compilation.may_use_npu and not config.training.nas_enabled:
        said, taken = [text for row, text in rows if row == "npu"], placed.sentences()
        assert said[: len(taken)] == taken
        assert len(said) == len(taken) + (device.ethos_u is not None)  # what its program costs


def test_the_accelerator_takes_of_the_pir_example_what_it_takes_in_the_run(
    every: dict[str, Path],
) -> None:
    on_f28p55 = ("common.target_device=F28P55",)
    rows = plan(load_config(every["pir_detection/config_MSPM0.yaml"], on_f28p55).config)
    told = [text for row, text in rows if row == "npu"]
    assert told[0] == "ti-npu can take 5 of 6 layers, 75% of the MACs"
    assert "25 channels" in told[1]


SMALL = """
common: {task_type: generic_timeseries_TASK, target_device: DEVICE}
dataset: {input_data_path: data}
data_processing_feature_extraction: {frame_size: 256}
training: {model_name: MODEL}
"""


def _small(folder: Path, **words: str) -> Path:
    text = SMALL
    words = {"TASK": "classification", "DEVICE": "cortex-m4", "MODEL": "CLS_1k"} | words
    for word, instead in words.items():
        text = text.replace(word, instead)
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_check_refuses_what_no_device_of_that_size_can_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = "{core: cortex-m4, clock: 80 MHz, flash: 2 kB, ram: 64 kB}"
    (tmp_path / "tiny.yaml").write_text(device, encoding="utf-8")
    assert main(["check", str(_small(tmp_path, DEVICE="tiny.yaml"))]) == 3
    assert "CLS_1k needs 2,737 B of flash; tiny has 2,000 B" in capsys.readouterr().err


def test_classes_are_counted_by_their_folders(tmp_path: Path) -> None:
    config = load_config(_small(tmp_path)).config
    assert " and 2 classes (assumed: the data tell): " in dict(plan(config))["costs"]
    for label in ("a", "b", "c", ".hidden"):
        (tmp_path / "data" / "set" / "classes" / label).mkdir(parents=True)
    assert " and 3 classes: " in dict(plan(config))["costs"]


@pytest.mark.parametrize(
    ("words", "message", "place"),
    [
        (
            {"256": "2", "CLS_1k": "CLS_ResAdd_3k"},
            "training.model_name: CLS_ResAdd_3k cannot read an input of 1 x 2",
            (5, 24),
        ),
        (
            {"CLS_1k": "CLS_1k, quantization_layers: {no: 4}"},
            "training.quantization_layers: CLS_1k has no layer 'no'",
            (5, 53),
        ),
    ],
)
def test_a_network_that_the_features_do_not_fit_is_refused_at_its_line(
    words: dict[str, str], message: str, place: tuple[int, int], tmp_path: Path
) -> None:
    path = _small(tmp_path)
    text = path.read_text(encoding="utf-8")
    for word, instead in words.items():
        text = text.replace(word, instead)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfig) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.place.line, problem.place.column) == place


def test_what_only_the_data_tell_is_said(every: dict[str, Path]) -> None:
    (name,) = UNKNOWN
    rows = dict(plan(load_config(every[name]).config))
    assert rows["costs"] == "REGR_3k: not known yet; the run computes them from the data"
