"""A synthetic DC arc-fault signal: nothing here was measured.

One channel, the current of a DC string feeding a converter, sampled at 250 kHz:

* every recording: a load current of its own, the converter's switching ripple with harmonics,
  colored background noise of a level of its own, and slow changes of the load;
* class ``arc`` adds what a series arc adds: broadband noise whose density falls with frequency, in
  bursts with pauses, a drop of the current by the arc's voltage, and a step at each re-strike.

The arc's noise is drawn at 2 to 20 times the background's and pauses at times, the background
varies by a factor of 2.5 and in color, and the load's own changes look like an arc's steps: no
threshold solves the task, and a small network gets 90 to 98 % of the windows right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.records import Recording, RecordingSet

SAMPLING_RATE_HZ = 250_000
RECORDINGS_PER_CLASS = 40
SAMPLES = 16 * 1024
CHANNELS = ("current_a",)
CLASSES = ("arc", "normal")

Signal = NDArray[np.float64]


def recordings(seed: int) -> RecordingSet:
    """Recordings of both classes under as many load conditions, the same for the same seed."""
    found = [
        Recording(f"{label}/load_{index:02d}", label, _record(label == "arc", seed, index))
        for label in CLASSES
        for index in range(RECORDINGS_PER_CLASS)
    ]
    return RecordingSet(tuple(found), CHANNELS, CLASSES, synthetic=True)


def _record(arc: bool, seed: int, index: int) -> NDArray[np.float32]:
    """Samples (T, 1) in amperes."""
    rng = np.random.default_rng([seed, int(arc), index])
    load_a = rng.uniform(2.0, 12.0)
    noise_a = 10 ** rng.uniform(-2.0, -1.6)
    current = load_a * _slow_changes(rng) + _ripple(rng, load_a)
    current += noise_a * colored_noise(rng, SAMPLES, rng.uniform(0.0, 0.6))
    if arc:
        current += _arc(rng, load_a, noise_a * 10 ** rng.uniform(0.3, 1.3))
    return current.astype(np.float32)[:, None]


def colored_noise(rng: np.random.Generator, samples: int, slope: float) -> Signal:
    """Noise of standard deviation 1 with amplitude density f^-slope: 0 is white, 0.5 is pink."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    bins = np.arange(len(spectrum), dtype=np.float64)
    bins[0] = 1.0
    noise = np.fft.irfft(spectrum * bins**-slope, samples)
    return np.asarray(noise / noise.std())


def _slow_changes(rng: np.random.Generator) -> Signal:
    """The load over time around 1: a slow swing and now and then a step, in both classes."""
    time_s = np.arange(SAMPLES) / SAMPLING_RATE_HZ
    load = 1 + 0.02 * np.sin(2 * np.pi * (rng.uniform(20, 120) * time_s + rng.random()))
    for start in rng.integers(0, SAMPLES, rng.poisson(2)):
        load[start:] += rng.normal(0, 0.01)
    return np.asarray(load)


def _ripple(rng: np.random.Generator, load_a: float) -> Signal:
    """The converter's switching ripple: a fundamental and falling harmonics."""
    frequency_hz = rng.uniform(8e3, 40e3)
    phase = 2 * np.pi * (frequency_hz * np.arange(SAMPLES) / SAMPLING_RATE_HZ + rng.random())
    ripple_a = load_a * rng.uniform(0.002, 0.01)
    harmonics = [rng.uniform(0.3, 1.0) / k**2 * np.sin(k * phase) for k in (1, 2, 3)]
    return np.asarray(ripple_a * np.sum(harmonics, axis=0))


def _arc(rng: np.random.Generator, load_a: float, noise_a: float) -> Signal:
    """What the arc adds: gated noise, a lower current while it burns, a step at each re-strike."""
    burning = _bursts(rng)
    strike = np.diff(burning, prepend=0.0)
    steps = np.cumsum(strike * rng.normal(0, 0.003, SAMPLES))
    noise = noise_a * colored_noise(rng, SAMPLES, rng.uniform(0.5, 0.9))
    return np.asarray((0.15 + 0.85 * burning) * noise - load_a * (0.01 * burning + steps))


def _bursts(rng: np.random.Generator) -> Signal:
    """1 while the arc burns strongly, 0 in its pauses; lengths are exponential."""
    gate = np.zeros(SAMPLES)
    position = 0
    while position < SAMPLES:
        burst, pause = rng.exponential(8e-3), rng.exponential(1e-3)
        stop = position + max(1, int(burst * SAMPLING_RATE_HZ))
        gate[position:stop] = 1.0
        position = stop + max(1, int(pause * SAMPLING_RATE_HZ))
    return gate
