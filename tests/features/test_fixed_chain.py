"""The integer form of every chain against the float one, and its bounds against extremes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.export.random_streams import (
    CHAINS,
    OTHER_CHAINS,
    WHOLE_CHAINS,
    float_features,
    random_samples,
    random_settings,
)
from tinyml_nas.features import STEPS
from tinyml_nas.features.integer.fft import error_bound
from tinyml_nas.features.integer.fixed import NoTwin, Signal
from tinyml_nas.features.integer.frontend import (
    FixedChain,
    choose_lsb,
    lower_chain,
    make_frontend,
)
from tinyml_nas.features.signal import Settings
from tinyml_nas.features.steps.bands import _log_twin

pytestmark = pytest.mark.fast
LENGTH = 256


def lower(names: tuple[str, ...], settings: Settings, lsb: np.ndarray) -> FixedChain:
    return lower_chain([STEPS[name] for name in names], settings, lsb, settings.frame_size, 1)


def tones(seed: int, count: int, length: int = LENGTH) -> np.ndarray:
    """Frames [N, 2, L] as of a 12-bit converter: a tone, its harmonics and noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(length)
    tone = sum(
        rng.uniform(50, 900, (count, 2, 1)) * np.sin(k * rng.uniform(0.05, 0.9) * time) / k
        for k in (1, 2, 3)
    )
    noise = rng.normal(0, rng.uniform(2, 60, (count, 2, 1)), (count, 2, length))
    return np.rint(tone + noise + 100)


@pytest.mark.parametrize("names", CHAINS + OTHER_CHAINS, ids="+".join)
def test_int8_features_are_those_of_the_float_chain(names: tuple[str, ...]) -> None:
    settings = random_settings(np.random.default_rng(1), LENGTH)
    counts, lsb = tones(2, 40), np.array([0.001, 0.25])
    chain = lower(names, settings, lsb)
    real = float_features(names, settings, counts * lsb[:, None])
    mean, scale = real.mean(axis=(0, 2)), real.std(axis=(0, 2)) / 40 + 1e-6
    entry = mean.astype(np.float32), scale.astype(np.float32)
    got = make_frontend(chain, *entry, 5).run(chain.samples(counts * lsb[:, None]))
    wanted = (real - mean[:, None]) / scale[:, None] + 5
    exact = np.clip(np.floor(wanted + 0.5), -128, 127)
    assert np.abs(got - exact).max() <= 1
    assert (got == exact).mean() > 0.99


@pytest.mark.parametrize("names", WHOLE_CHAINS, ids="+".join)
def test_chains_of_whole_numbers_compute_what_was_trained_on(names: tuple[str, ...]) -> None:
    settings = random_settings(np.random.default_rng(1), LENGTH)
    settings = replace(settings, min_bin=1, log_threshold=1.0)
    counts = np.clip(10 * tones(2, 40), -32768, 32767)
    real = float_features(names, settings, counts)
    chain = lower(names, settings, np.ones(2))
    x = chain.samples(counts).astype(np.int64) << chain.guard_bits
    for operation in chain.operations:
        x = operation.apply(x)
    x = x.reshape(real.shape)
    left = x * chain.left.scale[:, None] + chain.left.offset[:, None]
    if "LOG_DB" in names:
        assert np.abs(left - real).max() < 1e-3
    else:
        assert np.array_equal(left, real)


@pytest.mark.parametrize(("name", "error"), [("KURT_FE", 1e-4), ("ENT_FE", 1e-3)])
def test_statistics_are_as_near_as_they_say(name: str, error: float) -> None:
    settings = random_settings(np.random.default_rng(1), 125)
    counts = tones(9, 60, 125)
    chain = lower((name,), settings, np.ones(2))
    (operation,) = chain.operations
    x = operation.apply(chain.samples(counts).astype(np.int64) << chain.guard_bits)
    real = float_features((name,), settings, counts)
    left = x.reshape(real.shape) * chain.left.scale[:, None] + chain.left.offset[:, None]
    assert np.abs(left - real).max() < error


