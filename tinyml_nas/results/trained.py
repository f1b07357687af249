"""The record of one model: what it costs, how it was trained and quantized, and how it did."""

from __future__ import annotations

from typing import Any, Literal

from tinyml_nas.results.export import Buffer, Exported, Npu, NpuProgram, Proof
from tinyml_nas.results.reach_words import Reach
from tinyml_nas.results.record import Count, Record, Score, Spread
from tinyml_nas.results.task import Tests

Role = Literal["searched", "chosen", "baseline", "random", "zoo"]
"""What a model is in a run."""


class LayerCost(Record):
    """Cost of one layer; the shape [channels, length] is its output's.

    ``flash_bytes`` contain ``table_bytes``, its weights and what belongs to them.
    """

    name: str
    kind: str
    output_shape: tuple[Count, Count] | None = None
    parameters: Count
    macs: Count
    table_bytes: Count = 0
    flash_bytes: Count


class Cost(Record):
    """Cost of one inference, computed from the graph; RAM is the planned arena.

    ``parameters`` are weights and biases after batch-norm folding.  The ``device_`` fields are what
    the cost tables promise for the target device: with headroom for code, and in octets where its
    bytes have 16 bits.  Older runs lack them.
    """

    parameters: Count
    macs: Count
    table_bytes: Count = 0
    flash_bytes: Count
    ram_bytes: Count
    device_flash_bytes: Count | None = None
    device_ram_bytes: Count | None = None
    layers: list[LayerCost] = []


class TrainEpoch(Record):
    """One epoch of training; no validation figures where no example validates."""

    epoch: int
    train_loss: float | None = None
    validation_loss: float | None = None
    validation_score: float | None = None
    learning_rate: float | None = None


class Training(Record):
    """How the model was trained; the best epoch is the one that was kept."""

    epochs: Count
    best_epoch: int | None = None
    seconds: float | None = None
    history: list[TrainEpoch] = []


class LayerBits(Record):
    """The weights of one layer; ``sensitivity`` is the growth of the validation loss by its bits.

    ``sqnr_db`` compares the layer's output with that of the float model on calibration windows.
    """

    name: str
    bits: Count
    weight_bytes: Count
    sqnr_db: float | None = None
    sensitivity: dict[str, float | None] = {}


class TriedBits(Record):
    """Bits of the layers that were left open, and the validation score that they gave."""

    bits: list[Count]
    score: float | None = None


class MixedBits(Record):
    """What chose the bits: the float model's validation score, and the lowest that was to hold."""

    float_score: float
    floor: float
    held: bool
    tried: list[TriedBits] = []


class Quantization(Record):
    """How the float model became int8.

    ``ptq_validation_score`` is that of the calibrated model; what is ``qat`` was fine-tuned, where
    that was ``requested``.
    """

    method: str
    calibration: str | None = None
    calibration_windows: Count | None = None
    ptq_validation_score: float | None = None
    requested: str | None = None
    qat_validation_score: float | None = None
    qat_epochs: Count | None = None
    qat_best_epoch: int | None = None
    history: list[TrainEpoch] = []
    seconds: float | None = None
    layers: tuple[LayerBits, ...] = ()
    auto: MixedBits | None = None

    @property
    def validation_score(self) -> float | None:
        """Score of what was kept, where anything validates."""
        return self.qat_validation_score if self.method == "QAT" else self.ptq_validation_score


class SplitScore(Record):
    """Scores by side; at most 1, higher is better."""

    validation: Score | None = None
    test: Score | None = None


class Scores(Record):
    """Score before and after quantization; ``int8`` is empty where none was asked for."""

    float: SplitScore
    int8: SplitScore = SplitScore()


class ScoreSd(Record):
    """Standard deviation of the test score over the seeds; empty where there was one."""

    float: Spread | None = None
    int8: Spread | None = None


class SeedScore(Record):
    """Score of the same network trained from another seed; one of them is shipped."""

    seed: int
    float_validation: Score | None = None
    int8_validation: Score | None = None
    float_test: Score | None = None
    int8_test: Score | None = None
    shipped: bool = False


class Equality(Record):
    """How far a network was from its source on ``windows``, in parts of the largest score."""

    windows: Count
    difference: float
    tolerance: float


class Source(Record):
    """The user's own file that a network was read from; ``notes`` say what differs in form.

    ``validation_score`` is that of weights which came along, as they came.
    """

    file: str
    sha256: str
    notes: list[str] = []
    equality: Equality
    validation_score: float | None = None


class ModelTest(Record):
    """How a network did over all seeds; ``score`` and ``test`` are the shipped one's."""

    score: Scores
    score_sd: ScoreSd = ScoreSd()
    seeds: list[SeedScore] = []
    test: Tests = Tests()


class Model(Proof, ModelTest, Exported):
    """One trained, quantized and exported network; all but ``seeds`` is of the shipped seed.

    ``reach`` is what it sees of a window; older runs lack it.  ``npu_program`` is there where the
    accelerator runs it.
    """

    role: Role
    network: dict[str, Any] = {}
    source: Source | None = None
    cost: Cost
    reach: Reach | None = None
    npu: Npu | None = None
    npu_program: NpuProgram | None = None
    training: Training
    quantization: Quantization | None = None
    memory: list[Buffer] = []

    @property
    def flash_bytes(self) -> int:
        """A model's flash, wherever one figure is meant: the promise for the target device.

        Plans, budgets, searches and verdicts use it, because it is known before any C exists and is
        the same on every machine.  What a linker made of it is ``linked``, by core.
        """
        promised = self.cost.device_flash_bytes
        return self.cost.flash_bytes if promised is None else promised

    @property
    def ram_bytes(self) -> int:
        """A model's RAM: the arena on the target device."""
        promised = self.cost.device_ram_bytes
        return self.cost.ram_bytes if promised is None else promised
