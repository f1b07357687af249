"""A synthetic room: its temperature, the weather outside and the heating, every ten minutes.

The temperature follows a physical model of two masses (air and walls) under weather with days,
fronts and noise, a heating with a thermostat and set-back at night, and people who come and go.
What is ahead depends on the hour only through the signals themselves: there is no clock channel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data.records import Recording, RecordingSet

STEPS_PER_DAY = 144
DAYS = 120
FRONT_STEPS = 3 * STEPS_PER_DAY
ROOMS = 3
CHANNELS = ("room_c", "outside_c", "heating")

Signal = NDArray[np.float64]


def recordings(seed: int) -> RecordingSet:
    """One long recording of each room; what is to be forecast are its own channels."""
    rooms = [_room(seed, index) for index in range(ROOMS)]
    return RecordingSet(tuple(rooms), CHANNELS, (), synthetic=True, target_names=CHANNELS)


def _room(seed: int, index: int) -> Recording:
    rng = np.random.default_rng([seed, index])
    outside = _weather(rng)
    steps = STEPS_PER_DAY * DAYS
    hour = np.arange(steps) % STEPS_PER_DAY / 6
    wanted = np.where((hour >= 6) & (hour < 22), 21.0, 18.0)
    people = (rng.random(steps // 6 + 1) < 0.3).repeat(6)[:steps] * rng.uniform(0.02, 0.05)
    leak, store = rng.uniform(0.006, 0.012), rng.uniform(0.02, 0.04)
    air, walls, heating = 20.0, 18.0, 0.0
    values = np.empty((steps, len(CHANNELS)))
    for step in range(steps):
        if abs(wanted[step] - air) > 0.3:
            heating = float(wanted[step] > air)
        flow = leak * (outside[step] - air) + store * (walls - air)
        walls += 0.01 * (air - walls) + 0.002 * (outside[step] - walls)
        air += flow + 0.25 * heating + people[step] + rng.normal(0, 0.01)
        values[step] = air + rng.normal(0, 0.03), outside[step], heating
    samples = values.astype(np.float32)
    return Recording(f"room_{index}", "", samples, targets=samples)


def _weather(rng: np.random.Generator) -> Signal:
    """Days, fronts that come and go over days, and what is left."""
    steps = STEPS_PER_DAY * DAYS
    day = 2 * np.pi * np.arange(steps) / STEPS_PER_DAY
    turns = np.arange(0, steps + FRONT_STEPS, FRONT_STEPS)
    fronts = np.interp(np.arange(steps), turns, rng.normal(0, 4, len(turns)))
    return np.asarray(6 + 4 * np.sin(day - 2.2) + fronts + rng.normal(0, 0.1, steps))
