"""wav files of every kind, whole and broken, and what becomes of them as clips."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.data.sounds import encode, tone, write_words
from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.data import DataSplits, prepare_data
from tinyml_nas.data.readers.folders import read_layout
from tinyml_nas.data.readers.wav import read_clip, read_wav, resample
from tinyml_nas.errors import DataError
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast
RATE = 8000


def config(folder: Path, task: str = "audio_classification", **processing: Any) -> Config:
    duration = {"audio_duration_ms": 100} if task.startswith("audio") else {}
    content = {
        "common": {"task_type": task},
        "dataset": {"input_data_path": "set"},
        "data_processing_feature_extraction": {"sampling_rate": RATE, **duration, **processing},
        "training": {"model_name": "CLS_1k"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path).config


def clip(data: bytes, folder: Path, **processing: Any) -> np.ndarray:
    processing_keys = config(folder, **processing).data_processing_feature_extraction
    table = read_clip(data, "a.wav", processing_keys)
    return table.read([*range(table.width)])


@pytest.mark.parametrize(
    ("kind", "step"), [("u8", 256), ("i16", 1), ("i24", 1 / 256), ("i32", 2**-16), ("f32", 0)]
)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("extensible", [False, True])
def test_every_kind_gives_the_same_counts(
    kind: str, step: float, channels: int, extensible: bool
) -> None:
    wanted = np.random.default_rng(0).integers(-30_000, 30_000, (50, channels)).astype(np.float64)
    data = encode(wanted, RATE, kind, extensible=extensible)
    layout, samples = read_wav(data, "a.wav")
    assert (layout.channels, layout.rate) == (channels, RATE)
    assert np.abs(samples - wanted).max() <= step / 2 + 0.01


def test_other_chunks_are_passed_over() -> None:
    data = encode(tone(20), RATE)
    note = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # odd sizes are padded
    assert np.array_equal(
        read_wav(data[:12] + note + data[12:], "a.wav")[1], read_wav(data, "a.wav")[1]
    )


def test_a_short_clip_lies_in_the_middle_and_a_long_one_is_cut(tmp_path: Path) -> None:
    short, long = tone(301), tone(2000)
    got = clip(encode(short, RATE), tmp_path)
    assert got.shape == (800, 1)
    assert np.array_equal(got[249:550], short)
    assert not got[:249].any()
    assert not got[550:].any()
    assert np.array_equal(clip(encode(long, RATE), tmp_path), long[:800])


def test_stereo_is_averaged_unless_mono_is_off(tmp_path: Path) -> None:
    both = np.hstack([tone(800), 2 * tone(800)])
    averaged = clip(encode(both, RATE), tmp_path)
    assert np.array_equal(averaged, np.rint(both.mean(axis=1, keepdims=True)))
    assert np.array_equal(clip(encode(both, RATE), tmp_path, mono=False), both)


def test_normalized_clips_reach_full_scale(tmp_path: Path) -> None:
    assert np.abs(clip(encode(tone(800), RATE), tmp_path, normalize_audio=True)).max() == 32767
    silence = clip(encode(np.zeros((800, 1)), RATE), tmp_path, normalize_audio=True)
    assert not silence.any()


@pytest.mark.parametrize("rates", [(16000, 44100), (16000, 8000), (8000, 48000), (8000, 8001)])
def test_resampling_is_that_of_scipy(rates: tuple[int, int]) -> None:
    import scipy.signal  # takes a second, which other processes need not spend

    x = np.random.default_rng(1).normal(0, 1e4, (500, 2))
    assert np.allclose(resample(x, *rates), scipy.signal.resample_poly(x, *rates, axis=0))


def test_another_rate_is_refused_or_resampled(tmp_path: Path) -> None:
    data = encode(tone(1600), 2 * RATE)
    with pytest.raises(DataError, match=r"a\.wav has 16000 .* sampling_rate is 8000") as refused:
        clip(data, tmp_path)
    assert "sampling_rate to 16000" in (refused.value.hint or "")
    got = clip(data, tmp_path, data_proc_transforms=["Resample"])
    assert np.array_equal(got, np.rint(resample(tone(1600), RATE, 2 * RATE)))


WHOLE = encode(tone(100), RATE)
BROKEN = {
    "": "no wav file",
    "bytes of something else": "no wav file",
    "header": "cut off in its header",
    "no samples yet": r"without the chunk of its samples \(data\)",
    "samples": "cut off: 200 bytes of samples are stated, 150 are there",
    "none": "holds no samples",
    "format": "in format 85 with 16 bits",
    "bits": "in format 1 with 12 bits",
    "order": r"without the chunk of its format \(fmt\)",
    "nan": "not finite",
}


def broken(what: str) -> bytes:
    fmt, samples = WHOLE[12:36], WHOLE[36:]
    return {
        "": b"",
        "bytes of something else": b"ID3" + bytes(range(200)),
        "header": WHOLE[:30],
        "no samples yet": WHOLE[:36],
        "samples": WHOLE[:-50],
        "none": encode(np.zeros((0, 1)), RATE),
        "format": WHOLE[:20] + struct.pack("<H", 85) + WHOLE[22:],
        "bits": WHOLE[:34] + struct.pack("<H", 12) + WHOLE[36:],
        "order": WHOLE[:12] + samples + fmt,
        "nan": encode(np.full((9, 1), np.nan), RATE, "f32"),
    }[what]


@pytest.mark.parametrize("what", BROKEN)
def test_broken_files_are_named_with_what_is_wrong(what: str) -> None:
    with pytest.raises(DataError, match=rf"a\.wav .*{BROKEN[what]}") as error:
        read_wav(broken(what), "a.wav")
    assert error.value.hint


def test_broken_files_of_a_folder_are_all_reported(tmp_path: Path) -> None:
    write_words(tmp_path, RATE)
    (tmp_path / "set/classes/low/broken.wav").write_bytes(broken("samples"))
    (tmp_path / "set/classes/high/fast.wav").write_bytes(encode(tone(80), 2 * RATE))
    with pytest.raises(DataError, match=r"(?s)2 problems.*fast\.wav.*broken\.wav"):
        read_layout(tmp_path / "set", config(tmp_path))


def test_a_folder_of_words_becomes_frames_of_clips(tmp_path: Path) -> None:
    write_words(tmp_path, RATE)
    splits = prepare_data(config(tmp_path), Console(quiet=True))
    assert splits.class_names == ("high", "low")
    assert splits.hop == 160
    assert splits.train.x.shape[1:] == (1, 240)
    per_recording = np.bincount(splits.train.recording)
    assert set(per_recording[per_recording > 0]) == {4}  # (800 - 240) // 160 + 1
    assert np.abs(splits.train.x).max() < 1  # full scale is 1


def test_a_signal_that_is_no_sound_keeps_its_channels_and_length(tmp_path: Path) -> None:
    both = np.hstack([tone(300), tone(300)])
    keys = {"task": "motor_fault", "variables": 2}
    assert np.array_equal(clip(encode(both, RATE), tmp_path, **keys), both)


def test_training_clips_are_heard_at_other_speeds_too(tmp_path: Path) -> None:
    for number, file in enumerate(sorted(write_words(tmp_path, RATE).rglob("*.wav"))):
        file.write_bytes(encode(tone(700 + number, 1000, RATE, 5000), RATE))
    plain = prepare_data(config(tmp_path), Console(quiet=True))
    other = prepare_data(config(tmp_path, speeds=[0.8, 1.25]), Console(quiet=True))
    assert len(other.train) == 3 * len(plain.train)
    assert np.array_equal(other.train.x[: len(plain.train)], plain.train.x)
    assert np.array_equal(np.unique(other.train.group), np.unique(plain.train.group))
    for side in ("validation", "test"):
        assert np.array_equal(other.side(side).x, plain.side(side).x)
        assert np.array_equal(other.side(side).group, plain.side(side).group)
    counts = other.train.x * 32768
    assert np.array_equal(counts, np.rint(counts))
    slow, fast = (_hertz(other, number) for number in (1, 2))
    assert slow == pytest.approx(0.8 * _hertz(other, 0), rel=0.02)
    assert fast == pytest.approx(1.25 * _hertz(other, 0), rel=0.02)


def _hertz(splits: DataSplits, copy: int) -> float:
    """Pitch of the second window of the first training clip, in its ``copy``."""
    window = splits.train.x[copy * len(splits.train) // 3 + 1, 0]
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window)), 1 << 13))
    return float(spectrum.argmax() * RATE / (1 << 13))
