"""Each step against its formula, and the chains of the presets against direct NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError
from tinyml_nas.features import STEPS
from tinyml_nas.features.chain import TI_ARC_LIST, check_chain, resolve_chain
from tinyml_nas.features.signal import Frames, Settings, Shape
from tinyml_nas.features.steps.concat import last_frames

pytestmark = pytest.mark.fast

ARC = ("WINDOWING", "FFT_FE", "NORMALIZE", "FFT_POS_HALF", "ABS", "BINNING", "LOG_DB", "CONCAT")
FFTBIN = ("FFT_FE", "FFT_POS_HALF", "ABS", "DC_REMOVE", "BINNING", "LOG_DB", "CONCAT")
TI_FFTBIN_LIST = ("FFT_FE", "FFT_POS_HALF", "DC_REMOVE", "ABS", "BINNING", "LOG_DB", "CONCAT")
BASE = Settings(
    frame_size=64,
    feature_size=8,
    frame_concat=1,
    frame_skip=1,
    min_bin=1,
    normalize_bin=False,
    bandwidth=1,
    dc_remove=True,
    log_mul=20.0,
    log_base=10.0,
    log_threshold=1e-12,
    stacking="2D1",
)


def random_frames(count: int = 5, channels: int = 2, length: int = 64) -> Frames:
    x = np.random.default_rng(1).normal(2.0, 1.0, size=(count, channels, length))
    return Frames(x, np.arange(count) % 2, np.zeros(count, dtype=np.int64))


def run(names: tuple[str, ...], frames: Frames, settings: Settings) -> np.ndarray:
    _, channels, length = frames.x.shape
    steps = resolve_chain(names, Shape("samples", channels, length), settings, Console(quiet=True))
    for step in steps:
        frames = step.apply(frames, settings)
    final = check_chain(steps, Shape("samples", channels, length), settings)
    assert frames.x.shape[1:] == (final.channels, final.length)
    return frames.x


def test_raw_removes_the_mean_only_if_asked() -> None:
    frames = random_frames()
    assert np.allclose(run(("RAW_FE",), frames, BASE).mean(axis=-1), 0)
    assert np.array_equal(run(("RAW_FE",), frames, replace(BASE, dc_remove=False)), frames.x)


def test_windowing_is_the_symmetric_hann_window() -> None:
    frames = random_frames()
    position = np.arange(64) / 63
    want = frames.x * (0.5 - 0.5 * np.cos(2 * np.pi * position))
    assert np.allclose(run(("WINDOWING",), frames, BASE), want)


def test_a_tone_appears_in_its_bin_alone() -> None:
    tone = np.cos(2 * np.pi * 5 * np.arange(64) / 64)[None, None]
    frames = Frames(tone, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
    spectrum = run(("FFT_FE", "FFT_POS_HALF", "ABS"), frames, BASE)
    assert spectrum.shape[-1] == 33
    assert np.allclose(spectrum[0, 0], 32 * (np.arange(33) == 5), atol=1e-9)


@pytest.mark.parametrize(("bandwidth", "min_bin"), [(1, 1), (2, 1), (2, 9), (4, 3)])
def test_the_arc_chain_is_what_its_formula_says(bandwidth: float, min_bin: int) -> None:
    frames = random_frames()
    settings = replace(
        BASE, bandwidth=bandwidth, min_bin=min_bin, log_mul=10.0, log_base=float(np.e)
    )
    spectrum = np.abs(np.fft.fft(frames.x * np.hanning(64)) / 64)[..., : 32 + min_bin]
    size = int(64 / 2 / 8 / bandwidth)
    sums = np.stack(
        [
            spectrum[..., min_bin + k * size : min_bin + (k + 1) * size].sum(axis=-1)
            for k in range(8)
        ],
        axis=-1,
    )
    assert np.allclose(run(ARC, frames, settings), 10 * np.log(1e-12 + sums), rtol=1e-12)


def test_the_fftbin_chain_counts_bins_after_the_dc_bin_is_gone() -> None:
    frames = random_frames()
    settings = replace(BASE, normalize_bin=True)
    magnitude = np.abs(np.fft.fft(frames.x))[..., 1:33]
    parts = [magnitude[..., 1 + 4 * k : 5 + 4 * k] for k in range(8)]
    assert parts[-1].shape[-1] == 3  # the last band is one bin short, yet divided by four
    want = 20 * np.log10(1e-12 + np.stack([p.sum(axis=-1) / 4 for p in parts], axis=-1))
    got = run(FFTBIN, frames, settings)
    assert np.allclose(got, want, rtol=1e-12)
    assert np.allclose(run(TI_FFTBIN_LIST, frames, settings), want, rtol=1e-12)


def test_the_users_order_is_the_order_of_execution() -> None:
    frames = random_frames()
    late = ("FFT_FE", "FFT_POS_HALF", "ABS", "BINNING", "NORMALIZE", "LOG_DB")
    early = ("NORMALIZE", "FFT_FE", "FFT_POS_HALF", "ABS", "BINNING", "LOG_DB")
    steps = resolve_chain(late, Shape("samples", 2, 64), BASE, Console(quiet=True))
    assert tuple(step.name for step in steps) == late
    assert np.allclose(run(late, frames, BASE), run(early, frames, BASE), rtol=1e-12)
    shifted = ("RAW_FE", "ABS", "LOG_DB")
    folded = ("ABS", "LOG_DB")
    assert not np.allclose(run(shifted, frames, BASE), run(folded, frames, BASE))


def test_concat_joins_frames_of_one_recording_in_time_order() -> None:
    x = np.arange(7.0)[:, None, None] * np.ones((7, 2, 3))
    x[:, 1] += 100
    frames = Frames(x, np.arange(7) // 4, np.array([0, 0, 0, 0, 5, 5, 5]))
    settings = replace(BASE, frame_concat=2)
    joined = STEPS["CONCAT"].apply(frames, settings)
    assert joined.x[:, 0].tolist() == [[a] * 3 + [a + 1] * 3 for a in (0, 1, 2, 4, 5)]
    assert joined.y.tolist() == [0, 0, 0, 1, 1]
    flat = STEPS["CONCAT"].apply(frames, replace(settings, stacking="1D"))
    assert flat.x.shape == (5, 1, 12)
    assert flat.x[0, 0].tolist() == [0] * 3 + [1] * 3 + [100] * 3 + [101] * 3


@pytest.mark.parametrize(
    ("concat", "skip", "want"),
    [(1, 3, [0, 1, 2, 3, 4, 5, 6, 7, 8]), (3, 1, [2, 3, 4, 5, 8]), (3, 3, [2, 5, 8]), (2, 4, [3])],
)
def test_frame_skip_counts_within_the_recording(concat: int, skip: int, want: list[int]) -> None:
    recording = np.array([3] * 6 + [4] * 3)
    assert last_frames(recording, concat, skip).tolist() == want


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("FFT_FE", "WINDOWING", "FFT_POS_HALF", "ABS"), "WINDOWING works on samples"),
        (("LOG_DB", "ABS"), "LOG_DB works on magnitude or bins"),
        (("FFT_FE", "ABS", "FFT_POS_HALF"), "FFT_POS_HALF works on spectrum"),
        (("CONCAT", "RAW_FE"), "RAW_FE works on samples, but gets frames"),
    ],
)
def test_a_senseless_order_names_the_step_and_an_order_that_works(
    names: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        run(names, random_frames(), BASE)
    ordered = sorted(names, key=list(STEPS).index)
    assert caught.value.hint == f"This order works: {', '.join(ordered)}."
    run(tuple(ordered), random_frames(), BASE)


@pytest.mark.parametrize(
    ("names", "settings", "words"),
    [
        (("FFT_FE",), BASE, "ends with complex numbers"),
        (("FFT_FE", "LOG_DB"), BASE, "LOG_DB works on"),
        (("FFTFE",), BASE, "Did you mean FFT_FE"),
        (("ABS", "ABS"), BASE, "ABS twice"),
        (("RAW_FE",), replace(BASE, frame_concat=4), "no CONCAT joins"),
        (("ABS", "BINNING"), replace(BASE, feature_size=None), "how many features"),
        (("ABS", "BINNING"), replace(BASE, feature_size=80), "cannot give 80 bins"),
        (
            ("FFT_FE", "FFT_POS_HALF", "ABS", "DC_REMOVE", "BINNING"),
            replace(BASE, feature_size=32, min_bin=2, bandwidth=1),
            "but there are 33 bins",
        ),
    ],
)
def test_chains_that_cannot_be_run(names: tuple[str, ...], settings: Settings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run(names, random_frames(), settings)


def test_the_arc_list_of_ti_runs_in_its_standard_order(capsys: pytest.CaptureFixture[str]) -> None:
    frames = random_frames()
    assert np.array_equal(run(TI_ARC_LIST, frames, BASE), run(ARC, frames, BASE))
    assert capsys.readouterr().err.count("warning") == 1
    run(ARC, frames, BASE)
    assert "warning" not in capsys.readouterr().err


def test_every_step_says_what_it_does() -> None:
    assert all(step.name == name and step.description.endswith(".") for name, step in STEPS.items())