@pytest.mark.parametrize(
    ("names", "length"),
    [
        *((names, length) for names in CHAINS for length in (4, 32, 4096)),
        *((names, length) for names in OTHER_CHAINS + WHOLE_CHAINS for length in (32, 4096)),
    ],
)
def test_no_samples_overflow(names: tuple[str, ...], length: int) -> None:
    settings = random_settings(np.random.default_rng(3), length)
    if "FFT_Q15" in names:
        settings = replace(settings, min_bin=1)
    chain = lower(names, settings, np.array([1.0, 2.0]))
    time = np.arange(length)
    patterns = [np.ones(length), np.zeros(length), (-1.0) ** time, np.where(time % 4 < 2, 1, -1)]
    frames = np.stack([np.stack([p * 32767, p * -32768]) for p in patterns])
    noise = random_samples(np.random.default_rng(4), length, 2).T
    x = np.concatenate([frames, noise[None]]).astype(np.int64) << chain.guard_bits
    for operation in chain.operations:
        x = operation.apply(x)
        assert np.abs(x).max() < 1 << 31
    assert np.abs(x).max() <= chain.left.bound


@pytest.mark.parametrize("length", [4, 8, 64, 1024])
def test_fft_error_is_within_its_bound_and_the_bound_is_small(length: int) -> None:
    settings = random_settings(np.random.default_rng(5), length)
    chain = lower(("FFT_FE",), settings, np.ones(3))
    rng = np.random.default_rng(6)
    samples = rng.integers(-32768, 32768, (50, 3, length)) << chain.guard_bits
    (fft,) = chain.operations
    got = fft.apply(samples).reshape(50, 3, -1, 2)
    wanted = 2 * np.fft.rfft(samples, axis=-1)
    error = np.abs(got[..., 0] + 1j * got[..., 1] - wanted).max()
    allowed = error_bound(length, 32768 << chain.guard_bits)
    assert (error > 0) == (length > 4)  # four points need no rounding
    assert error <= allowed
    assert allowed < 1e-6 * chain.left.bound + length


@pytest.mark.parametrize("length", [3, 6, 100, 1000])
def test_frames_of_other_lengths_have_no_integer_fft(length: int) -> None:
    with pytest.raises(NoTwin, match=f"not {length}"):
        lower(("FFT_FE", "ABS"), random_settings(np.random.default_rng(0), length), np.ones(1))


def test_logarithm_is_right_to_a_thousandth_of_a_decibel() -> None:
    settings = random_settings(np.random.default_rng(0), 8)
    one = Signal(1, np.ones(1), np.zeros(1), (1 << 31) - 2)
    operation, left = _log_twin(one, settings)
    assert operation is not None
    x = np.unique(np.geomspace(1, (1 << 31) - 2, 50_000).astype(np.int64))
    got = operation.apply(x[:, None, None])[:, 0, 0] * left.scale[0] + left.offset[0]
    wanted = 20 * np.log10(x + round(settings.log_threshold))
    assert np.abs(got - wanted).max() < 1e-3
    assert operation.apply(np.zeros((1, 1, 1), np.int64)).max() == 0


class TestLsb:
    def test_whole_numbers_are_counts(self) -> None:
        x = np.random.default_rng(0).integers(-2048, 2048, (5, 2, 9)) / np.float32(4096)
        assert choose_lsb(x.astype(np.float32), 1 / 4096).tolist() == [1 / 4096] * 2

    def test_others_leave_half_of_the_range(self) -> None:
        x = np.random.default_rng(0).normal(0, [[1.0], [300.0]], (50, 2, 9)).astype(np.float32)
        lsb = choose_lsb(x, 1.0)
        share = np.abs(x).max(axis=(0, 2)) / lsb / 32768
        assert np.all((share > 0.25) & (share <= 0.5))

    def test_whole_numbers_beyond_int16_are_scaled(self) -> None:
        assert choose_lsb(np.full((1, 1, 4), 70_000, np.float32), 1.0)[0] == 8.0

    def test_a_silent_channel_has_one_too(self) -> None:
        x = np.stack([np.zeros(9), np.full(9, 0.3)])[None].astype(np.float32)
        assert np.all(choose_lsb(x, 1.0) > 0)


def test_a_mean_far_beyond_the_spread_is_refused() -> None:
    chain = lower((), random_settings(np.random.default_rng(0), 8), np.ones(1))
    with pytest.raises(NoTwin, match="too large beside its spread"):
        make_frontend(chain, np.array([1e30], np.float32), np.array([1e-3], np.float32), 0)


def test_a_count_beyond_the_range_of_the_input_is_refused() -> None:
    chain = lower((), random_settings(np.random.default_rng(0), 8), np.ones(1))
    with pytest.raises(NoTwin, match="more than the whole range"):
        make_frontend(chain, np.zeros(1, np.float32), np.array([1e-12], np.float32), 0)
