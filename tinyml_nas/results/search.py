"""What ``results.json`` holds on the search and on what it was compared with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tinyml_nas.results.record import Count, Fraction, Record, Score, Spread

Limit = Annotated[int | float, Field(gt=0)]


class Genotype(Record):
    """Kept operations of both cells as [operation, source state], node by node.

    State 0 is a cell's input, state 1 its first node; ``concat`` are the states that leave it.
    """

    normal: tuple[tuple[str, Count], ...] = ()
    reduce: tuple[tuple[str, Count], ...] = ()
    concat: tuple[Count, ...] = ()


class SearchEpoch(Record):
    """One epoch of a supernet: its losses, the expected cost, the cost of the derived network.

    ``excess`` is the share by which the expected cost is over the budget, ``entropy`` how undecided
    the alphas are, ``score`` what the selection rule compared (``null`` for epochs that took no
    part).
    """

    epoch: int
    train_loss: float | None = None
    validation_loss: float | None = None
    validation_score: float | None = None
    penalty: float | None = None
    excess: float | None = None
    skip_share: float | None = None
    entropy: float | None = None
    expected_parameters: float | None = None
    expected_macs: float | None = None
    expected_flash_bytes: float | None = None
    expected_latency_seconds: float | None = None
    expected_ram_bytes: float | None = None
    parameters: float | None = None
    macs: float | None = None
    flash_bytes: float | None = None
    latency_seconds: float | None = None
    ram_bytes: float | None = None
    score: float | None = None


class Cells(Record):
    """How a supernet of cells was searched (darts, gdas).

    ``alphas`` holds, per kind of cell, probabilities [epoch][edge][primitive];
    ``edges`` holds [source state, node], nodes counted from 0: node 0 is the state after the
    cell's inputs.  ``mended`` operations were exchanged to keep the budget; a ``runner_up`` differs
    in one gene from the last genotype of its epochs; ``supernet`` counts from 0.
    """

    rule: str = ""
    primitives: list[str] = []
    edges: list[tuple[Count, Count]] = []
    unrolled: bool = False
    sampled: bool = False
    genotype: Genotype
    best_epoch: int | None = None
    mended: Count = 0
    runner_up: bool = False
    supernet: Count = 0
    supernets: Count = 1
    stopped: str | None = None
    epochs: Count = 0
    history: list[SearchEpoch] = []
    alphas: dict[str, list[list[list[float]]]] = {}

    @model_validator(mode="after")
    def _alphas_fit(self) -> Cells:
        for cell, epochs in self.alphas.items():
            for epoch in epochs:
                if len(epoch) != len(self.edges):
                    raise ValueError(f"alphas.{cell} has {len(epoch)} of {len(self.edges)} edges")
                if any(len(edge) != len(self.primitives) for edge in epoch):
                    raise ValueError(f"alphas.{cell} and primitives differ in length")
        return self


class Limits(Record):
    """The hard budget: the most that a network may cost; ``null`` where there is no limit."""

    flash_bytes: Limit | None = None
    ram_bytes: Limit | None = None
    macs: Limit | None = None
    latency_seconds: Limit | None = None


class Point(Record):
    """One trained candidate: exact cost, and score on the held-out folds.

    The score is the mean over the trials at the candidate's highest number of epochs;
    ``comparable`` points were judged on enough of both to stand beside the finalists.  ``loss`` is
    the mean cross-entropy or error of these trials, ``None`` where one of them diverged.
    """

    id: str
    score: Fraction
    score_sd: Spread | None = None
    standard_error: Spread | None = None
    loss: float | None = None
    trials: Count = 1
    epochs: Count = 0
    folds: Count | None = None
    comparable: bool = True
    parameters: Count
    macs: Count
    flash_bytes: Count
    ram_bytes: Count
    latency_seconds: Spread | None = None
    genome: dict[str, Any] = {}


class Rung(Record):
    """Everything that was trained for so many epochs."""

    epochs: Count
    candidates: Count
    trials: Count
    best: Fraction | None = None
    mean: Fraction | None = None


class Search(Record):
    """How the architecture was found.

    ``refused`` counts candidates rejected before training, by what broke worst; ``binding`` are
    the resources of which the chosen one uses nearly all.  ``work`` could be spent and ``spent``
    was, in CPU-seconds of a machine that trains at ``speed`` 1.  Strategies add notes of their own.
    """

    space: str | None = None
    preset: str | None = None
    mode: str | None = None
    work: float | None = None
    speed: float | None = None
    seed: int | None = None
    budget: Limits = Limits()
    drawn: Count = 0
    refused: dict[str, Count] = {}
    trials: Count = 0
    candidates: Count = 0
    binding: list[str] = []
    select: str | None = None
    chosen: str | None = None
    front: list[Point] = []
    points: list[Point] = []
    rungs: list[Rung] = []
    cells: Cells | None = None
    strategy: str
    seconds: float | None = None
    cpu_seconds: float | None = None
    spent: float | None = None
    workers: int | str | None = None
    budget_from: dict[str, str] = {}

    @field_validator("cells", mode="before")
    @classmethod
    def _no_cells(cls, cells: object) -> object:
        """An empty record says that the chosen network is not from a supernet."""
        return cells or None

    @model_validator(mode="after")
    def _chosen_is_known(self) -> Search:
        known = {point.id for point in (*self.points, *self.front)}
        if known and self.chosen is not None and self.chosen not in known:
            raise ValueError(f"chosen is {self.chosen}, which no point has as its id")
        return self

    @property
    def chosen_point(self) -> Point | None:
        """The chosen candidate, where it is on record."""
        return next((p for p in (*self.points, *self.front) if p.id == self.chosen), None)


class Contender(Record):
    """One side of the comparison: a score per seed and what it took.

    ``difference`` is the searched one's mean less this one's.  Flash and RAM are what the target
    needs.  Runs before verdicts also wrote ``standard_error`` and ``beaten``.
    """

    name: str
    kind: Literal["searched", "random", "zoo"]
    scores: list[Score]
    mean: Score
    sd: Spread | None = None
    cpu_seconds: float | None = None
    parameters: Count | None = None
    macs: Count | None = None
    flash_bytes: Count | None = None
    ram_bytes: Count | None = None
    difference: float | None = None
    standard_error: Spread | None = None
    beaten: bool | None = None


class Comparison(Record):
    """The searched network against its controls, each trained over the same seeds.

    ``sentences`` are of runs before verdicts.
    """

    seeds: Count
    metric: str
    searched: Contender
    others: list[Contender] = []
    sentences: list[str] = []
