"""Configurations as TI's users write them load unchanged: every key, every quirk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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


def test_every_key_is_accepted_and_one_warning_lists_those_without_effect(
    load: Callable[..., Any],
) -> None:
    loaded = load(EVERY_KEY)
    first = [w for w in loaded.warnings if w.startswith("Accepted without effect")]
    assert len(first) == 1
    for key in (
        "data_processing (line 32)",
        "dataset.gof_test (line 31)",
        "training.model_config",
        "training.epochs",
        "training.num_last_epochs",
        "compilation.keep_libc_files",
    ):
        assert key in first[0]
    assert "training.batch_size" not in first[0]
    training = loaded.config.training
    assert (training.optimizer, training.weight_decay) == ("sgd", 4e-5)
    assert training.training_device == "cuda"


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
