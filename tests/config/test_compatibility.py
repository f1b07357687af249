"""Configurations as TI's users write them load unchanged: every key, every quirk."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tinyml_nas.config.config import IGNORED_SECTIONS, SECTIONS
from tinyml_nas.config.presets.datasets import DATASET_PRESETS, SERVER
from tinyml_nas.located.validate import field_names, without_effect

pytestmark = pytest.mark.fast

EVERY_KEY = """\
common:
  task_type: motor_fault
  target_device: F28P55
  target_module: timeseries
  run_name: "{date-time}/{model_name}"
  target_machine: evm
  verbose_mode: True
  download_path: ./data/downloads
  projects_path: ./data/projects
  project_path:
  project_run_path:
  task_category: timeseries_classification
  generic_model: False
dataset:
  enable: True
  dataset_name: motor
  input_data_path: motor.zip
  input_annotation_path:
  split_factor: [0.6, 0.3, 0.1]
  split_type: amongst_files
  split_names: [train, val, test]
  data_dir: classes
  annotation_dir: annotations
  annotation_prefix: instances
  annotation_format: univ_ts_json
  dataset_path:
  extract_path:
  max_num_files: 10000
  dataset_download: False
  dataset_reload: False
  gof_test: True
data_processing:
  anything: [1, 2]
data_processing_feature_extraction:
  feature_extraction_name: Input256_FFTBIN_16Feature_8Frame_3InputChannel_removeDC_2D1
  data_proc_transforms: []
  feat_ext_transform: [FFT_FE, FFT_POS_HALF, ABS, DC_REMOVE, BINNING, LOG_DB, CONCAT]
  variables: 3
  target_variables: []
  forecast_horizon: 1
  sampling_rate: 1
  new_sr: 1
  resampling_factor: 1
  frame_size: 256
  stride_size: 0.01
  feature_size_per_frame: 16
  num_frame_concat: 8
  frame_skip: 1
  min_bin: 1
  normalize_bin: 1
  analysis_bandwidth: 1
  dc_remove: True
  log_mul: 20
  log_base: 10
  log_threshold: 1e-100
  stacking: 2D1
  offset: 0
  scale: 1
  q15_scale_factor: 4
  window_count: 1
  chunk_size: 1
  fft_size: 1
  gain_variations: {arc: [0.9, 1.1]}
  nn_for_feature_extraction: False
  store_feat_ext_data: False
  feat_ext_store_dir:
  dont_train_just_feat_ext: False
  gof_test: False
training:
  enable: True
  model_name: CLS_1k_NPU
  training_epochs: 10
  epochs: 10
  batch_size: 8
  learning_rate: 2e-3
  num_gpus: 0
  training_device: cuda
  distributed: True
  training_master_port: 29500
  optimizer: "SGD"
  weight_decay: '4e-5'
  lambda_reg: 0
  lr_scheduler: cosineannealinglr
  warmup_epochs: 1
  num_last_epochs: 5
  model_config: ''
  model_spec:
  augment_config:
  dataset_loader: GenericTSDataset
  quantization: 2
  quantization_method: QAT
  quantization_weight_bitwidth: 8
  quantization_activation_bitwidth: 8
  auto_quantization: True
  autoquant_tolerance_classification: 0.05
  autoquant_tolerance_regression: 0.05
  autoquant_tolerance_forecasting: 2.0
  autoquant_tolerance_anomaly: 2.0
  partial_quantization: False
  output_int: True
  run_quant_train_only: False
  dual_op: False
  nas_enabled: False
  nas_optimization_mode: Memory
  nas_epochs: 10
  nas_model_size:
  nas_nodes_per_layer: 4
  nas_layers: 3
  nas_init_channels: 1
  nas_init_channel_multiplier: 3
  nas_fanout_concat: 4
  load_saved_model:
  ondevice_training: False
  trainable_layers_from_last: 1
  export_samples_per_class: [10, 10, 10]
  compile_model: 0
  native_amp: False
  pretrained_checkpoint_path:
  train_output_path:
  training_backend:
  model_training_id:
  gof_test: False
testing:
  enable: True
  skip_train: False
  device_inference: False
  test_data:
  model_path:
