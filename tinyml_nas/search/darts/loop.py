"""Differentiable architecture search (Liu, Simonyan, Yang: "DARTS", 2019), for 1-D CNNs on a CPU.

1. Every edge of a cell carries a softmax-weighted mixture of all primitives; the alphas behind the
   softmax are shared by all normal cells, and by all reduction cells.  Sampled (Dong & Yang,
   "GDAS", 2019), an edge computes one primitive a step, drawn by its alphas.
2. Each step draws a batch from either half of the training split.  Adam moves the alphas on one
   (loss, expected cost, hinge of the budget, beta-decay), gradient descent the weights on the
   other.
3. Each epoch's alphas and genotype are noted, and a checkpoint written: a search that is killed and
   resumed gives the same bits as an unbroken one.

Which of the genotypes is best is not for the supernet to say: see `propose.py`.  The search runs on
one CPU thread: its tensors are too small to share.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from tinyml_nas.console import Console, Task
from tinyml_nas.errors import DataError
from tinyml_nas.results.search import SearchEpoch
from tinyml_nas.search.cells.genotype import Genotype, discretize
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.darts import gumbel
from tinyml_nas.search.darts.architect import Descent, first_order_gradient, second_order_gradient
from tinyml_nas.search.darts.batches import Streams
from tinyml_nas.search.darts.collapse import (
    BETA_WEIGHT,
    MOST_SKIPS,
    beta_loss,
    entropy,
    reason_to_stop,
    skip_share,
)
from tinyml_nas.search.darts.penalty import METRICS, CostModel
from tinyml_nas.search.darts.settings import SearchSettings
from tinyml_nas.search.darts.supernet import Sample, Supernet
from tinyml_nas.train.checkpoint import load_checkpoint, restoring, save_checkpoint
from tinyml_nas.train.seeding import generator

WEIGHT_LEARNING_RATE = 0.1  # of the supernet; training.learning_rate belongs to the final training
MOMENTUM = 0.9
CLIP_NORM = 5.0
ALPHA_BETAS = (0.5, 0.999)
ALPHA_DECAY = 1e-3
HINGE_WEIGHT = 2.0
"""Weight of the share by which the expected cost exceeds a limit, at the end of the search."""

Mixing = Callable[[Tensor], tuple[Tensor, Sample | None]]
"""From alphas to the mixture and, in a sampled search, the primitives that were drawn."""


@dataclass
class State:
    """All that changes during a search, and all that a checkpoint holds.

    ``tables`` are the softmax probabilities ``(kind, edge, primitive)`` after each epoch.
    """

    weights: Tensor
    velocity: Tensor
    alphas: Tensor
    adam: torch.optim.Adam
    history: list[SearchEpoch] = field(default_factory=list)
    tables: list[Tensor] = field(default_factory=list)
    stopped: str | None = None


@dataclass(frozen=True)
class Darts:
    """One search: the supernet, its cost model, the data and the settings."""

    supernet: Supernet
    cost: CostModel
    streams: Streams
    settings: SearchSettings

    def start(self) -> State:
        """The state before the first epoch."""
        seed, edges = self.settings.seed, len(self.supernet.space.edges)
        weights = self.supernet.initial_weights(generator(seed, "search", "initial weights"))
        draw = generator(seed, "search", "initial alphas")
        alphas = 1e-3 * torch.randn(2, edges, len(PRIMITIVES), generator=draw)
        adam = torch.optim.Adam(
            [alphas.requires_grad_()],
            lr=self.settings.alpha_learning_rate,
            betas=ALPHA_BETAS,
            weight_decay=ALPHA_DECAY,
        )
        return State(weights, torch.zeros_like(weights), alphas, adam)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.streams.steps(self.settings.batch_size)

    def run_epoch(self, state: State, task: Task) -> None:
        """Alternate alpha and weight steps, then note the epoch's alphas, losses and costs."""
        epoch, size, seed = len(state.history), self.settings.batch_size, self.settings.seed
        total, score = 0.0, state.history[-1].validation_score if epoch else None
        seen = "" if score is None else f"  validation {score:.3f}"
        draw = generator(seed, "search", "gumbel", epoch)
        batches = zip(
            self.streams.weights.batches(size, self.steps, seed, epoch),
            self.streams.alphas.batches(size, self.steps, seed, epoch),
            strict=True,
        )
        for step, (for_weights, for_alphas) in enumerate(batches):
            progress = (epoch + step / self.steps) / self.settings.epochs
            loss = self.step(state, for_weights, for_alphas, progress, draw)
            if not math.isfinite(loss):
                raise DataError(
                    f"The loss of the search became {loss} in epoch {epoch + 1}.",
                    hint="Look for extreme values in the data, or lower "
                    "training.nas_learning_rate.",
                )
            total += loss
            task.advance(f"epoch {epoch + 1}  loss {loss:.3f}{seen}")
        state.tables.append(state.alphas.detach().softmax(-1))
        state.history.append(self._record(state, total / self.steps))
        state.stopped = reason_to_stop(state.tables, self.settings.epochs, self.supernet.space)

    def step(
        self,
        state: State,
        for_weights: Tensor,
        for_alphas: Tensor,
        progress: float,
        draw: torch.Generator,
    ) -> float:
        """One alpha step, then one weight step; the loss of the latter."""
        descent = Descent(learning_rate(progress), MOMENTUM, self.settings.weight_decay)
        x, y = self.streams.weights.batch(for_weights)
        alpha_batch = self.streams.alphas.batch(for_alphas)
        mixing = self.mixing(state.alphas.shape, progress, draw)

        def train_loss(weights: Tensor, alphas: Tensor) -> Tensor:
            return self.loss(x, y, weights, *mixing(alphas))

        def search_loss(weights: Tensor, alphas: Tensor) -> Tensor:
            loss = self.loss(*alpha_batch, weights, *mixing(alphas))
            return loss + self.regularization(alphas, progress)

        if self.settings.unrolled:
            state.alphas.grad = second_order_gradient(
                train_loss, search_loss, state.weights, state.alphas, state.velocity, descent
            )
        else:
            state.alphas.grad = first_order_gradient(search_loss, state.weights, state.alphas)
        state.adam.step()

        mixing = self.mixing(state.alphas.shape, progress, draw)
        return self._descend(state, x, y, mixing(state.alphas.detach()), descent)

    def mixing(self, shape: torch.Size, progress: float, draw: torch.Generator) -> Mixing:
        """The mixture as a function of the alphas, with the noise of one step in it."""
        if not self.settings.sampled:
            return lambda alphas: (alphas.softmax(-1), None)
        noise, temperature = gumbel.noise(shape, draw), gumbel.temperature(progress)
        return lambda alphas: gumbel.draw_operations(alphas, noise, temperature)

    def regularization(self, alphas: Tensor, progress: float) -> Tensor:
        """What the alphas are charged beside the loss."""
        settings, probabilities = self.settings, alphas.softmax(-1)
        expected = self.cost.expected(probabilities)
        cost = settings.penalty_weight * self.cost.penalty(expected, settings.mode)
        hinge = HINGE_WEIGHT * progress * self.cost.excess(expected, settings.budget)
        return (cost + hinge).float() + BETA_WEIGHT * progress * beta_loss(alphas)

    def loss(
        self, x: Tensor, y: Tensor, weights: Tensor, mixture: Tensor, sample: Sample | None
    ) -> Tensor:
        """Loss of the supernet."""
        return self.streams.task.loss(self.supernet.logits(x, weights, mixture, sample), y)

    def genotype(self, table: Tensor) -> Genotype:
        """The discrete choice behind the probabilities ``table``."""
        normal, reduce = (discretize(kind, MOST_SKIPS) for kind in table.numpy())
        return Genotype(normal, reduce, self.supernet.space.concat)

    def _descend(
        self,
        state: State,
        x: Tensor,
        y: Tensor,
        mixed: tuple[Tensor, Sample | None],
        descent: Descent,
    ) -> float:
        """One clipped step of the weights; the loss before it."""
        weights = state.weights.detach().requires_grad_()
        loss = self.loss(x, y, weights, *mixed)
        gradient: Tensor = torch.autograd.grad(loss, weights)[0]
        gradient = gradient * (CLIP_NORM / (gradient.norm() + 1e-6)).clamp(max=1.0)
        state.velocity = descent.direction(weights.detach(), gradient, state.velocity)
        state.weights = weights.detach() - descent.learning_rate * state.velocity
        return loss.item()

    def _record(self, state: State, train_loss: float) -> SearchEpoch:
        table, space = state.tables[-1], self.supernet.space
        # sampled weights were never trained for sums of operations
        mixture = gumbel.likeliest(table) if self.settings.sampled else table
        loss, score = evaluate(
            self.supernet, state.weights, mixture, self.streams, self.settings.seed
        )
        expected, exact = self.cost.expected(table), self.cost.exact(self.genotype(table))
        return SearchEpoch(
            epoch=len(state.history),
            train_loss=train_loss,
            validation_loss=loss,
            validation_score=score,
            penalty=self.cost.penalty(expected, self.settings.mode).item(),
            excess=self.cost.excess(expected, self.settings.budget).item(),
            skip_share=skip_share(table, space),
            entropy=entropy(table, space),
            **{f"expected_{n}": v for n, v in zip(METRICS, expected.tolist(), strict=True)},
            **dict(zip(METRICS, exact.tolist(), strict=True)),
        )


