"""Differentiable architecture search (Liu, Simonyan, Yang: "DARTS", 2019), for 1-D CNNs on a CPU.

1. Every edge of a cell carries a softmax-weighted mixture of all primitives; the alphas behind the
   softmax are shared by all normal cells, and by all reduction cells.
2. Each step draws a batch from either half of the training split.  Adam moves the alphas on the one
   (loss plus the expected cost), gradient descent moves the weights on the other.
3. Each epoch's genotype is noted, and a checkpoint written: a search that is killed and resumed
   gives the same bits as an unbroken one.
4. In the end the genotypes of the later half of the epochs are compared on the validation split, as
   discrete paths through the one, final supernet; the best of them, not the last, is derived.

The search runs on one CPU thread: its tensors are too small to share.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.config import Config
from tinyml_nas.console import Console, Task
from tinyml_nas.errors import DataError
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import Shape, network_cost
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Genotype, discretize
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.cells.space import SearchSpace
from tinyml_nas.search.darts.architect import Descent, first_order_gradient, second_order_gradient
from tinyml_nas.search.darts.choice import RULE, as_mixture, evaluate, select
from tinyml_nas.search.darts.penalty import METRICS, CostModel, cost_model
from tinyml_nas.search.darts.stream import Streams, make_streams
from tinyml_nas.search.darts.supernet import Supernet
from tinyml_nas.search.result import CellsResult as SearchResult
from tinyml_nas.search.result import EpochRecord
from tinyml_nas.search.settings import SearchSettings, settings_from_config, space_from_config
from tinyml_nas.train.checkpoint import load_checkpoint, save_checkpoint
from tinyml_nas.train.seeding import generator

WEIGHT_LEARNING_RATE = 0.1  # of the supernet; training.learning_rate belongs to the final training
MOMENTUM = 0.9
CLIP_NORM = 5.0
ALPHA_BETAS = (0.5, 0.999)
ALPHA_DECAY = 1e-3
FEW_STEPS = 5
ADAPTATION_STEPS = 30


@dataclass
class State:
    """All that changes during a search, and all that a checkpoint holds."""

    weights: Tensor
    velocity: Tensor
    alphas: Tensor
    adam: torch.optim.Adam
    history: list[EpochRecord] = field(default_factory=list)
    tables: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0


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
        """Alternate alpha and weight steps, then note the epoch's genotype and losses."""
        epoch, size, seed = len(state.history), self.settings.batch_size, self.settings.seed
        total, accuracy = 0.0, state.history[-1]["validation_accuracy"] if epoch else None
        seen = "" if accuracy is None else f"  validation {accuracy:.1%}"
        batches = zip(
            self.streams.weights.batches(size, self.steps, seed, epoch),
            self.streams.alphas.batches(size, self.steps, seed, epoch),
            strict=True,
        )
        for step, (for_weights, for_alphas) in enumerate(batches):
            rate = learning_rate(epoch + step / self.steps, self.settings.epochs)
            loss = self.step(state, for_weights, for_alphas, rate)
            if not math.isfinite(loss):
                raise DataError(
                    f"the loss of the search became {loss} in epoch {epoch + 1}",
                    hint="look for extreme values in the data, or lower training.nas_learning_rate",
                )
            total += loss
            task.advance(f"epoch {epoch + 1}  loss {loss:.3f}{seen}")
        state.tables.append(state.alphas.detach().softmax(-1))
        state.history.append(self._record(state, total / self.steps))

    def step(self, state: State, for_weights: Tensor, for_alphas: Tensor, rate: float) -> float:
        """One alpha step, then one weight step; the loss of the latter."""
        descent = Descent(rate, MOMENTUM, self.settings.weight_decay)
        x, y = self.streams.weights.batch(for_weights)
        alpha_batch = self.streams.alphas.batch(for_alphas)

        def train_loss(weights: Tensor, alphas: Tensor) -> Tensor:
            return self.loss(x, y, weights, alphas.softmax(-1))

        def search_loss(weights: Tensor, alphas: Tensor) -> Tensor:
            mixture = alphas.softmax(-1)
            penalty = self.cost.penalty(mixture, self.settings.mode)
            return (
                self.loss(*alpha_batch, weights, mixture) + self.settings.penalty_weight * penalty
            )

        if self.settings.unrolled:
            state.alphas.grad = second_order_gradient(
                train_loss, search_loss, state.weights, state.alphas, state.velocity, descent
            )
        else:
            state.alphas.grad = first_order_gradient(search_loss, state.weights, state.alphas)
        state.adam.step()

        frozen = state.alphas.detach().softmax(-1)
        state.weights, state.velocity, loss = self.descend(
            state.weights, state.velocity, for_weights, frozen, descent
        )
        return loss

    def descend(
        self, weights: Tensor, velocity: Tensor, indices: Tensor, mixture: Tensor, descent: Descent
    ) -> tuple[Tensor, Tensor, float]:
        """Weights and velocity after one clipped step, and the loss before it."""
        weights = weights.detach().requires_grad_()
        loss = self.loss(*self.streams.weights.batch(indices), weights, mixture)
        gradient: Tensor = torch.autograd.grad(loss, weights)[0]
        gradient = gradient * (CLIP_NORM / (gradient.norm() + 1e-6)).clamp(max=1.0)
        weights = weights.detach()
        velocity = descent.direction(weights, gradient, velocity)
        return weights - descent.learning_rate * velocity, velocity, loss.item()

    def loss(self, x: Tensor, y: Tensor, weights: Tensor, mixture: Tensor) -> Tensor:
        """Cross-entropy of the supernet."""
        logits = self.supernet.logits(x, weights, mixture)
        return F.cross_entropy(logits, y, weight=self.streams.class_weights)

    def genotype(self, probabilities: Tensor) -> Genotype:
        """The discrete choice behind ``probabilities``."""
        normal, reduce = (discretize(table) for table in probabilities.numpy())
        return Genotype(normal, reduce, self.supernet.space.concat)

    def _record(self, state: State, train_loss: float) -> EpochRecord:
        mixture = state.tables[-1]
        seed, validation = self.settings.seed, self.streams.validation
        loss, accuracy = evaluate(self.supernet, state.weights, mixture, validation, seed)
        expected = dict(zip(METRICS, self.cost.expected(mixture).tolist(), strict=True))
        exact = network_cost(derive(self.genotype(mixture), self.supernet.space))
        return EpochRecord(
            epoch=len(state.history),
            train_loss=train_loss,
            validation_loss=loss,
            validation_accuracy=accuracy,
            penalty=self.cost.penalty(mixture, self.settings.mode).item(),
            expected_parameters=expected["parameters"],
            expected_macs=expected["macs"],
            parameters=exact.parameters,
            macs=exact.macs,
            score=None,
        )

    def finish(self, state: State, console: Console) -> SearchResult:
        """Compare the genotypes of the later epochs and derive the network of the best."""
        genotypes = [self.genotype(table) for table in state.tables]
        candidates = list(dict.fromkeys(genotypes[len(genotypes) // 2 :]))
        with console.track("comparing genotypes", len(candidates)) as task:
            scores = {}
            for genotype in candidates:
                scores[genotype] = self.score(genotype, state.weights)
                task.advance(f"score {scores[genotype]:.3f}")
        for epoch, record in enumerate(state.history):
            late = epoch >= len(genotypes) // 2
            record["score"] = scores[genotypes[epoch]] if late else None
        best = select([record["score"] for record in state.history])
        return SearchResult(
            network=derive(genotypes[best], self.supernet.space, self.settings.name),
            genotype=genotypes[best],
            best_epoch=best,
            rule=RULE,
            history=tuple(state.history),
            normal=tuple(table[0].numpy() for table in state.tables),
            reduce=tuple(table[1].numpy() for table in state.tables),
            edges=self.supernet.space.edges,
            seconds=state.seconds,
            settings=self.settings,
        )

    def score(self, genotype: Genotype, weights: Tensor) -> float:
        """Validation loss of the discrete path plus its weighted cost.

        The path first takes a few steps from the supernet's ``weights``, the same for every
        genotype: they were trained for sums, and a lone operation would be judged by their scale.
        """
        mixture, seed = as_mixture(genotype), self.settings.seed
        descent = Descent(WEIGHT_LEARNING_RATE, MOMENTUM, self.settings.weight_decay)
        size, velocity = self.settings.batch_size, torch.zeros_like(weights)
        steps = min(self.steps, ADAPTATION_STEPS)
        for indices in self.streams.weights.batches(size, steps, seed, "adaptation"):
            weights, velocity, _ = self.descend(weights, velocity, indices, mixture, descent)
        loss, _ = evaluate(self.supernet, weights, mixture, self.streams.validation, seed)
        cost = self.cost.penalty(mixture, self.settings.mode).item()
        return loss + self.settings.penalty_weight * cost


def search(
    features: FeatureSet, config: Config, *, folder: Path, resume: bool, console: Console
) -> SearchResult:
    """The network that suits ``features``, found as ``config.training`` says.

    ``folder/checkpoint.npz`` is written after each epoch and read first when ``resume`` is set.
    Only the training and validation splits are used.
    """
    settings = settings_from_config(config)
    shape = Shape(*features.train.x.shape[1:])
    space = space_from_config(config, shape, len(features.class_names))
    return run_search(features, space, settings, folder=folder, resume=resume, console=console)


def run_search(
    features: FeatureSet,
    space: SearchSpace,
    settings: SearchSettings,
    *,
    folder: Path,
    resume: bool,
    console: Console,
) -> SearchResult:
    """:func:`search` for a given space and settings."""
    streams = make_streams(features, balanced=settings.balanced, seed=settings.seed)
    darts = Darts(Supernet(space), cost_model(space), streams, settings)
    if darts.steps < FEW_STEPS:
        console.warning(
            f"an epoch of the search has only {darts.steps} steps, so the alphas stay close to "
            f"noise; lower training.nas_batch_size ({settings.batch_size}) or add windows"
        )
    path = folder / "checkpoint.npz"
    state = _restore(path, darts, console) if resume and path.exists() else darts.start()
    total, done = settings.epochs * darts.steps, len(state.history) * darts.steps
    with _one_thread(), console.track("search", total, done=done) as task:
        while len(state.history) < settings.epochs:
            began = time.monotonic()
            darts.run_epoch(state, task)
            state.seconds += time.monotonic() - began
            _save(path, darts, state)
        return darts.finish(state, console)


def learning_rate(epoch: float, epochs: int) -> float:
    """Step size of the weights at a fractional ``epoch``: a cosine down to one hundredth."""
    return WEIGHT_LEARNING_RATE * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / epochs)) / 2)


def fingerprint(darts: Darts) -> str:
    """Names space, settings and data: a checkpoint of another search must not be resumed."""
    digest = hashlib.sha256(f"{darts.supernet.space} {darts.settings}".encode())
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
        "history": state.history,
        "tables": state.tables,
        "seconds": state.seconds,
    }
    save_checkpoint(path, record)


def _restore(path: Path, darts: Darts, console: Console) -> State:
    record = load_checkpoint(path)
    state = darts.start()
    if record.get("fingerprint") != fingerprint(darts):
        console.warning(f"{path} belongs to another search; starting again")
        return state
    state.weights, state.velocity = record["weights"], record["velocity"]
    with torch.no_grad():
        state.alphas.copy_(record["alphas"])
    state.adam.load_state_dict(record["adam"])
    state.history, state.tables = record["history"], record["tables"]
    state.seconds = record["seconds"]
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
