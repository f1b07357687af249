"""A synthetic induction motor: from its phase current, how fast it turns and what it drives.

One channel, a phase current sampled at 1 kHz, and two values to learn at every sample:

* ``speed_rpm`` shows in the slip: the current's side bands lie by the slip around the supply
  frequency, which itself wanders as a grid does, and rotor slots leave a ripple at the speed;
* ``torque_nm`` shows in the amplitude and in the side bands, but so do the machine's age and the
  temperature, which scale each recording in a way of its own.

Every recording is a run of one machine with slow changes of load; a network has to read amplitude
and frequencies together, and no more than about 95 % of the variance can be explained.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.records import Recording, RecordingSet

CHANNELS = ("current_a",)
TARGETS = ("speed_rpm", "torque_nm")
SAMPLING_RATE_HZ = 1000
RECORDINGS = 40
SAMPLES = 6000
SYNCHRONOUS_RPM = 1500.0
SLIP_AT_FULL_LOAD = 0.06
FULL_LOAD_NM = 10.0

Signal = NDArray[np.float64]


def recordings(seed: int) -> RecordingSet:
    """Runs of as many machines."""
    runs = [_run(seed, index) for index in range(RECORDINGS)]
    return RecordingSet(tuple(runs), CHANNELS, (), synthetic=True, target_names=TARGETS)


def _run(seed: int, index: int) -> Recording:
    rng = np.random.default_rng([seed, index])
    torque = FULL_LOAD_NM * _slow(rng, 0.05, 1.0)
    slip = SLIP_AT_FULL_LOAD * torque / FULL_LOAD_NM * rng.uniform(0.95, 1.05)
    supply_hz = 50.0 + 0.1 * (_slow(rng, 0.0, 1.0) - 0.5)
    speed_rpm = SYNCHRONOUS_RPM * (supply_hz / 50.0) * (1 - slip)
    phase = 2 * np.pi * np.cumsum(supply_hz) / SAMPLING_RATE_HZ + rng.uniform(0, 6)
    beat = 2 * np.pi * np.cumsum(2 * slip * supply_hz) / SAMPLING_RATE_HZ + rng.uniform(0, 6)
    turn = 2 * np.pi * np.cumsum(speed_rpm / 60) / SAMPLING_RATE_HZ + rng.uniform(0, 6)
    amplitude_a = rng.uniform(0.96, 1.04) * (2.0 + 0.35 * torque)
    current = amplitude_a * (1 + 0.05 * np.cos(beat)) * np.sin(phase)
    current += 0.15 * np.sin(4 * turn) + 0.05 * amplitude_a * np.sin(5 * phase)
    current += rng.normal(0, 0.05, SAMPLES)
    targets = np.stack([speed_rpm, torque], axis=1).astype(np.float32)
    samples = current.astype(np.float32)[:, None]
    return Recording(f"machine_{index:02d}", "", samples, targets=targets)


def _slow(rng: np.random.Generator, low: float, high: float) -> Signal:
    """A smooth curve between ``low`` and ``high``: a load that is changed now and then."""
    knots = rng.uniform(low, high, 7)
    at = np.linspace(0, len(knots) - 1, SAMPLES)
    blend = (1 - np.cos(np.pi * (at % 1))) / 2
    left = np.minimum(at.astype(int), len(knots) - 2)
    blend[-1] = 1.0
    return np.asarray(knots[left] * (1 - blend) + knots[left + 1] * blend)
