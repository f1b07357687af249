"""The features stage as a whole: presets by name, joined frames, the normalization."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tinyml_nas.config.presets.features import FEATURE_PRESETS
from tinyml_nas.console import Console
from tinyml_nas.data import DataSplits, WindowSet, prepare_data
from tinyml_nas.errors import ConfigError, DataError
from tinyml_nas.features import FeatureSet, extract_features
from tinyml_nas.features.chain import channel_names, check_chain, resolve_chain
from tinyml_nas.features.extract import BLOCK, fit_normalization
from tinyml_nas.features.integer.frontend import lower_chain
from tinyml_nas.features.signal import Shape, settings_of
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast
QUIET = Console(quiet=True)


def extract(folder: Path, samples: int, channels: int, **processing: Any) -> FeatureSet:
    """Features of twelve random recordings of two classes."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(12, samples, channels)) + np.arange(channels)
    np.savez(folder / "set.npz", X=x, y=np.arange(12) % 2)
    return extract_from(folder, **processing)


def extract_from(
    folder: Path,
    *,
    compilation: dict[str, Any] | None = None,
    console: Console = QUIET,
    **processing: Any,
) -> FeatureSet:
    content = {
        "common": {"task_type": "generic_timeseries_classification"},
        "dataset": {"input_data_path": "set.npz"},
        "data_processing_feature_extraction": processing,
        "training": {"model_name": "CLS_1k"},
        "compilation": compilation or {},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    config = load_config(folder / "config.yaml").config
    return extract_features(prepare_data(config, QUIET), config, console)


@pytest.mark.parametrize(
    ("preset", "samples", "channels", "shape"),
    [
        ("FFT1024Input_256Feature_1Frame_Full_Bandwidth", 1024, 1, (1, 256)),
        ("FFT1024Input_256Feature_1Frame_Half_Bandwidth", 1024, 1, (1, 256)),
        ("FFT1024Input_64Feature_4Frame_Half_Bandwidth", 4096, 1, (1, 256)),
        ("FFT1024Input_32Feature_8Frame_Quarter_Bandwidth", 8192, 1, (1, 256)),
        ("Generic_256Input_FFTBIN_16Feature_8Frame", 2048, 1, (1, 128)),
        ("Generic_32Input_FFTBIN_4Feature_8Frame", 256, 1, (1, 32)),
        ("Input256_FFTBIN_16Feature_8Frame_3InputChannel_removeDC_1D", 2048, 3, (1, 384)),
        ("Input256_FFTBIN_16Feature_8Frame_3InputChannel_removeDC_2D1", 2048, 3, (3, 128)),
        ("Input256_FFT_128Feature_1Frame_3InputChannel_removeDC_2D1", 256, 3, (3, 128)),
        ("Generic_512Input_FFT_256Feature_1Frame", 512, 1, (1, 256)),
        ("Generic_128Input_RAW_128Feature_1Frame", 128, 1, (1, 128)),
        ("Generic_8Input_ABS_8Feature_1Frame", 8, 11, (11, 8)),
    ],
)
def test_presets_give_the_documented_shapes(
    tmp_path: Path, preset: str, samples: int, channels: int, shape: tuple[int, int]
) -> None:
    features = extract(tmp_path, samples, channels, feature_extraction_name=preset)
    assert features.train.x.shape[1:] == shape
    assert features.train.x.dtype == np.float32
    assert features.normalization.mean.shape == (shape[0],)
    assert len(features.channel_names) == shape[0]


def test_joined_frames_stay_within_recording_and_side(tmp_path: Path) -> None:
    x = np.repeat(np.arange(12.0), 64).reshape(12, 64, 1)
    x += np.arange(64)[None, :, None] / 1000
    np.savez(tmp_path / "set.npz", X=x, y=np.arange(12) % 2)
    keys = {"frame_size": 8, "num_frame_concat": 3, "feat_ext_transform": ["CONCAT"]}
    features = extract_from(tmp_path, **keys)
    for side in (features.train, features.validation, features.test):
        values = side.x[:, 0]
        assert (np.floor(values).max(axis=1) == np.floor(values).min(axis=1)).all()
        assert np.allclose(np.diff(values, axis=1), 0.001, atol=1e-4)
        assert len(side) == 6 * len(np.unique(np.floor(values)))


def test_the_normalization_knows_the_training_side_only(tmp_path: Path) -> None:
    features = extract(tmp_path, 64, 2, variables=2, frame_size=16)
    wide = features.train.x.astype(np.float64)
    assert np.allclose(features.normalization.mean, wide.mean(axis=(0, 2)), atol=1e-6)
    assert np.allclose(features.normalization.std, wide.std(axis=(0, 2)), atol=1e-6)
    everything = np.concatenate([wide, features.test.x, features.validation.x])
    assert not np.allclose(features.normalization.mean, everything.mean(axis=(0, 2)), atol=1e-6)


def test_a_constant_channel_gets_the_deviation_one() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2, 9)).astype(np.float32)
    x[:, 1] = 9.81
    normalization = fit_normalization(x)
    assert normalization.std[1] == 1
    assert normalization.std[0] == pytest.approx(1, abs=0.1)
    assert normalization.mean.dtype == normalization.std.dtype == np.float32


