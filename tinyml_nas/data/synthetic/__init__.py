"""Signals made on the spot: nothing here was measured.

Each module has one function ``recordings(seed)``; ``GENERATORS`` are the values of
``dataset.generator``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinyml_nas.data.records import RecordingSet
from tinyml_nas.data.synthetic import arc_fault, fan_vibration, motor_load, room_climate


@dataclass(frozen=True)
class Generator:
    """A synthetic signal: its channels, the values or the classes to learn, and its recordings."""

    channels: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    recordings: Callable[[int], RecordingSet]


GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {
        "arc_fault": Generator(arc_fault.CHANNELS, (), arc_fault.CLASSES, arc_fault.recordings),
        "fan_vibration": Generator(
            fan_vibration.CHANNELS, (), fan_vibration.CLASSES, fan_vibration.recordings
        ),
        "motor_load": Generator(motor_load.CHANNELS, motor_load.TARGETS, (), motor_load.recordings),
        "room_climate": Generator(
            room_climate.CHANNELS, room_climate.CHANNELS, (), room_climate.recordings
        ),
    }
)


def generate(name: str, seed: int) -> RecordingSet:
    """The recordings of the generator called ``name``, the same for the same seed."""
    return GENERATORS[name].recordings(seed)
