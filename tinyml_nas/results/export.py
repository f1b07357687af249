"""What ``results.json`` says of a model's C: its memory and code, its proof, its stream."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tinyml_nas.results.record import Count, Digest, Fraction, Record


class Exported(Record):
    """A model and its files in the run folder: by what they are, and the SHA-256 of each.

    ``model_hash`` is that of the integer model, as the C's ``MODEL_HASH`` says it.
    """

    role: str
    name: str
    files: dict[str, str] = {}
    sha256: dict[str, Digest] = {}
    model_hash: str | None = None


class Buffer(Record):
    """A tensor in the arena, alive from layer ``first`` (-1: the caller) to layer ``last``."""

    name: str
    offset: Count
    size_bytes: Count
    first: Annotated[int, Field(ge=-1)]
    last: Annotated[int, Field(ge=-1)]


class Linked(Record):
    """Sizes of the linked object for one core."""

    flash_bytes: Count
    text_bytes: Count
    rodata_bytes: Count


class FlashSymbol(Record):
    """A function or table of the linked object; ``filling`` has no name."""

    section: str
    group: Literal["API", "layers", "kernels", "compiler library", "tables", "filling"]
    name: str
    size_bytes: Count


class Build(Record):
    """What the code of one compiler takes on one core."""

    instructions: Count
    flash_bytes: Count
    stack_bytes: Count


class StackFrame(Record):
    """What a function keeps on the stack where that is deepest."""

    function: str
    size_bytes: Count


class Carrier(Record):
    """One carrier of the integer model and whether it gave the same bits."""

    name: str
    status: Literal["proven", "failed", "not proven"]
    values: Count = 0
    mismatches: Count = 0
    detail: str = ""


class Parity(Record):
    """The proof: ``vectors`` inputs through every carrier."""

    vectors: Count
    carriers: list[Carrier] = []


class StreamCost(Record):
    """What a stream takes on one core, its network included; instructions without the network's."""

    flash_bytes: Count
    ram_bytes: Count
    stack_bytes: Count
    frame_instructions: Count


class Agreement(Record):
    """How int16 samples and integer features compare with the float features of the training.

    Differences are in steps of the int8 input.
    """

    windows: Count
    inputs_equal: Fraction
    mean_difference: float
    largest_difference: Count
    labels_equal: Fraction


class Voting(Record):
    """``agreeing`` of the last ``windows`` give the label."""

    windows: Count
    agreeing: Count


class Stream(Record):
    """The way from int16 samples to labels in C; ``lsb`` is what one count stands for."""

    operations: list[str]
    lsb: list[float]
    frame_rows: Count
    hop: Count
    joined: Count
    voting: Voting
    agreement: Agreement
    cost: dict[str, StreamCost] = {}


class Placement(Record):
    """Where a layer can run: on the accelerator, which calls it ``pattern``, or on the core."""

    layer: str
    kind: str
    pattern: str
    on_npu: bool
    reason: str = ""
    mend: str = ""


class Npu(Record):
    """What the device's accelerator can take; ``basis`` is where its rules are from."""

    npu: str
    basis: str
    placements: list[Placement]
    macs_share: Fraction