def test_blocks_do_not_change_the_features(tmp_path: Path) -> None:
    extract(tmp_path, 16, 1, frame_size=16)  # writes the configuration
    text = (tmp_path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(
        text.replace("frame_size: 16", "frame_size: 16\n  feat_ext_transform: [FFT_FE, ABS]")
    )
    config = load_config(tmp_path / "config.yaml").config
    count = BLOCK + 3
    x = np.random.default_rng(5).normal(size=(count, 1, 16)).astype(np.float32)
    index = np.arange(count)
    many = WindowSet(x, index % 2, index, np.zeros(count, dtype=np.int64), index)
    few = WindowSet(x[-4:], index[-4:] % 2, index[-4:], np.zeros(4, dtype=np.int64), index[-4:])
    features = extract_features(DataSplits(many, few, few, ("a", "b"), ("c",), 1), config, QUIET)
    assert np.array_equal(features.train.x[-4:], features.test.x)
    want = np.abs(np.fft.fft(x.astype(np.float64)))
    assert np.allclose(features.train.x, want, rtol=1e-5, atol=1e-5)


def test_what_choices_see_travels_to_workers_and_has_no_test_side(tmp_path: Path) -> None:
    features = extract(tmp_path, 64, 1, frame_size=16, feat_ext_transform=["FFT_FE", "ABS"])
    assert features.fixed is not None  # it holds functions without a name
    assert pickle.dumps(features.for_choices())
    assert not len(features.for_choices().test)


def test_too_few_frames_to_join(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="takes 192 samples"):
        extract(tmp_path, 64, 1, frame_size=16, num_frame_concat=12, feat_ext_transform=["CONCAT"])
    keys = {"num_frame_concat": 2, "frame_skip": 9, "feat_ext_transform": ["CONCAT"]}
    with pytest.raises(DataError, match="left after joining"):
        extract(tmp_path, 64, 1, frame_size=16, **keys)


class TestIntegerForm:
    def test_it_follows_the_chain(self, tmp_path: Path) -> None:
        preset = "Generic_256Input_FFTBIN_16Feature_8Frame"
        chain = extract(tmp_path, 2048, 1, feature_extraction_name=preset).fixed
        assert chain is not None
        kernels = [operation.kernel for operation in chain.operations]
        assert kernels == ["real_fft", "magnitude", "drop_first", "bin_sums", "log2_q15"]
        assert (chain.frame_length, chain.hop, chain.joined, chain.left.length) == (256, 256, 8, 16)

    def test_other_frame_lengths_are_said_and_train(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        np.savez(
            tmp_path / "set.npz",
            X=np.random.default_rng(0).normal(size=(12, 300, 1)),
            y=np.arange(12) % 2,
        )
        chain = ["FFT_FE", "FFT_POS_HALF", "ABS"]
        features = extract_from(
            tmp_path, feat_ext_transform=chain, frame_size=300, console=Console()
        )
        assert features.fixed is None
        assert features.train.x.shape[2] == 151
        shown = capsys.readouterr()
        assert "start at the features" in shown.out + shown.err

    def test_counts_are_those_of_the_recordings(self, tmp_path: Path) -> None:
        x = np.random.default_rng(0).integers(-2000, 2000, (12, 64, 2))
        np.savez(tmp_path / "set.npz", X=x, y=np.arange(12) % 2)
        chain = extract_from(tmp_path, variables=2, scale=4096.0).fixed
        assert chain is not None
        assert chain.lsb.tolist() == [1 / 4096, 1 / 4096]

    def test_written_counts_win(self, tmp_path: Path) -> None:
        extract(tmp_path, 64, 2)
        chain = extract_from(tmp_path, variables=2, compilation={"sample_lsb": [0.5, 0.25]}).fixed
        assert chain is not None
        assert chain.lsb.tolist() == [0.5, 0.25]

    def test_counts_for_other_variables_are_refused(self, tmp_path: Path) -> None:
        extract(tmp_path, 64, 2)
        with pytest.raises(ConfigError, match="3 values for 2 variables"):
            extract_from(tmp_path, variables=2, compilation={"sample_lsb": [1, 2, 3]})


def test_fractions_where_counts_are_wanted_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (12, 64, 1))
    np.savez(tmp_path / "set.npz", X=x, y=np.arange(12) % 2)
    chain = ["FFT_Q15", "Q15_MAG"]
    extract_from(tmp_path, frame_size=64, feat_ext_transform=chain, console=Console())
    assert "put TO_Q15 before it" in capsys.readouterr().err
    extract_from(tmp_path, frame_size=64, feat_ext_transform=["TO_Q15", *chain], console=Console())
    assert "TO_Q15" not in capsys.readouterr().err


class TestTrainingFrames:
    """What only changes the frames that are trained on."""

    def test_gains_vary_within_their_range_on_the_training_side_alone(self, tmp_path: Path) -> None:
        x = np.random.default_rng(3).uniform(50, 150, (40, 64, 2))
        np.savez(tmp_path / "set.npz", X=x, y=np.arange(40) % 2)
        keys = {"variables": 2, "frame_size": 16}
        plain = extract_from(tmp_path, **keys)
        varied = extract_from(tmp_path, gain_variations="{'1': (0.5, 2.0)}", **keys)
        gains = varied.train.x / plain.train.x
        assert np.allclose(gains, gains[:, :1, :1])
        assert (gains[plain.train.y == 0] == 1).all()
        drawn = gains[plain.train.y == 1, 0, 0]
        assert len(np.unique(drawn)) > 20
        assert drawn.min() >= 0.5
        assert drawn.max() <= 2
        assert np.ptp(drawn) > 1
        for side in ("validation", "test"):
            assert np.array_equal(getattr(plain, side).x, getattr(varied, side).x)
        again = extract_from(tmp_path, gain_variations={"1": [0.5, 2.0]}, **keys)
        assert np.array_equal(again.train.x, varied.train.x)

    def test_a_gain_for_no_class_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="'arc', which is no class"):
            extract(tmp_path, 64, 1, gain_variations={"arc": [0.9, 1.1]})

    def test_offset_adds_frames_to_the_training_side_and_joins_none_across(
        self, tmp_path: Path
    ) -> None:
        x = np.arange(12)[:, None, None] * 100.0 + np.arange(64)[None, :, None]
        np.savez(tmp_path / "set.npz", X=x, y=np.arange(12) % 2)
        keys = {"frame_size": 8, "num_frame_concat": 3, "feat_ext_transform": ["CONCAT"]}
        plain = extract_from(tmp_path, **keys)
        more = extract_from(tmp_path, **keys, offset=4)
        recordings = len(np.unique(plain.train.group))
        # 8 frames from sample 0 and 7 from sample 4 on, of which 6 and 5 end an input
        assert (len(plain.train), len(more.train)) == (6 * recordings, 11 * recordings)
        assert (np.diff(more.train.x[:, 0], axis=1) == 1).all()
        starts = more.train.x[:, 0, 0] % 100
        assert set(starts.astype(int)) == set(range(0, 41, 4))
        for side in ("validation", "test"):
            assert np.array_equal(getattr(plain, side).x, getattr(more, side).x)


