"""The common shape of steps that treat each frame by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tinyml_nas.errors import ConfigError
from tinyml_nas.features.integer.fixed import Twin
from tinyml_nas.features.signal import Array, Domain, Frames, Settings, Shape


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

    def check(self, shape: Shape, settings: Settings) -> Shape:
        """The shape after this step."""
        require(self.name, self.accepts, shape)
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


def require(name: str, accepts: tuple[Domain, ...], shape: Shape) -> None:
    """Raise unless a step may follow what is there."""
    if shape.domain not in accepts:
        raise ConfigError(f"{name} works on {' or '.join(accepts)}, but gets {shape.domain} here.")