def run_search(darts: Darts, path: Path, console: Console) -> State:
    """The state after the last epoch; resumes from the checkpoint at ``path`` and updates it."""
    state = _restore(path, darts, console) if path.exists() else darts.start()
    epochs = darts.settings.epochs
    total, done = epochs * darts.steps, len(state.history) * darts.steps
    with _one_thread(), console.track("supernet", total, done=done) as task:
        while len(state.history) < epochs and state.stopped is None:
            darts.run_epoch(state, task)
            _save(path, darts, state)
    return state


def evaluate(
    supernet: Supernet, weights: Tensor, mixture: Tensor, streams: Streams, seed: int
) -> tuple[float, float]:
    """Loss and score over the validation stream."""
    stream, task = streams.validation, streams.plain
    order = stream.chunks(seed)
    with torch.no_grad():
        parts = [supernet.logits(stream.batch(i)[0], weights.detach(), mixture) for i in order]
    outputs, wanted = torch.cat(parts), stream.y[torch.cat(order)]
    return task.loss(outputs, wanted).item(), task.score(outputs, wanted, wanted)


def learning_rate(progress: float) -> float:
    """Step size of the weights after a share of the search: a cosine down to one hundredth."""
    return WEIGHT_LEARNING_RATE * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def fingerprint(darts: Darts) -> str:
    """Names space, settings and data: a checkpoint of another search must not be resumed."""
    digest = hashlib.sha256(f"{darts.supernet.space} {darts.settings}".encode())
    digest.update(darts.cost.tables.numpy().tobytes())
    for stream in (darts.streams.weights, darts.streams.alphas, darts.streams.validation):
        digest.update(stream.x.numpy().tobytes())
        digest.update(stream.y.numpy().tobytes())
    return digest.hexdigest()


def _save(path: Path, darts: Darts, state: State) -> None:
    record = {
        "fingerprint": fingerprint(darts),
        "weights": state.weights,
        "velocity": state.velocity,
        "alphas": state.alphas,
        "adam": state.adam.state_dict(),
        "history": [epoch.model_dump() for epoch in state.history],
        "tables": state.tables,
        "stopped": state.stopped,
    }
    save_checkpoint(path, record)


def _restore(path: Path, darts: Darts, console: Console) -> State:
    record = load_checkpoint(path)
    state = darts.start()
    if record.get("fingerprint") != fingerprint(darts):
        console.warning(f"{path} belongs to another search; starting again")
        return state
    with restoring(path), torch.no_grad():
        state.weights, state.velocity = record["weights"], record["velocity"]
        state.alphas.copy_(record["alphas"])
        state.adam.load_state_dict(record["adam"])
        state.history = [SearchEpoch(**epoch) for epoch in record["history"]]
        state.tables = record["tables"]
        state.stopped = record["stopped"]
    return state


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch with a single thread, which also keeps the order of every sum the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
