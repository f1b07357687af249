"""The engine: runs a strategy, answers what the archive knows, hands the rest to the workers."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_nas.console import Console
from tinyml_nas.results.search import Cells
from tinyml_nas.search.archive import Archive
from tinyml_nas.search.evaluator import Evaluator
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.progress import Clock, View
from tinyml_nas.search.spaces import Genome
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate, Outcome, Trial
from tinyml_nas.train.seeding import derive_seed
from tinyml_nas.workers import Workers


@dataclass(frozen=True)
class Trained:
    """What a worker hands back: the outcome, its CPU time, and the process that spent it."""

    outcome: Outcome
    cpu_seconds: float
    process: int


@dataclass(frozen=True)
class Timed:
    """The function of the workers: an evaluator under a stopwatch."""

    evaluator: Evaluator

    def __call__(self, trial: Trial) -> Trained:
        start = time.process_time()
        outcome = self.evaluator(trial)
        return Trained(outcome, time.process_time() - start, os.getpid())


class Engine:
    """One search under way; what a strategy sees of it is ``strategy.Search``.

    All bookkeeping of work and trials counts what was proposed, not what was run, so a resumed
    search takes the same decisions as one that never stopped.
    """

    def __init__(
        self,
        problem: Problem,
        archive: Archive,
        workers: Workers,
        clock: Clock,
        *,
        folder: Path,
        console: Console,
        warm_start: Sequence[Genome] = (),
    ) -> None:
        self.problem = problem
        self.folder = folder
        self.console = console
        self.warm_start = warm_start
        self.notes: dict[str, dict[str, object]] = {}
        self.cells: dict[str, Cells] = {}
        self.candidates: dict[str, Candidate] = {}
        self._archive = archive
        self._workers = workers
        self._clock = clock
        self._work_left = _or_infinite(archive.header["work"])
        self.spent = 0.0
        self._charged: set[str] = set()
        self._view = View(console, problem.budget, problem.training.nas_trials)

    def run(self, propose: Callable[[Search], Proposals]) -> None:
        """Run a strategy to its end, or until the work or the trials are used up."""
        proposals = propose(self)
        try:
            batch = next(proposals)
            while len(outcomes := self._evaluate(batch)) == len(batch):
                batch = proposals.send(outcomes)
        except StopIteration:
            return
        proposals.close()

    def draw(self, *purpose: str | int) -> random.Random:
        """Randomness for one purpose, from the seed of the run."""
        return random.Random(derive_seed(self.problem.seed, "search", *purpose))

    def work_left(self) -> float:
        """CPU-seconds left by the work model; infinite where ``nas_trials`` limits the search."""
        return self._work_left

    def trials_left(self) -> float:
        """Trainings left of ``nas_trials``; infinite where time limits the search."""
        return _or_infinite(self.problem.training.nas_trials) - len(self._charged)

    def work(self, trial: Trial) -> float:
        """CPU-seconds that ``trial`` is expected to take."""
        return self.problem.evaluator.work(trial)

    def spend(self, cpu_seconds: float) -> None:
        """Account for work that a strategy did itself."""
        self._work_left -= cpu_seconds
        self.spent += cpu_seconds

    def _evaluate(self, batch: Sequence[Trial]) -> list[Outcome]:
        """The outcomes of ``batch``, or of as much of its beginning as could be afforded."""
        trials = self._afford(batch)
        fresh = {trial.key: trial for trial in trials if self._archive.get(trial) is None}
        if fresh:
            self._train(list(fresh.values()))
        known = (self._archive.get(trial) for trial in trials)
        return [outcome for outcome in known if outcome is not None]

    def _afford(self, batch: Sequence[Trial]) -> list[Trial]:
        """Charge the trials of ``batch`` in turn until nothing is left; repeats are free.

        The very first trial always goes through: a search without any has nothing to choose.
        """
        afforded = []
        for trial in batch:
            if trial.key not in self._charged:
                if self._charged and min(self.work_left(), self.trials_left()) <= 0:
                    break
                self._charged.add(trial.key)
                self.spend(self.work(trial))
                self.candidates.setdefault(trial.candidate.key, trial.candidate)
            afforded.append(trial)
        return afforded

    def _train(self, trials: Sequence[Trial]) -> None:
        """Train ``trials``, the longest first, and archive them in the order given."""
        work = [self.work(trial) for trial in trials]
        order = sorted(range(len(trials)), key=lambda index: -work[index])
        outcomes: dict[int, Outcome] = {}
        written = 0
        with self.console.board() as board:
            for position, trained in self._workers.map([trials[index] for index in order]):
                outcomes[order[position]] = trained.outcome
                if trained.process != os.getpid():
                    self._clock.add_cpu(trained.cpu_seconds)
                while written in outcomes:
                    self._archive.append(trials[written], outcomes[written])
                    written += 1
                self._view.ran(work[order[position]])
                running = [w for index, w in enumerate(work) if index not in outcomes]
                self._view.draw(board, self._archive.lines, self._seconds_left(running))
        self._clock.save()
        self._view.line(self._archive.lines, self._seconds_left())

    def _seconds_left(self, running: Sequence[float] = ()) -> float | None:
        """Wall time to the end; the work of ``running`` trials is charged, but not yet done."""
        work = max(self._work_left, 0.0) + sum(running)
        return self._view.seconds_left(work, self.trials_left() + len(running))


def _or_infinite(limit: float | None) -> float:
    return math.inf if limit is None else limit