compilation:
  enable: True
  compile_preset_name: forced_soft_npu_preset
  keep_libc_files: True
  model_path:
  compile_output_path:
  target: c
  target_c_mcpu: c28
  cross_compiler: cl2000
  cross_compiler_options: ''
"""

WITHOUT_EFFECT = [
    (["data_processing"], "data_processing_feature_extraction is read, here as in TI's tools"),
    (["common.download_path"], "data sets lie beside the YAML"),
    (["common.projects_path"], "runs go to runs/, or to the folder of --output"),
    (["common.task_category"], "task_type says it"),
    (["dataset.gof_test"], "goodness-of-fit plots are not drawn"),
    (["data_processing_feature_extraction.gain_variations"], "would teach the class by its gain"),
    (["training.epochs"], "training_epochs sets the number of epochs"),
    (["training.distributed", "training.training_master_port"], "one process trains"),
    (
        [
            "training.auto_quantization",
            "training.autoquant_tolerance_classification",
            "training.autoquant_tolerance_regression",
            "training.autoquant_tolerance_forecasting",
            "training.autoquant_tolerance_anomaly",
        ],
        "every layer has the bits of quantization_weight_bitwidth",
    ),
    (
        ["compilation.target", "compilation.target_c_mcpu", "compilation.cross_compiler"],
        "the C is source for every compiler",
    ),
]
"""The keys of EVERY_KEY that ask for something else than what happens, and why they do nothing."""
PARAMETERS_OF_STEPS = re.compile(r"q15_scale_factor|window_count|chunk_size|fft_size")

EXAMPLE = """\
common:
  target_module: timeseries
  task_type: generic_timeseries_classification
  target_device: F28P55
dataset:
  dataset_name: generic
  input_data_path: https://example.org/generic.zip
data_processing_feature_extraction:
  feature_extraction_name: Generic_32Input_FFTBIN_4Feature_8Frame
  variables: 1
training:
  model_name: CLS_1k_NPU
  num_gpus: 0
