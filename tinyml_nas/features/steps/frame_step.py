"""The common shape of steps that treat each frame by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tinyml_nas.features.integer.fixed import Twin
from tinyml_nas.features.signal import Array, Domain, Frames, Misfit, Settings, Shape

FRAME_SIZE = "Set frame_size to the number of samples in one frame."


@dataclass(frozen=True)
class FrameStep:
    """A step that maps each frame x (N, C, L) on its own: in float, and by its twin in integers.

    ``reads`` are the keys of the YAML that change it; ``in_integers`` says what the twin does
    otherwise.
    """

    name: str
    description: str
    accepts: tuple[Domain, ...]
    leaves: Domain | None  # None: the domain stays
    function: Callable[[Array, Settings], Array]
    twin: Twin
    length: Callable[[int, Settings], int] = lambda length, settings: length
    reads: tuple[str, ...] = ()
    in_integers: str = "exact"
    framed: bool = False

    def check(self, shape: Shape, settings: Settings) -> Shape:
        """The shape after this step."""
        require(self.name, self.accepts, shape.domain)
        if self.framed and shape.length < 2:
            raise Misfit(
                f"{self.name} needs frames of 2 samples or more, not {shape.length}.",
                hint=FRAME_SIZE,
                keys=("frame_size",),
            )
        length = self.length(shape.length, settings)
        return replace(shape, domain=self.leaves or shape.domain, length=length)

    def apply(self, frames: Frames, settings: Settings) -> Frames:
        """The frames after this step."""
        return replace(frames, x=self.function(frames.x, settings))

    def channel_names(
        self, names: tuple[str, ...], shape: Shape, settings: Settings
    ) -> tuple[str, ...]:
        """The names of the channels, which stay."""
        return names


def require(name: str, accepts: tuple[Domain, ...], found: Domain) -> None:
    """Raise unless a step may follow what is there."""
    if found not in accepts:
        raise Misfit(f"{name} works on {' or '.join(accepts)}, but gets {found} here.")
