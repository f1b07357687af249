"""What every record of a device file is made of: sizes and clocks with a unit, and plausible."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from tinyml_nas.located.units import parse_clock, parse_size

SMALLEST_MEMORY, LARGEST_MEMORY = 256, 1 << 32
SLOWEST, FASTEST = 32_000, 2_000_000_000


def _plausible_memory(size: int) -> int:
    if not SMALLEST_MEMORY <= size <= LARGEST_MEMORY:
        raise ValueError(f"{size:,} B is no memory of a microcontroller: write kB, KiB or MiB")
    return size


def _plausible_clock(hertz: int) -> int:
    if not SLOWEST <= hertz <= FASTEST:
        raise ValueError(f"{hertz:,} Hz is no clock of a microcontroller: write kHz or MHz")
    return hertz


Bytes = Annotated[int, BeforeValidator(parse_size), AfterValidator(_plausible_memory)]
Hertz = Annotated[int, BeforeValidator(parse_clock), AfterValidator(_plausible_clock)]


class Figures(BaseModel):
    """Keys of a device file; an unknown one is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