PRESET_SHAPES = {
    "GoogleSpeechCommands_MFCC_Default": (10, 49),
    "FFT256Input_FE_RFFT_16Feature_8Frame_removeDC_Full_Bandwidth": (1, 128),
    "FFT1024Input_256Feature_1Frame_Full_Bandwidth": (1, 256),
    "FFT1024Input_256Feature_1Frame_Half_Bandwidth": (1, 256),
    "FFT1024Input_64Feature_4Frame_Half_Bandwidth": (1, 256),
    "FFT1024Input_32Feature_8Frame_Quarter_Bandwidth": (1, 256),
    "ECG2500Input_Roundoff_1Frame": (1, 2500),
    "HandGesture256Input_RangeNormalize_1Frame": (3, 256),
    "ArcFault_1024Input_256Feature_1Frame_Full_Bandwidth": (1, 256),
    "ArcFault_1024Input_256Feature_1Frame_Half_Bandwidth": (1, 256),
    "ArcFault_1024Input_64Feature_4Frame_Half_Bandwidth": (1, 256),
    "ArcFault_1024Input_32Feature_8Frame_Quarter_Bandwidth": (1, 256),
    "ArcFault_1024Input_FE_RFFT_128Feature_8Frame_1InputChannel_removeDC_Full_Bandwidth": (1, 1024),
    "ArcFault_512Input_FE_RFFT_32Feature_8Frame_1InputChannel_removeDC_Full_Bandwidth": (1, 256),
    "Input256_FFTBIN_16Feature_8Frame_3InputChannel_removeDC_1D": (1, 384),
    "Input256_FFTBIN_16Feature_8Frame_3InputChannel_removeDC_2D1": (3, 128),
    "Input256_FFT_128Feature_1Frame_3InputChannel_removeDC_2D1": (3, 128),
    "Input128_RAW_128Feature_1Frame_3InputChannel_removeDC_2D1": (3, 128),
    "MotorFault_256Input_FE_RFFT_16Feature_8Frame_3InputChannel_removeDC_1D": (1, 384),
    "MotorFault_256Input_FE_RFFT_16Feature_8Frame_3InputChannel_removeDC_2D1": (3, 128),
    "MotorFault_128Input_RAW_128Feature_1Frame_3InputChannel_removeDC_2D1": (3, 128),
    "Generic_1024Input_FFTBIN_64Feature_8Frame": (1, 512),
    "Generic_512Input_FFTBIN_32Feature_8Frame": (1, 256),
    "Generic_256Input_FFTBIN_16Feature_8Frame": (1, 128),
    "Generic_32Input_FFTBIN_4Feature_8Frame": (1, 32),
    "Generic_1024Input_FFT_512Feature_1Frame": (1, 512),
    "Generic_512Input_FFT_256Feature_1Frame": (1, 256),
    "Generic_256Input_FFT_128Feature_1Frame": (1, 128),
    "Generic_512Input_RAW_512Feature_1Frame": (1, 512),
    "Generic_256Input_RAW_256Feature_1Frame": (1, 256),
    "Generic_128Input_RAW_128Feature_1Frame": (1, 128),
    "Generic_8Input_ABS_8Feature_1Frame": (11, 8),
    # statistics in 25 channels, 25 windows along time
    "PIRDetection_125Input_25Feature_25Frame_1InputChannel_2D": (25, 25),
    "PIRDetection_125Input_25Feature_25Frame_1InputChannel_2D_FixedPoint": (25, 25),
    "FallDetection_256Input_FE_RFFT_8Feature_8Frame_3InputChannel_removeDC_2D1": (3, 64),
}
"""Channels and length of a model input, as TI's tools make them."""
CUSTOM_SHAPES = {
    "Custom_Default": ("frame_size: 64", (1, 64)),
    "Custom_MotorFault": ("frame_size: 64", (3, 64)),
    "Custom_ArcFault": ("frame_size: 64\n  feature_size_per_frame: 8", (1, 8)),
    "Custom_Default_MSPM0": ("frame_size: 64\n  feature_size_per_frame: 8", (1, 8)),
    "Custom_MotorFault_MSPM0": ("frame_size: 64\n  feature_size_per_frame: 8", (3, 8)),
    "Custom_ArcFault_MSPM0": ("frame_size: 64\n  feature_size_per_frame: 8", (1, 8)),
}
"""What the user adds to a preset that leaves the frame to him, and what that gives."""


