"""The keys of sound resolve to a chain, its frames and their joining; written keys win."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tinyml_nas.config.presets.audio import CHAINS

pytestmark = pytest.mark.fast
CLIPS = """\
common:
  task_type: audio_classification
dataset:
  input_data_path: .
data_processing_feature_extraction:
  n_mels: 40
training:
  model_name: KWS_8k
"""


def resolved(load: Callable[..., Any], *keys: str, text: str = CLIPS) -> Any:
    prefix = "data_processing_feature_extraction."
    return load(text, *(prefix + key for key in keys)).config.data_processing_feature_extraction


def test_a_second_at_16_khz_is_49_frames_of_480_samples(load: Callable[..., Any]) -> None:
    got = resolved(load)
    assert got.audio_feature == "MFCC"
    assert got.feat_ext_transform == CHAINS["MFCC"]
    assert (got.sampling_rate, got.frame_size, got.num_frame_concat) == (16_000, 480, 49)
    assert int(got.stride_size * got.frame_size + 0.5) == 320
    assert (got.stacking, got.scale, got.n_mfcc) == ("2D1", 32768, 10)


def test_the_preset_of_speech_commands_is_these_defaults(load: Callable[..., Any]) -> None:
    loaded = load(
        CLIPS.replace("n_mels: 40", "feature_extraction_name: GoogleSpeechCommands_MFCC_Default")
    )
    got = loaded.config.data_processing_feature_extraction
    assert got.normalize_audio
    assert any("must bring its samples to that level" in text for text in loaded.warnings)
    names = {"feature_extraction_name", "normalize_audio"}
    assert got.model_dump(exclude=names) == resolved(load).model_dump(exclude=names)
    again = load(loaded.resolved_yaml())
    assert again.config == loaded.config


@pytest.mark.parametrize(
    ("keys", "frame", "hop", "frames"),
    [
        (("sampling_rate=8000",), 240, 160, 49),
        (("sampling_rate=16000", "new_sr=8000", "data_proc_transforms=[Downsample]"), 240, 160, 49),
        (("frame_length_ms=32", "frame_step_ms=16"), 512, 256, 61),
        (("audio_duration_ms=500",), 480, 320, 24),
        (("audio_feature=LOG_MEL",), 480, 320, 49),
        (("audio_feature=RAW", "audio_duration_ms=100"), 1600, 1600, 1),
        (("frame_size=256",), 256, 171, 49),
    ],
)
def test_milliseconds_become_samples(
    load: Callable[..., Any], keys: tuple[str, ...], frame: int, hop: int, frames: int
) -> None:
    got = resolved(load, *keys)
    assert got.frame_size == frame
    assert int(got.stride_size * got.frame_size + 0.5) == hop
    assert got.num_frame_concat == frames


def test_a_written_chain_wins(load: Callable[..., Any]) -> None:
    chain = "feat_ext_transform=[WINDOWING,ZERO_PAD,FFT_FE,FFT_POS_HALF,ABS,MEL,LOG_DB,CONCAT]"
    assert "DCT" not in resolved(load, chain).feat_ext_transform


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("frame_step_ms=31", "frame_step_ms 31 is longer than frame_length_ms 30"),
        ("audio_duration_ms=20", "frame_length_ms 30 is longer than audio_duration_ms 20"),
        ("audio_feature=LPC", "'LPC' is not one of MFCC, LOG_MEL, RAW"),
    ],
)
def test_frames_that_do_not_fit_are_refused(
    errors: Callable[..., Any], key: str, message: str
) -> None:
    (found,) = errors(CLIPS, f"data_processing_feature_extraction.{key}")
    assert message in found


def test_keys_of_sound_elsewhere_are_said_to_have_no_effect(
    load: Callable[..., Any], minimal: str
) -> None:
    loaded = load(minimal, "data_processing_feature_extraction.n_mels=20")
    (warning,) = loaded.warnings
    assert warning.endswith("n_mels (--set). It needs common.target_module: audio.")
    assert loaded.config.data_processing_feature_extraction.feat_ext_transform == ()


def test_the_module_alone_makes_it_sound(load: Callable[..., Any]) -> None:
    text = CLIPS.replace(
        "audio_classification", "generic_timeseries_classification\n  target_module: audio"
    ).replace("KWS_8k", "CLS_4k")
    assert resolved(load, text=text) == resolved(load)
