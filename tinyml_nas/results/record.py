"""What all records of ``results.json`` share: their base and the kinds of numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(le=1)]
Spread = Annotated[float, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Matrix = list[list[Count]]


class Record(BaseModel):
    """Base of all records: immutable, open to additions."""

    model_config = ConfigDict(extra="allow", frozen=True)
