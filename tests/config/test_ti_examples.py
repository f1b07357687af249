"""All example configurations of TI's tinyml-tensorlab, as its users have them on disk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from ti_set import MODEL_CONFIG, OTHER_SIGNALS, RUN, SET, ti_set, write_ti_set

from tinyml_nas import cli
from tinyml_nas.compat import fate_of
from tinyml_nas.config import InvalidConfig, LoadedConfig
from tinyml_nas.config.config import SECTIONS
from tinyml_nas.console import Console
from tinyml_nas.features.chain import resolve_chain
from tinyml_nas.features.signal import Shape, settings_of
from tinyml_nas.load import load_config
from tinyml_nas.located.validate import (
    asks_for_what_happens,
    field_names,
    without_effect,
)
from tinyml_nas.plan import plan
from tinyml_nas.zoo.entries import own_model

pytestmark = pytest.mark.fast

TEXTS = dict(ti_set())
IGNORED = {
    "branched_model_parameters/config.yaml": {"training.model_config"},
    "dc_arc_fault/config_dsi.yaml": {"data_processing_feature_extraction.gain_variations"},
    "dynamic_hand_gesture_recognition/config_MSPM0.yaml": {"dataset.gof_test", "training.gof_test"},
    "fan_blade_fault_classification/config_MSPM0.yaml": {"data_processing"},
    "fan_blade_fault_classification/fan_blade_anomaly_detection_ondevice_training.yaml": {
        "training.ondevice_training"
    },
    "gas_sensor/config.yaml": {"training.epochs"},
    "generic_timeseries_regression/config.yaml": {"training.lambda_reg"},
    "motor_bearing_fault/config_MSPM0.yaml": {"data_processing"},
    "reg_washing_machine/config.yaml": {"training.lambda_reg", "training.partial_quantization"},
    "reg_washing_machine/config_MSPM0.yaml": {"training.lambda_reg", "training.auto_quantization"},
}
"""All that may change nothing here; the next test asks that it is said."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_ti_set(tmp_path_factory.mktemp("ti_examples"))


def test_the_examples_are_complete() -> None:
    configs = list(yaml.safe_load_all(SET.read_text(encoding="utf-8")))
    assert len(TEXTS) == len(configs) == 64
    assert [yaml.safe_load(text) for text in TEXTS.values()] == configs
    assert len(RUN) == 59
    tasks = Counter(config["common"]["task_type"] for config in configs if "common" in config)
    assert tasks == {
        "generic_timeseries_classification": 18,
        "motor_fault": 11,
        "generic_timeseries_anomalydetection": 8,
        "pir_detection": 7,
        "generic_timeseries_regression": 6,
        "generic_timeseries_forecasting": 4,
        "arc_fault": 3,
        "image_classification": 3,
        "ecg_classification": 1,
        "audio_classification": 1,
        "radar_classification": 1,
    }


@pytest.mark.parametrize("name", RUN)
def test_example_runs_as_it_is(name: str, files: dict[str, Path]) -> None:
    loaded = load_config(files[name])
    assert dict(plan(loaded.config))["task"] == loaded.config.common.task_type
    assert fate_of(files[name]).verdict == "needs data"
    ignored = {path for note in loaded.notes if note.kind == "ignored" for path in note.paths}
    assert ignored <= IGNORED.get(name, set())


@pytest.mark.parametrize("name", RUN)
def test_every_key_of_an_example_does_what_it_says_or_is_noted(
    name: str, files: dict[str, Path]
) -> None:
    loaded = load_config(files[name])
    noted = [path for note in loaded.notes for path in note.paths]
    written = yaml.safe_load(TEXTS[name])
    for section, keys in written.items():
        for key, value in (keys if section in SECTIONS else {}).items():
            path, model = f"{section}.{key}", SECTIONS[section]
            if without_effect(model, key):
                assert (path in noted) != asks_for_what_happens(model, key, value), path
            elif not means(loaded, section, key, value):
                assert path in noted, path
    assert Counter(noted) == Counter(set(noted)), "a key is noted once"


def means(loaded: LoadedConfig, section: str, key: str, written: Any) -> bool:
    """Whether the configuration has the value that the file says."""
    attribute = field_names(SECTIONS[section])[key]
    return plain(getattr(getattr(loaded.config, section), attribute)) == plain(written)


def plain(value: Any) -> Any:
    """Numbers as numbers, text without its case, lists as tuples."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return own_model(value) or value.lower() if isinstance(value, str) else value


@pytest.mark.parametrize("name", RUN)
def test_feature_chain_of_an_example_fits_its_frames(name: str, files: dict[str, Path]) -> None:
    config = load_config(files[name]).config
    features = config.data_processing_feature_extraction
    variables = features.variables
    channels = variables if isinstance(variables, int) else len(variables)
    shape = Shape("samples", channels, features.frame_size)
    settings = settings_of(config, features.frame_size)
    steps = resolve_chain(features.feat_ext_transform, shape, settings, Console(quiet=True))
    assert {step.name for step in steps} == set(features.feat_ext_transform)


@pytest.mark.parametrize("name", OTHER_SIGNALS)
def test_images_and_radar_are_refused_with_the_reason(
    name: str, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(files[name])]) == 2
    shown = capsys.readouterr().err
    assert "not supported, because this product is for one-dimensional signals" in shown
    assert OTHER_SIGNALS[name] in shown
    assert shown.count(": error: ") == 1


def test_a_model_config_is_no_run(files: dict[str, Path]) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_config(files[MODEL_CONFIG])
    (problem,) = caught.value.problems
    assert "none of the sections common, dataset" in problem.message
    assert "model_config of another file" in (problem.hint or "")


def test_compat_of_a_folder(
    files: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["check", "--compat", str(files[MODEL_CONFIG].parent)]) == 2
    captured = capsys.readouterr()
    assert "batch_size, training_epochs, num_gpus" in captured.out
    assert "training.model_config (line 4): a model of the zoo has the shape of" in captured.out
    assert "put wisdm_dataset.zip" in captured.out
    assert "0 run-ready, 1 run-ready but for their data, 1 refused" in captured.out
    assert "1 of 2 files is refused" in captured.err


def test_compat_tells_what_is_missing_until_it_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(TEXTS["gas_sensor/config.yaml"], encoding="utf-8")
    assert cli.main(["check", "--compat", str(path)]) == 5
    assert "1 file needs its data" in capsys.readouterr().err
    (tmp_path / "gas_sensor_dataset.zip").touch()
    assert cli.main(["check", "--compat", str(path), path.name]) == 0
    captured = capsys.readouterr()
    assert "run-ready" in captured.out
    assert "training.epochs (line 4): training_epochs sets the number" in captured.out
    assert "2 run-ready" in captured.out
    assert captured.err == ""


def test_compat_of_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--compat", str(tmp_path)]) == 2
    assert "There is no YAML file in the folder" in capsys.readouterr().err
