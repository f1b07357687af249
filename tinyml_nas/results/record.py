"""What all records of ``results.json`` share: their base and the kinds of numbers."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(le=1)]
Spread = Annotated[float, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Matrix = list[list[Count]]


class Record(BaseModel):
    """Base of all records: immutable, open to additions.

    A number that does not exist, such as a loss that diverged, is ``None``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number(cls, value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def to_json(self) -> dict[str, Any]:
        """The record as ``results.json`` holds it: what was set, ready for JSON."""
        return self.model_dump(mode="json", exclude_unset=True)

    def parts(self) -> dict[str, Any]:
        """The fields that were set, as they are: what a record that has them too is made of."""
        return {name: getattr(self, name) for name in self.model_fields_set}