def test_the_table_has_every_preset() -> None:
    assert PRESET_SHAPES.keys() | CUSTOM_SHAPES.keys() == FEATURE_PRESETS.keys()


@pytest.mark.parametrize("name", FEATURE_PRESETS)
def test_every_preset_gives_inputs_of_its_shape(tmp_path: Path, name: str) -> None:
    more, wanted = CUSTOM_SHAPES.get(name, ("min_bin: 1", PRESET_SHAPES.get(name)))
    if "Half" in name:
        more = "frame_skip: 1"
    (tmp_path / "config.yaml").write_text(
        "common: {task_type: generic_timeseries_classification}\n"
        "dataset: {generator: arc_fault}\n"
        f"data_processing_feature_extraction:\n  feature_extraction_name: {name}\n  {more}\n"
        "training: {model_name: CLS_1k}\n"
    )
    config = load_config(tmp_path / "config.yaml").config
    processing = config.data_processing_feature_extraction
    settings = settings_of(config, processing.frame_size)
    samples = Shape("samples", processing.variables, processing.frame_size)
    steps = resolve_chain(processing.feat_ext_transform, samples, settings, QUIET)
    left = check_chain(steps, samples, settings)
    assert (left.channels, left.length) == wanted
    names = tuple(f"v{i}" for i in range(samples.channels))
    assert len(channel_names(steps, names, samples, settings)) == left.channels
    chain = lower_chain(steps, settings, np.ones(samples.channels), samples.length, samples.length)
    stacked = samples.channels if chain.stacked else 1
    assert chain.left.length * chain.joined * stacked == left.length
    assert samples.channels * chain.left.parts == left.channels * stacked
