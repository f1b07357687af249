"""The last training: a network with one seed, from initial weights to integer model.

A job goes on from its checkpoints, and a finished one returns at once with the same bits.  So all
that a worker process has to do is to leave finished checkpoints behind.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tinyml_nas.config.sections.training import Training
from tinyml_nas.console import Console
from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.graph import Network
from tinyml_nas.importers.model import Imported
from tinyml_nas.quantize import Quantized, quantize
from tinyml_nas.quantize.reference import real_outputs
from tinyml_nas.train.builder import NetworkModule, build_module
from tinyml_nas.train.loop import FitResult, Normalizer, fit, predict
from tinyml_nas.train.recipe import Recipe
from tinyml_nas.train.seeding import derive_seed, generator, make_deterministic
from tinyml_nas.train.tasks import task_of
from tinyml_nas.workers import open_workers


@dataclass(frozen=True)
class Entrant:
    """A network to be trained for good: its role in the run, and its recipe.

    With ``imported`` weights training starts from these; with no epochs they stay.
    """

    role: str
    network: Network
    recipe: Recipe
    imported: Imported | None = None


@dataclass(frozen=True)
class Job:
    """One training of an entrant, with the seed of that number."""

    entrant: Entrant
    number: int

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{self.entrant.network.name} ({self.entrant.role}), seed {self.number}"


@dataclass(frozen=True)
class Fitted:
    """The outcome of a job; ``validation`` by precision, empty where nothing validates."""

    module: NetworkModule
    training: FitResult
    quantized: Quantized | None
    validation: dict[str, float]


@dataclass(frozen=True)
class FinalFit:
    """Trains and quantizes; ``features`` have no test side, ``add_terms`` as in ``lower``."""

    features: FeatureSet
    training: Training
    seed: int
    folder: Path
    add_terms: int | None = None

    def __call__(self, job: Job, console: Console) -> Fitted:
        """The trained and quantized network of ``job``."""
        entrant = job.entrant
        folder = self.folder / entrant.role / f"seed{job.number}"
        seed = derive_seed(self.seed, "train", job.number)
        module = build_module(entrant.network, generator(seed, "weights"))
        if entrant.imported is not None:
            module.load_state_dict(entrant.imported.state)
        result = fit(
            module, self.features, entrant.recipe, seed=seed, checkpoint=folder / "checkpoint.npz",
            console=console, title=f"train {job.title}",
        )  # fmt: skip
        if entrant.imported is not None:
            result = _better(entrant.imported, result, job.title, console)
        module.load_state_dict(result.state)
        module.cpu().eval()
        quantized = None
        if self.training.quantization:
            quantized = quantize(
                module, self.features, self.training, entrant.recipe,
                seed=derive_seed(seed, "quantize"), checkpoint=folder / "fine_tuning.npz",
                console=console, title=f"fine-tune {job.title}", add_terms=self.add_terms,
            )  # fmt: skip
        return Fitted(module, result, quantized, self._validated(module, quantized))

    def _validated(self, module: NetworkModule, quantized: Quantized | None) -> dict[str, float]:
        """Score by precision; empty where nothing validates."""
        if not len(self.features.validation):
            return {}
        task = task_of(self.features)
        judged = task.judged(self.features.validation)
        y = torch.from_numpy(judged.y)
        answered = answers(module, quantized, self.features, judged)
        return {p: task.score(outputs, task.wanted(y), y) for p, outputs in answered.items()}

    def in_worker(self, job: Job) -> None:
        """Do ``job`` in a process of its own, for its checkpoints."""
        make_deterministic()
        self(job, Console(quiet=True))


def _better(imported: Imported, trained: FitResult, title: str, console: Console) -> FitResult:
    """``trained``, or the weights as they came where training on made them worse on validation."""
    before, after = imported.validation_score, trained.validation_score
    if before is None or after is None or after >= before:
        return trained
    console.warning(
        f"{title}: training on made it worse, {after:.3f} on validation after {before:.3f}: the "
        "weights as they came are kept. A lower training.learning_rate may help."
    )
    return dataclasses.replace(trained, state=imported.state, best_epoch=None)


def fit_all(
    final: FinalFit,
    entrants: Sequence[Entrant],
    seeds: int,
    workers: int | str,
    console: Console,
) -> list[tuple[Fitted, ...]]:
    """For each entrant its trainings, seed by seed; ``workers`` processes share the work.

    The checkpoints lie on this machine, so ``ray`` here means all of its cores.
    """
    jobs = [Job(entrant, number) for entrant in entrants for number in range(seeds)]
    count = min(len(jobs), os.cpu_count() or 1 if isinstance(workers, str) else workers)
    if count > 1:
        with (
            console.track(f"train {len(jobs)} models", len(jobs)) as task,
            open_workers(final.in_worker, count) as pool,
        ):
            for index, _ in pool.map(jobs):
                task.advance(jobs[index].title)
    fits = [final(job, console) for job in jobs]
    return [tuple(fits[start : start + seeds]) for start in range(0, len(fits), seeds)]


def best_seed(fits: Sequence[Fitted]) -> int:
    """Number of the seed to ship: the best on validation, as int8 if there is one, else the first.

    Of equals the lower number; the first one too where nothing validates.
    """
    scores = [fitted.validation.get("int8", fitted.validation.get("float", 0.0)) for fitted in fits]
    return scores.index(max(scores))


def answers(
    module: NetworkModule, quantized: Quantized | None, features: FeatureSet, part: Examples
) -> dict[str, Tensor]:
    """Outputs (N, K) for ``part`` by precision: float, and int8 where there is one."""
    found = {"float": predict(module, Normalizer(features)(torch.from_numpy(part.x)))}
    if quantized is not None:
        found["int8"] = torch.from_numpy(real_outputs(quantized.integer, part.x))
    return found


def refit_features(features: FeatureSet) -> FeatureSet:
    """Training and validation examples as one training side, and nothing to validate on."""
    none = features.validation.taken(np.arange(0))
    return dataclasses.replace(features, train=features.known(), validation=none)
