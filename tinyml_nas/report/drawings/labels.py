"""Names beside the dots of a picture, none over another and none over a dot that has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHARACTER_WIDTH, LINE_HEIGHT = 6.4, 12.0  # of the labels' font, in SVG units
GAP = 3.0
# Directions in which a name may stand, in order of preference: SVG counts downwards.
SIDES = ((-1, -1), (1, 1), (1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, 1))


@dataclass(frozen=True)
class Disc:
    """A dot that names must not cover."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Label:
    """A name; ``x`` is its left end and ``y`` its base line."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Rectangle:
    """A part of the picture; SVG counts downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rectangle) -> bool:
        """Whether they share a part."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def within(self, bounds: Rectangle) -> bool:
        """Whether nothing sticks out."""
        inside = bounds.left <= self.left and self.right <= bounds.right
        return inside and bounds.top <= self.top and self.bottom <= bounds.bottom


def place_labels(
    names: Sequence[str],
    discs: Sequence[Disc],
    bounds: Rectangle,
    lines: Sequence[Rectangle] = (),
) -> tuple[Label, ...]:
    """Labels of those ``names`` that find room beside their disc, the first names first.

    They keep off discs and one another always, and off ``lines`` where they can.
    """
    taken = [_box(disc) for disc in discs]
    labels = []
    for name, disc in zip(names, discs, strict=True):
        spots = [spot for side in SIDES if (spot := _spot(name, disc, side)).within(bounds)]
        free = [spot for spot in spots if not any(map(spot.meets, taken))]
        clear = [spot for spot in free if not any(map(spot.meets, lines))]
        if free:
            spot = (clear or free)[0]
            taken.append(spot)
            labels.append(Label(round(spot.left, 1), round(spot.bottom - 3, 1), name))
    return tuple(labels)


def _box(disc: Disc) -> Rectangle:
    r = disc.radius
    return Rectangle(disc.x - r, disc.y - r, disc.x + r, disc.y + r)


def _spot(name: str, disc: Disc, side: tuple[int, int]) -> Rectangle:
    """Where ``name`` would stand on one side of its disc."""
    width, (across, down) = len(name) * CHARACTER_WIDTH, side
    away = disc.radius * (0.7 if across and down else 1) + GAP
    x = disc.x + across * (away + width / 2)
    y = disc.y + down * (away + LINE_HEIGHT / 2)
    return Rectangle(x - width / 2, y - LINE_HEIGHT / 2, x + width / 2, y + LINE_HEIGHT / 2)
