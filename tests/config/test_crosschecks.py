"""Keys that need, contradict or silence each other, in one section or in two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

BASE = """\
common: {{task_type: arc_fault}}
dataset: {{{dataset}}}
data_processing_feature_extraction: {{{features}}}
training: {{{training}}}
compilation: {{{compilation}}}
"""


def text(
    dataset: str = "generator: arc_fault",
    features: str = "frame_size: 64",
    training: str = "model_name: CLS_1k",
    compilation: str = "enable: true",
) -> str:
    return BASE.format(
        dataset=dataset, features=features, training=training, compilation=compilation
    )


@pytest.mark.parametrize(
    ("section", "content", "words", "notes"),
    [
        ("dataset", "split_type: by_group, generator: arc_fault", "needs group_by", 0),
        ("dataset", "split_type: by_group", "needs group_by", 0),
        ("dataset", "generator: arc_fault, input_data_path: x.zip", "exclude each other", 1),
        ("dataset", "dataset_name: x", "nothing to learn from", 0),
        (
            "dataset",
            "generator: arc_fault, split_type: within_files, annotation_prefix: x",
            "whole files",
            1,
        ),
        (
            "dataset",
            "generator: arc_fault, split_type: by_group, group_by: (x), "
            "split_groups: {train: [1, 2], test: [2]}",
            "is in train and in test",
            0,
        ),
        ("dataset", "generator: arc_fault, group_by: '(x'", "not a regular expression", 0),
        ("features", "data_proc_transforms: [SimpleWindow]", "needs a frame_size", 1),
        ("features", "feat_ext_transform: [FFT_FE, ABS]", "needs a frame_size", 0),
        (
            "features",
            "frame_size: 64, data_proc_transforms: [Downsample], sampling_rate: 10, new_sr: 50",
            "cannot go from 10 Hz up to 50 Hz",
            1,
        ),
        (
            "features",
            "frame_size: 64, feat_ext_transform: [FFT_FE]",
            "ends with complex numbers",
            0,
        ),
        (
            "features",
            "frame_size: 100, feat_ext_transform: [FFT_Q15, Q15_MAG]",
            "128 ... 8192 samples, not 100",
            1,
        ),
        (
            "features",
            "frame_size: 64, feat_ext_transform: [FFT_Q15]",
            "ends with complex numbers",
            0,
        ),
        (
            "features",
            "frame_size: 64, feat_ext_transform: [DC_REMOVE]",
            "but gets samples here",
            0,
        ),
        (
            "features",
            "frame_size: 64, feat_ext_transform: [FFT_FE, ABS, BINNING]",
            "needs to know how many features",
            0,
        ),
        (
            "features",
            "frame_size: 64, feature_size_per_frame: 5, feat_ext_transform: [FFT_FE, ABS, BINNING]",
            "5 features do not divide the 32 bins",
            2,
        ),
        ("training", "batch_size: 4", "model_name is missing", 0),
        (
            "training",
            "nas_enabled: true, nas_search_strategy: darts, nas_nodes_per_layer: 2",
            "2 nodes cannot concatenate 4",
            1,
        ),
        (
            "training",
            "model_name: CLS_1k, quantization_method: PTQ, qat_epochs: 3",
            "contradicts quantization_method: PTQ",
            1,
        ),
        ("training", "model_name: CLS_1k, augmentation: {rotation: 5}", "needs rotation_groups", 0),
        (
            "training",
            "model_name: CLS_1k, augmentation: {rotation: 5, rotation_groups: [[0, 1, 2]]}",
            "channel 2 does not exist",
            0,
        ),
    ],
)
def test_contradictions_are_errors(
    errors: Callable[..., Any], section: str, content: str, words: str, notes: int
) -> None:
    found = [line for line in errors(text(**{section: content})) if words in line]
    assert found, errors(text(**{section: content}))
    related = found[0].rsplit("| ", 1)[1]
    assert len([place for place in related.split("; ") if place]) == notes


@pytest.mark.parametrize(
    ("section", "content", "words"),
    [
        ("training", "model_name: CLS_1k, nas_epochs: 3", "It needs training.nas_enabled: true."),
        (
            "training",
            "model_name: CLS_1k, quantization: 0, qat_epochs: 3",
            "needs training.quantization: 1 or 2",
        ),
        ("training", "model_name: CLS_1k, quantization_activation_bitwidth: 4", "have 8 bits"),
        (
            "training",
            "model_name: CLS_1k, quantization_weight_bitwidth: 4, auto_quantization: true",
            "It needs weights whose bits quantization_weight_bitwidth does not fix.",
        ),
        (
            "dataset",
            "input_data_path: 'https://example.org/a.zip'",
            "is not here yet; put it beside",
        ),
        ("dataset", "input_data_path: nowhere.zip", "there is no 'nowhere.zip'"),
        (
            "dataset",
            "generator: arc_fault, group_by: (x)",
            "Not read: dataset.group_by (line 2). It needs dataset.split_type: by_group.",
        ),
        (
            "features",
            "frame_size: 64, fft_size: 64",
            "feat_ext_transform: ENT_FE, DOM_FE, PIR_FE or PIR_FE_Q15.",
        ),
        ("features", "frame_size: 64, resampling_factor: 2", "feat_ext_transform: FE_DECIMATE."),
        ("compilation", "vote_share: 0.6", "It needs several compilation.vote_windows."),
        (
            "features",
            "feature_extraction_name: Input128_RAW_128Feature_1Frame_3InputChannel_removeDC_2D1, "
            "variables: 2",
            "made for 3 variables; the 2 that are written win (line 3)",
        ),
    ],
)
def test_what_has_no_effect_is_said(
    load: Callable[..., Any], section: str, content: str, words: str
) -> None:
    (warning,) = load(text(**{section: content})).warnings
    assert words in warning


def test_the_home_folder_is_looked_into(
    load: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "set.zip").touch()
    assert load(text(dataset="input_data_path: ~/set.zip")).warnings == []
    (warning,) = load(text(dataset="input_data_path: ~nobody-of-that-name/set.zip")).warnings
    assert "there is no '~nobody-of-that-name/set.zip'" in warning


def test_an_unknown_preset_is_told_where_they_are_listed(errors: Callable[..., Any]) -> None:
    (found,) = errors(text(features="feature_extraction_name: qqqq"))
    assert "`info presets` lists the presets" in found


def test_no_gpus_means_the_cpu(load: Callable[..., Any]) -> None:
    training = load(text(training="model_name: CLS_1k, num_gpus: 0")).config.training
    assert training.training_device == "cpu"
    assert load(text()).config.training.training_device == "auto"


def test_a_wrong_key_is_reported_once(errors: Callable[..., Any]) -> None:
    (found,) = errors(text(features="frame_size: x, data_proc_transforms: [SimpleWindow]"))
    assert "not a whole number" in found


def test_a_regression_by_the_last_column_has_frames(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "common: {task_type: generic_timeseries_regression}\n"
        "dataset: {input_data_path: data}\n"
        "data_processing_feature_extraction:\n"
        "  {data_proc_transforms: [SimpleWindow], frame_size: 64, variables: [ax, ay],\n"
        "   feat_ext_transform: [FFT_FE, FFT_POS_HALF, ABS]}\n"
        "training: {model_name: REGR_4k}\n",
        encoding="utf-8",
    )
    load_config(tmp_path / "config.yaml")
