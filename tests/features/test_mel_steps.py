"""Mel bands and cepstral coefficients: against their definitions, and the integers against both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.fft

from tests.export.random_streams import float_features
from tinyml_nas.config.presets.audio import CHAINS
from tinyml_nas.errors import ConfigError
from tinyml_nas.features import STEPS
from tinyml_nas.features.chain import check_chain
from tinyml_nas.features.integer.fixed import NoTwin
from tinyml_nas.features.integer.frontend import lower_chain
from tinyml_nas.features.signal import Frames, Settings, Shape
from tinyml_nas.features.steps.mel import MelScale

pytestmark = pytest.mark.fast
SPEECH = Settings(
    frame_size=480,
    feature_size=None,
    frame_concat=49,
    frame_skip=1,
    min_bin=1,
    normalize_bin=False,
    bandwidth=1.0,
    dc_remove=True,
    log_mul=20.0,
    log_base=10.0,
    log_threshold=1e-2,
    stacking="2D1",
    sampling_rate=16_000.0,
)
BINS = 257


def check(names: tuple[str, ...], settings: Settings) -> Shape:
    shape = Shape("samples", 1, settings.frame_size)
    return check_chain([STEPS[name] for name in names], shape, settings)


@pytest.mark.parametrize("min_bin", [1, 5])
@pytest.mark.parametrize("bandwidth", [1.0, 2.0])
def test_bands_are_triangles_that_are_equally_wide_in_mel(min_bin: int, bandwidth: float) -> None:
    settings = replace(SPEECH, min_bin=min_bin, bandwidth=bandwidth)
    bins = 256 + min_bin
    scale = MelScale.of(bins, settings)
    got = scale.weights(scale.rising, 1)
    low, high = 2595 * np.log10(1 + np.array([(min_bin - 1) * 31.25, 8000 / bandwidth]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, 42) / 2595) - 1)
    for band, (start, center, stop) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        k = np.arange(len(got)) * 31.25
        up, down = (k - start) / (center - start), (stop - k) / (stop - center)
        wanted = np.maximum(0, np.minimum(up, down))
        assert np.allclose(got[:, band], wanted, atol=1e-12)


def test_coefficients_are_those_of_scipy() -> None:
    x = np.random.default_rng(0).normal(0, 30, (5, 2, 40))
    frames = Frames(x, np.zeros(5, np.int64), np.zeros(5, np.int64))
    got = STEPS["DCT"].apply(frames, SPEECH).x
    assert np.allclose(got, scipy.fft.dct(x, norm="ortho")[..., :10])


@pytest.mark.parametrize("peak", [30_000, 1000, 60])
@pytest.mark.parametrize("feature", ["LOG_MEL", "MFCC"])
def test_integers_are_right_to_a_fraction_of_a_decibel(feature: str, peak: float) -> None:
    """The quietest of these is 54 dB below full scale."""
    rng = np.random.default_rng(int(peak))
    time = np.arange(480)
    tones = sum(np.sin(rng.uniform(0.02, 2, (200, 1, 1)) * time) / k for k in (1, 2, 3))
    counts = np.rint(peak * tones / 2 + rng.normal(0, peak / 30, (200, 1, 480)))
    names = CHAINS[feature]
    chain = lower_chain([STEPS[name] for name in names], SPEECH, np.array([1 / 32768]), 480, 320)
    x = counts.astype(np.int64) << chain.guard_bits
    for operation in chain.operations:
        x = operation.apply(x)
        assert np.abs(x).max() < 1 << 31
    got = x[:, 0] * chain.left.scale + chain.left.offset
    error = np.abs(got - float_features(names, SPEECH, counts / 32768)[..., 0])
    assert error.max() < 0.03
    assert error.mean() < 0.006


@pytest.mark.parametrize("length", [17, 480, 4096])
def test_no_samples_overflow(length: int) -> None:
    settings = replace(SPEECH, frame_size=length, n_mels=length // 16, n_mfcc=1 + length // 32)
    settings = replace(settings, n_mfcc=min(settings.n_mfcc, settings.n_mels))
    steps = [STEPS[name] for name in CHAINS["MFCC"]]
    chain = lower_chain(steps, settings, np.array([1 / 32768]), length, 1)
    time = np.arange(length)
    patterns = np.stack([np.ones(length), (-1.0) ** time, np.where(time % 4 < 2, 1, -1)])
    x = np.concatenate([patterns * 32767, patterns * -32768])[:, None].astype(np.int64)
    x <<= chain.guard_bits
    for operation in chain.operations:
        x = operation.apply(x)
        assert np.abs(x).max() < 1 << 31
    assert np.abs(x).max() <= chain.left.bound


def test_the_tables_are_small() -> None:
    steps = [STEPS[name] for name in CHAINS["MFCC"]]
    chain = lower_chain(steps, SPEECH, np.array([1 / 32768]), 480, 320)
    by_kernel = {operation.kernel: operation for operation in chain.operations}
    assert by_kernel["zero_pad"].outputs == 512
    assert by_kernel["mel_bands"].rising.size <= 257
    assert by_kernel["dct"].cosine.size == 41


def test_a_clip_of_one_second_is_ten_channels_of_49_frames() -> None:
    assert check(CHAINS["MFCC"], SPEECH) == Shape("frames", 10, 49)
    assert check(CHAINS["LOG_MEL"], SPEECH) == Shape("frames", 40, 49)
    stereo = check_chain([STEPS["TO_CHANNELS"], STEPS["CONCAT"]], Shape("bins", 2, 3), SPEECH)
    assert stereo == Shape("frames", 6, 49)


def test_frames_over_time_are_the_columns_of_an_input() -> None:
    x = np.arange(4 * 2 * 3).reshape(4, 2, 3)
    frames = Frames(x, np.zeros(4, np.int64), np.zeros(4, np.int64))
    settings = replace(SPEECH, frame_concat=3)
    for name in ("TO_CHANNELS", "CONCAT"):
        frames = STEPS[name].apply(frames, settings)
    assert frames.x.shape == (2, 6, 3)
    for window in range(2):
        for frame in range(3):
            assert np.array_equal(frames.x[window, :, frame], x[window + frame].ravel())


@pytest.mark.parametrize(
    ("names", "change", "message"),
    [
        (CHAINS["MFCC"], {"n_mels": 200}, "of 200 bands, number 1 lies between two of the 257"),
        (CHAINS["MFCC"], {"n_mfcc": 41}, "cannot give 41 coefficients of 40"),
        (("FFT_FE", "FFT_POS_HALF", "ABS", "DC_REMOVE", "MEL"), {}, "needs all bins .* gets 240"),
        (("FFT_FE", "ABS", "MEL"), {}, "needs all bins .* gets 480"),
        (("ABS", "MEL"), {}, "needs all bins"),
        (("DCT",), {}, "DCT works on decibel"),
    ],
)
def test_chains_that_cannot_run_are_refused(
    names: tuple[str, ...], change: dict[str, int], message: str
) -> None:
    settings = replace(SPEECH, **change)
    with pytest.raises(ConfigError, match=message):
        check(names, settings)


def test_bands_narrower_than_a_bin_have_no_integer_form() -> None:
    settings = replace(SPEECH, n_mels=100)
    steps = [STEPS[name] for name in CHAINS["LOG_MEL"]]
    with pytest.raises(NoTwin, match="100 mel bands are too many"):
        lower_chain(steps, settings, np.array([1 / 32768]), 480, 320)
