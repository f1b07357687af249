"""Presets resolve to the documented values; keys that are written win, and it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tinyml_nas.config import names
from tinyml_nas.config.presets.features import FEATURE_PRESETS
from tinyml_nas.config.sections.processing import DataProcessing
from tinyml_nas.importers.check import given_network

pytestmark = pytest.mark.fast

TASK_TYPES = {
    "regression": "generic_timeseries_regression",
    "forecasting": "generic_timeseries_forecasting",
    "anomaly": "generic_timeseries_anomalydetection",
    "audio": "audio_classification",
}

SEARCH = """\
common:
  task_type: generic_timeseries_classification
dataset:
  generator: arc_fault
data_processing_feature_extraction:
  frame_size: 64
training:
  nas_enabled: true
"""


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("s", (3, 4, 1, 3, 4)),
        ("m", (10, 4, 1, 3, 4)),
        ("l", (12, 4, 4, 3, 4)),
        ("xl", (20, 4, 4, 3, 4)),
        ("xxl", (20, 6, 8, 3, 4)),
    ],
)
def test_search_presets(load: Callable[..., Any], size: str, expected: tuple[int, ...]) -> None:
    loaded = load(SEARCH + f"  nas_model_size: {size}\n")
    assert tuple(getattr(loaded.config.training, key) for key in names.NAS_KEYS) == expected
    assert loaded.provenance["training.nas_layers"] == f"preset {size}"
    assert loaded.warnings == []


def test_written_key_wins_over_the_preset_and_it_is_said(load: Callable[..., Any]) -> None:
    text = SEARCH + "  nas_search_strategy: darts\n  nas_model_size: m\n  nas_layers: 5\n"
    loaded = load(text)
    assert loaded.config.training.nas_layers == 5
    (warning,) = loaded.warnings
    assert "nas_layers = 5 wins over 10 of nas_model_size m (line 11 and line 10)" in warning


def test_name_of_a_search_names_its_preset(
    load: Callable[..., Any], errors: Callable[..., Any]
) -> None:
    assert load(SEARCH + "  model_name: NAS_l\n").config.training.nas_layers == 12
    assert load(SEARCH + "  model_name: NAS\n").config.training.nas_layers == 3
    (found,) = errors(SEARCH.replace("true", "false") + "  model_name: NAS_m\n")
    assert "add nas_enabled: true" in found
    assert found.endswith("8:16")


@pytest.mark.parametrize("name", ["CLS_500", "CLS_1k", "CLS_4k", "CLS_13k"])
def test_own_models_with_and_without_suffix(load: Callable[..., Any], name: str) -> None:
    for written in (name, f"{name}_NPU"):
        loaded = load(SEARCH.replace("nas_enabled: true", f"model_name: {written}"))
        assert loaded.config.training.model_name == name
        assert loaded.warnings == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CLS_6k_NPU", "CLS_6k"),
        ("ECG_55k_NPU", "CLS_55k"),
        ("GearboxFault_model_1.2k_t", "CLS_1.2k"),
        ("FanImbalance_model_2_t", "MotorFault_model_2_t"),
    ],
)
def test_other_names_of_a_model(load: Callable[..., Any], name: str, meant: str) -> None:
    loaded = load(SEARCH.replace("nas_enabled: true", f"model_name: {name}"))
    assert loaded.config.training.model_name == meant
    assert loaded.provenance["training.model_name"] == f"line 8, for {name}"
    assert loaded.warnings == []


def test_what_stands_in_for_another_structure_is_said_once(load: Callable[..., Any]) -> None:
    text = SEARCH.replace("nas_enabled: true", "model_name: FCST_LSTM8")
    text = text.replace("arc_fault", "room_climate")
    loaded = load(text.replace("_classification", "_forecasting"))
    said = [warning for warning in loaded.warnings if "takes the place of the LSTM" in warning]
    assert len(said) == 1
    assert "(line 8)" in said[0]


def test_former_names_of_forecasts_mean_what_they_did(load: Callable[..., Any]) -> None:
    text = SEARCH.replace("arc_fault", "room_climate").replace("_classification", "_forecasting")
    for name, now in (("TCN_1k", "FCST_Conv_1k"), ("TCN_4k_NPU", "FCST_Res_4k")):
        loaded = load(text.replace("nas_enabled: true", f"model_name: {name}"))
        assert loaded.config.training.model_name == now
        (said,) = [warning for warning in loaded.warnings if name in warning]
        assert f"is {now} now" in said
    loaded = load(SEARCH.replace("nas_enabled: true", "model_name: TCN_4k"))
    assert loaded.config.training.model_name == "TCN_4k"
    assert loaded.warnings == []


def test_a_model_of_another_task_is_refused(errors: Callable[..., Any]) -> None:
    for name, task in (("REGR_2k_NPU", "regression"), ("AD_17k", "anomaly")):
        (found,) = errors(SEARCH.replace("nas_enabled: true", f"model_name: {name}"))
        assert f"{name!r} is for {task}, not for classification" in found
        assert "take one such as CLS_1k" in found
        assert "8:15" in found


def test_beside_a_search_stands_a_model_of_its_task(load: Callable[..., Any]) -> None:
    text = SEARCH.replace("arc_fault", "motor_load")
    given = given_network(load(text.replace("_classification", "_regression")).config)
    assert given is not None
    assert (given.role, given.name) == ("baseline", "REGR_TCN_4k")


def test_models_of_images_are_refused(errors: Callable[..., Any]) -> None:
    (found,) = errors(SEARCH.replace("nas_enabled: true", "model_name: Lenet5"))
    assert "'Lenet5' is for images; here signals are one-dimensional" in found


@pytest.mark.parametrize(
    ("written", "known"),
    [("AD_4k_NPU", "AD_4k"), ("AD_500_NPU", "AD_500"), ("AD_1k_NPU", "AD_1k")],
)
def test_ti_s_pages_write_names_with_and_without_npu(
    load: Callable[..., Any], written: str, known: str
) -> None:
    text = SEARCH.replace("nas_enabled: true", f"model_name: {written}")
    loaded = load(text.replace("_classification", "_anomalydetection"))
    assert loaded.config.training.model_name == known


def test_there_are_forty_feature_presets_and_one_of_sound() -> None:
    assert len(FEATURE_PRESETS) == 40 + 1


@pytest.mark.parametrize("name", FEATURE_PRESETS)
def test_every_preset_holds_valid_values(name: str) -> None:
    values = dict(FEATURE_PRESETS[name].values)
    assert DataProcessing.model_validate(values).model_dump(include=set(values)) == values


FRAMED = [
    name
    for name, preset in FEATURE_PRESETS.items()
    if not name.startswith("Custom_") and preset.family != "MFCC"
]


@pytest.mark.parametrize("name", FRAMED)
def test_every_preset_resolves(load: Callable[..., Any], minimal: str, name: str) -> None:
    preset = FEATURE_PRESETS[name]
    loaded = load(minimal.replace("  frame_size: 64", f"  feature_extraction_name: {name}"))
    features = loaded.config.data_processing_feature_extraction
    assert features.feat_ext_transform == preset.chain
    assert features.frame_size == preset.values["frame_size"]
    assert not loaded.warnings


def test_arc_chain_is_in_execution_order(load: Callable[..., Any], minimal: str) -> None:
    name = "FFT1024Input_64Feature_4Frame_Half_Bandwidth"
    features = load(
        minimal.replace("  frame_size: 64", f"  feature_extraction_name: {name}\n  min_bin: 2")
    ).config.data_processing_feature_extraction
    assert " ".join(features.feat_ext_transform) == (
        "WINDOWING FFT_FE NORMALIZE FFT_POS_HALF ABS BINNING LOG_DB CONCAT"
    )
    assert (features.feature_size_per_frame, features.num_frame_concat) == (64, 4)
    assert (features.log_mul, features.log_base, features.log_threshold) == (10.0, "e", 1e-12)
    assert (features.analysis_bandwidth, features.min_bin) == (2, 2)


def test_written_chain_keeps_its_order_and_wins(load: Callable[..., Any], minimal: str) -> None:
    chain = "[FFT_FE, FFT_POS_HALF, ABS, LOG_DB, CONCAT]"
    text = minimal.replace(
        "  frame_size: 64",
        "  feature_extraction_name: Generic_256Input_FFT_128Feature_1Frame\n"
        f"  feat_ext_transform: {chain}",
    )
    features = load(text).config.data_processing_feature_extraction
    assert f"[{', '.join(features.feat_ext_transform)}]" == chain
    assert features.frame_size == 256


def test_mistyped_preset(errors: Callable[..., Any], minimal: str) -> None:
    name = "Generic_256Input_FTT_128Feature_1Frame"
    (found,) = errors(minimal.replace("  frame_size: 64", f"  feature_extraction_name: {name}"))
    assert "did you mean 'Generic_256Input_FFT_128Feature_1Frame'?" in found
