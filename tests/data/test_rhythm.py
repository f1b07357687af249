"""The clock, the period and the mean frequency of signals whose answer is known."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from tinyml_nas.data.doctor.rhythm import (
    dominant_period,
    mean_frequency,
    read_clock,
)

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("name", "step", "rate"),
    [("time", 0.01, 100), ("time_ms", 10, 100), ("Time (us)", 50, 20_000), ("timestamp", 2, 0.5)],
)
def test_units_of_a_clock(name: str, step: float, rate: float) -> None:
    clock = read_clock([f"{i * step:.6f}" for i in range(50)], name)
    assert clock is not None
    assert clock.rate_hz == pytest.approx(rate)
    assert clock.jitter < 1e-3
    assert (clock.gaps, clock.back) == (0, 0)


def test_dates_gaps_and_steps_back() -> None:
    start = datetime(2024, 2, 29, 23, 59)
    seconds = [0, 30, 60, 90, 240, 270, 300, 10, 40, 70]
    texts = [(start + timedelta(seconds=s)).isoformat(" ") for s in seconds]
    clock = read_clock(texts, "date")
    assert clock is not None
    assert clock.rate_hz == pytest.approx(1 / 30)
    assert (clock.gaps, clock.back, clock.unit) == (1, 1, "date")


@pytest.mark.parametrize("texts", [["a", "b", "c"], ["1", "x", "3"], ["1", "2"], ["5", "5", "5"]])
def test_no_clock(texts: list[str]) -> None:
    assert read_clock(texts, "time") is None


def test_jitter_is_the_deviation_of_the_steps() -> None:
    steps = 1 + 0.05 * np.random.default_rng(1).standard_normal(5000)
    clock = read_clock([repr(t) for t in np.cumsum(steps).tolist()], "time")
    assert clock is not None
    assert clock.jitter == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("period", [12, 40, 125])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_period_in_noise_is_found_and_not_its_harmonic(period: int, offset: float) -> None:
    rng = np.random.default_rng(period)
    phase = 2 * np.pi * np.arange(1500) / period
    x = np.sin(phase) + 1.5 * np.sin(3 * phase + 1) + 0.4 * rng.standard_normal(1500) + offset
    assert dominant_period(x) == pytest.approx(period, abs=1)


def test_noise_a_ramp_and_nothing_have_no_period() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        assert dominant_period(np.random.default_rng(seed).standard_normal(600)) is None
    assert dominant_period(np.arange(500.0)) is None
    assert dominant_period(np.full(500, 7.0)) is None
    assert dominant_period(rng.standard_normal(4)) is None


def test_mean_frequency_of_a_tone_and_of_noise() -> None:
    assert mean_frequency(5 + np.sin(2 * np.pi * 0.2 * np.arange(1000))) == pytest.approx(
        0.2, abs=2e-3
    )
    noise = np.random.default_rng(0).standard_normal(8000)
    assert mean_frequency(noise) == pytest.approx(0.25, abs=0.01)
    assert mean_frequency(np.full(100, 3.0)) == 0
