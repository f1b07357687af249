"""A synthetic fan: three axes of vibration, sampled at 1 kHz, normal and in four kinds of trouble.

A normal fan turns at a speed that varies from machine to machine and wanders, with a little
imbalance, the harmonics of its blades and broadband noise.  What is not normal: more imbalance, a
chipped blade (a missing pulse each turn), a worn bearing (bursts at a frequency of its own) and a
loose mount (harmonics of one axis).  Each comes in strengths down to hardly visible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.records import Recording, RecordingSet

SAMPLING_RATE_HZ = 1000
SAMPLES = 8192
NORMAL_RECORDINGS = 40
RECORDINGS_PER_FAULT = 8
CHANNELS = ("x", "y", "z")
BLADES = 7
CLASSES = ("normal", "bearing", "blade", "imbalance", "loose")

Signal = NDArray[np.float64]


def recordings(seed: int) -> RecordingSet:
    """Recordings of as many fans, most of them normal."""
    found = [
        _fan(seed, label, number)
        for label in CLASSES
        for number in range(NORMAL_RECORDINGS if label == "normal" else RECORDINGS_PER_FAULT)
    ]
    return RecordingSet(tuple(found), CHANNELS, CLASSES, synthetic=True)


def _fan(seed: int, label: str, number: int) -> Recording:
    rng = np.random.default_rng([seed, CLASSES.index(label), number])
    time_s = np.arange(SAMPLES) / SAMPLING_RATE_HZ
    drift = 1 + 0.01 * np.sin(2 * np.pi * rng.uniform(0.05, 0.2) * time_s + rng.uniform(0, 6))
    turn = 2 * np.pi * np.cumsum(rng.uniform(22, 28) * drift) / SAMPLING_RATE_HZ
    strength = rng.uniform(0.4, 1.2)
    axes = np.stack([_axis(rng, turn, gain) for gain in (1.0, 0.8, 0.3)], axis=1)
    axes += strength * _trouble(rng, label, turn, time_s)
    samples = axes.astype(np.float32)
    return Recording(f"{label}/fan_{number:02d}", label, samples)


def _axis(rng: np.random.Generator, turn: Signal, gain: float) -> Signal:
    """One axis of a normal fan."""
    hum = rng.uniform(0.2, 0.4) * np.sin(turn + rng.uniform(0, 6))
    blades = rng.uniform(0.1, 0.2) * np.sin(BLADES * turn + rng.uniform(0, 6))
    second = rng.uniform(0.03, 0.08) * np.sin(2 * turn + rng.uniform(0, 6))
    return np.asarray(gain * (hum + blades + second) + rng.normal(0, 0.15, len(turn)))


def _trouble(rng: np.random.Generator, label: str, turn: Signal, time_s: Signal) -> Signal:
    """What a fault of strength 1 adds to the three axes (T, 3)."""
    match label:
        case "imbalance":
            extra = np.stack([np.sin(turn), np.cos(turn), 0 * turn], axis=1) * 0.5
        case "blade":
            pulse = np.exp(-((np.angle(np.exp(1j * turn)) / 0.15) ** 2))
            extra = np.stack([pulse, 0.7 * pulse, 0.3 * pulse], axis=1) * 0.9
        case "bearing":
            since = time_s % (1 / rng.uniform(70, 110))
            ring = np.exp(-since * 350) * np.sin(2 * np.pi * 310 * since)
            extra = np.stack([0.5 * ring, ring, ring], axis=1) * 0.9
        case "loose":
            steps = sum(np.sin(k * turn) / k for k in (1, 2, 3, 4))
            extra = np.stack([0 * turn, 0 * turn, 0.5 * np.asarray(steps)], axis=1)
        case _:
            extra = np.zeros((len(turn), len(CHANNELS)))
    return np.asarray(extra)