testing: {}
compilation: {}
"""


def is_ignored(path: str) -> bool:
    section, _, key = path.partition(".")
    return section in IGNORED_SECTIONS or without_effect(SECTIONS[section], key) is not None


def test_every_key_is_accepted_and_what_has_no_effect_is_said_once(
    load: Callable[..., Any],
) -> None:
    loaded = load(EVERY_KEY)
    found = [note for note in loaded.notes if note.message.startswith("Without effect: ")]
    found = [note for note in found if not PARAMETERS_OF_STEPS.search(note.message)]
    expected = [(paths, reason) for paths, reason in WITHOUT_EFFECT if is_ignored(paths[0])]
    assert [list(note.paths) for note in found] == [paths for paths, _ in expected]
    for note, (_, reason) in zip(found, expected, strict=True):
        assert reason in note.message
        assert note.message.count(" (line ") == len(note.paths)
    training = loaded.config.training
    assert (training.optimizer, training.weight_decay) == ("sgd", 4e-5)
    assert training.training_device == "cuda"


def test_a_value_that_asks_for_what_happens_anyway_is_not_remarked_on(
    load: Callable[..., Any],
) -> None:
    training = (
        "num_gpus: 0\n  model_config: ''\n  dual_op: False\n  output_int: true\n  momentum: 0.9"
    )
    text = EXAMPLE.replace("num_gpus: 0", training)
    text = text.replace(
        "compilation: {}", "compilation: {compile_preset_name: forced_soft_npu_preset}"
    )
    assert [note.kind for note in load(text).notes] == ["data"]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_without_effect_has_a_reason_of_its_own(name: str) -> None:
    for key in field_names(SECTIONS[name]):
        assert without_effect(SECTIONS[name], key) != "nothing here reads it", key


@pytest.mark.parametrize(
    ("section", "key", "words"),
    [
        ("dataset", "data_split_ratio: [0.6, 0.4]", "the key that is read is dataset.split_factor"),
        ("training", "error_analysis: true", "the report of a run always has it"),
        ("testing", "test_float: true", "both tested"),
        ("compilation", "preset_name: x", "compilation.compile_preset_name"),
    ],
)
def test_keys_of_ti_s_pages_that_no_tool_reads(
    load: Callable[..., Any], section: str, key: str, words: str
) -> None:
    text = EXAMPLE.replace(": {}", ":").replace(f"{section}:\n", f"{section}:\n  {key}\n")
    (note,) = [note for note in load(text).notes if note.kind == "ignored"]
    assert words in note.message
    assert note.paths == (f"{section}.{key.split(':')[0]}",)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("include_files: [a.yaml]", "one file says everything"),
        ("feature_extraction: {}", "did you mean 'data_processing_feature_extraction'?"),
    ],
)
def test_sections_of_ti_s_pages(errors: Callable[..., Any], wrong: str, hint: str) -> None:
    (found,) = errors(f"{EXAMPLE}{wrong}\n")
    assert hint in found


def test_a_key_written_twice_to_the_same_value_is_only_remarked_on(
    load: Callable[..., Any], errors: Callable[..., Any]
) -> None:
    text = EXAMPLE.replace("  variables: 1\n", "  variables: 1\n  variables: 1\n")
    remark = next(note for note in load(text).notes if note.kind == "remark")
    assert remark.message == "The key 'variables' is written twice (line 11)."
    (found,) = errors(text.replace("  variables: 1\ntraining", "  variables: 2\ntraining"))
    assert "written twice" in found


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ("early_stopping: true", 10),
        ("early_stopping: true\n  early_stopping_patience: 5", 5),
        ("early_stopping: false\n  early_stopping_patience: 5", None),
        ("early_stopping_patience: 5", 5),
    ],
)
def test_early_stopping(load: Callable[..., Any], training: str, expected: int | None) -> None:
    text = EXAMPLE.replace("num_gpus: 0", f"num_gpus: 0\n  {training}")
    assert load(text).config.training.early_stopping_patience == expected


def test_only_the_features_end_a_run_before_the_training(load: Callable[..., Any]) -> None:
    text = EXAMPLE.replace("  variables: 1", "  variables: 1\n  dont_train_just_feat_ext: True")
    loaded = load(text.replace("num_gpus: 0", "num_gpus: 2\n  enable: True"))
    assert not loaded.config.training.enable
    assert any("one of 2 GPUs trains" in warning for warning in loaded.warnings)


@pytest.mark.parametrize("name", DATASET_PRESETS)
def test_data_sets_that_are_known_by_name(load: Callable[..., Any], name: str) -> None:
    text = EXAMPLE.replace("dataset_name: generic", f"dataset_name: {name}")
    loaded = load(text.replace("  input_data_path: https://example.org/generic.zip\n", ""))
    preset = DATASET_PRESETS[name]
    assert loaded.config.dataset.input_data_path == SERVER + preset.file
    assert loaded.provenance["dataset.input_data_path"] == f"data set {name}"
    features = loaded.config.data_processing_feature_extraction
    assert features.feature_extraction_name == "Generic_32Input_FFTBIN_4Feature_8Frame"


def test_a_known_data_set_brings_its_features_where_none_are_written(
    load: Callable[..., Any],
) -> None:
    text = EXAMPLE.replace("dataset_name: generic", "dataset_name: motor_fault_example_dsk")
    text = text.replace("  input_data_path: https://example.org/generic.zip\n", "")
    text = text.replace("  feature_extraction_name: Generic_32Input_FFTBIN_4Feature_8Frame\n", "")
    loaded = load(text.replace("  variables: 1\n", ""))
    features = loaded.config.data_processing_feature_extraction
    assert (features.frame_size, features.variables) == (256, 3)
    assert any("gets those of the data set" in warning for warning in loaded.warnings)
    with_path = load(
        EXAMPLE.replace("dataset_name: generic", "dataset_name: motor_fault_example_dsk")
    )
    assert with_path.config.dataset.input_data_path == "https://example.org/generic.zip"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("5", (5,)),
        ("[2]", (2,)),
        ("['7', '11']", (7, 11)),
        ("[pm, torque]", ("pm", "torque")),
        ("", ()),
    ],
)
def test_target_variables_as_they_are_written(
    load: Callable[..., Any], minimal: str, written: str, expected: tuple[int | str, ...]
) -> None:
    text = minimal.replace("_classification", "_regression").replace("CLS_1k", "REGR_1k")
    text = text.replace("arc_fault", "motor_load")
    text = text.replace("  frame_size: 64", f"  frame_size: 64\n  target_variables: {written}")
    loaded = load(text)
    assert loaded.config.data_processing_feature_extraction.target_variables == expected
    assert loaded.warnings == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "frame_size: 64",
            "frame_size: 64\n  forecast_horizon: 2",
            "It needs a forecast.",
        ),
        (
            "frame_size: 64",
            "frame_size: 64\n  target_variables: [0]",
            "It needs a regression or a forecast.",
        ),
        ("CLS_1k", "CLS_1k\n  label_smoothing: 0.1", ""),
    ],
)
def test_keys_of_another_task_are_said_to_do_nothing(
    load: Callable[..., Any], minimal: str, old: str, new: str, words: str
) -> None:
    warnings = load(minimal.replace(old, new)).warnings
    assert [words in warning for warning in warnings] == ([True] if words else [])


def test_what_only_classes_have_is_said_to_do_nothing_for_a_regression(
    load: Callable[..., Any], minimal: str
) -> None:
    text = minimal.replace("_classification", "_regression").replace("arc_fault", "motor_load")
    text = text.replace("CLS_1k", "REGR_1k\n  label_smoothing: 0.1\n  class_weights: balanced")
    (warning,) = load(text).warnings
    assert warning.startswith("Not read: training.label_smoothing (line ")
    assert warning.endswith("). It needs a classification.")


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ("variables: 3", "a forecast needs a frame_size"),
        ("frame_size: 8\n  target_variables: [1, 1]", "1 is named twice"),
        ("frame_size: 8\n  target_variables: [-1]", "target_variables"),
        ("frame_size: 8\n  forecast_horizon: 0", "forecast_horizon"),
    ],
)
def test_a_forecast_that_cannot_be(
    errors: Callable[..., Any], minimal: str, features: str, words: str
) -> None:
    text = minimal.replace("_classification", "_forecasting").replace("CLS_1k", "FCST_LSTM8")
    text = text.replace("arc_fault", "room_climate")
    (found,) = errors(text.replace("  frame_size: 64", f"  {features}"))
    assert words in found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_gpus: 0", "num_gpus: 0\n  weight_decay: '1e-20'"),
        ("num_gpus: 0", 'num_gpus: 0\n  optimizer: "SGD"'),
        ("num_gpus: 0", "num_gpus: 0\n  model_config: ''"),
        ("num_gpus: 0", "num_gpus: 0\n  lr_scheduler: StepLR"),
        ("num_gpus: 0", "num_gpus: 0\n  quantization_weight_bitwidth: 2"),
        ("variables: 1", "variables: [0, 1]"),
        ("variables: 1", "variables: ['Ia', 'Ib']"),
        ("variables: 1", "variables: 1\n  stacking: 1D\n  gof_test: True"),
        ("dataset_name: generic", "dataset_name: generic\n  split_factor: [0.5, 0.3, 0.2]"),
        ("testing: {}", "testing:"),
        ("compilation: {}", ""),
        ("CLS_1k_NPU", "CLS_ResCat_3k"),
        ("CLS_1k_NPU", "GearboxFault_model_1.2k_t"),
        (
            "Generic_32Input_FFTBIN_4Feature_8Frame",
            "FFT256Input_FE_RFFT_16Feature_8Frame_removeDC_Full_Bandwidth",
        ),
    ],
)
def test_quirks_of_the_examples(load: Callable[..., Any], old: str, new: str) -> None:
    assert old in EXAMPLE
    assert load(EXAMPLE.replace(old, new)).config.common.target_device == "F28P55"


@pytest.mark.parametrize(
    "device",
    [
        "F28P55",
        "MSPM0G5187",
        "AM13E2",
        "MSPM33C34",
        "MSPM33C32",
        "CC2755",
        "CC2745",
        "CC35X1",
        "F29H85",
        "F29P58",
        "F29P32",
        "F28P65",
        "F2837",
        "F280013",
        "F280015",
        "F28003",
        "F28004",
        "F28E12",
        "MSPM0G3507",
        "MSPM0G3519",
        "CC1312",
        "CC1352",
        "CC1314",
        "CC1354",
        "AM263",
        "AM263P",
        "AM261",
    ],
)
def test_devices_of_the_catalogue(load: Callable[..., Any], device: str) -> None:
    assert load(EXAMPLE.replace("F28P55", device)).config.common.target_device == device
