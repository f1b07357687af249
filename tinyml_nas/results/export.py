"""What ``results.json`` says of a model's C: its memory and code, its proof, its stream."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tinyml_nas.errors import ParityError
from tinyml_nas.results.record import Count, Digest, Fraction, Record

STREAM_CARRIER = "Ethos-U command stream"
"""Start of the carrier's name; the accelerator follows."""


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
    """Flash of the linked model on one core, without start-up code or harness.

    ``text_bytes`` contains ``library_bytes``, the compiler's arithmetic helpers (a 64-bit
    multiply on Cortex-M0).  The optional float quantization of the input is not linked.
    """

    flash_bytes: Count
    text_bytes: Count
    rodata_bytes: Count
    library_bytes: Count = 0


FlashGroup = Literal["API", "layers", "kernels", "compiler library", "tables", "filling"]
"""``layers`` has a function and a constant record for each layer, ``tables`` has weights and what
belongs to them, ``filling`` is the bytes without a name, most of them for alignment."""


class FlashSymbol(Record):
    """A function or table and its bytes of flash; names of the model's own lack the prefix."""

    section: str
    group: FlashGroup
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


class Measured(Record):
    """What the C takes by core, of the compiler that needs most; ``compilers`` has each one's.

    ``qdq_agreement`` is the share of answers that the QDQ file has in common with the int8 model.
    """

    linked: dict[str, Linked] = {}
    instructions: dict[str, Count] = {}
    layer_instructions: dict[str, dict[str, Count]] = {}
    stack_bytes: dict[str, Count] = {}
    stack_frames: dict[str, list[StackFrame]] = {}
    flash_symbols: dict[str, list[FlashSymbol]] = {}
    compilers: dict[str, dict[str, Build]] = {}
    qdq_agreement: Fraction | None = None


class Carrier(Record):
    """What one carrier of the integer model showed: how many values were compared, and differ."""

    name: str
    status: Literal["proven", "failed", "not proven"]
    values: Count = 0
    mismatches: Count = 0
    detail: str = ""


class Parity(Record):
    """The proof: ``vectors`` inputs through every carrier."""

    vectors: Count
    carriers: list[Carrier] = []

    @property
    def failed(self) -> list[Carrier]:
        """Carriers that gave other bits."""
        return [carrier for carrier in self.carriers if carrier.status == "failed"]

    def require(self) -> None:
        """Raise ``ParityError`` when any carrier gave other bits."""
        if self.failed:
            raise ParityError(
                "; ".join(f"{carrier.name}: {carrier.detail}" for carrier in self.failed),
                hint="these files do not compute the trained model, so do not ship them; "
                "if nobody edited them, please report it with the run folder",
            )


class StreamCost(Record):
    """What a stream takes on one core: linked flash with the network, and the longest push.

    ``frame_instructions`` are those of a frame's features and of storing its samples, without the
    network's; ``ram_bytes`` are all that a stream needs, the arena of the network included.
    """

    flash_bytes: Count
    ram_bytes: Count
    stack_bytes: Count
    frame_instructions: Count


class Agreement(Record):
    """How int16 samples and integer features compare with the float features of the training.

    Shares of equal int8 inputs and labels; differences are in steps of the int8 input.
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


class Proof(Measured):
    """What running a model's files showed."""

    parity: Parity | None = None
    stream: Stream | None = None


class Placement(Record):
    """Where a layer can run: on the accelerator, which calls it ``pattern``, or on the core.

    ``reason`` says why the accelerator cannot take it; ``mend`` what to change, or under what
    condition it takes the layer.
    """

    layer: str
    kind: str
    pattern: str
    on_npu: bool
    reason: str = ""
    mend: str = ""


class NpuOperation(Record):
    """What the compiler estimates for one operation of the accelerator, named as a tensor here."""

    name: str
    operation: str
    cycles: Count
    macs: Count


class NpuProgram(Record):
    """The program of an accelerator; ``cycles`` are an estimate of its ``compiler``.

    ``core_layers`` are those that it leaves to the core; the bytes are of commands, weights and
    of the memory that it writes.
    """

    accelerator: str
    compiler: str
    clock_hz: Count
    cycles: Count
    command_bytes: Count
    weight_bytes: Count
    ram_bytes: Count
    operations: list[NpuOperation] = []
    core_layers: list[str] = []

    @property
    def seconds(self) -> float:
        """Time of one inference, by the estimate."""
        return self.cycles / self.clock_hz


class Npu(Record):
    """What the device's accelerator can take; ``basis`` is where its rules are from.

    ``macs_share`` is the share of the network's MACs that run there.
    """

    npu: str
    basis: str
    placements: list[Placement]
    macs_share: Fraction

    @property
    def on_core(self) -> list[Placement]:
        """What is left to the core."""
        return [placement for placement in self.placements if not placement.on_npu]

    def sentences(self) -> list[str]:
        """What to tell the user: how much runs there, and each layer that does not."""
        count = len(self.placements)
        head = (
            f"{self.npu} can take {count - len(self.on_core)} of {count} layers, "
            f"{self.macs_share:.0%} of the MACs"
        )
        return [head, *(f"on the core: {p.layer}: {p.reason}; {p.mend}" for p in self.on_core)]
