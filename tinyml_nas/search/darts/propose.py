"""From supernets to trials: which genotypes a differentiable search proposes, and for how long.

The score of a supernet says little about the networks in it.  So the genotypes of the later half
of the epochs, mended where they break the budget, are trained as what they are, a short time on
every fold; the best of them once more, for longer.  Where they are fewer than eight, the likeliest
genotypes that differ in one gene from the last ones fill up.

Alphas that start elsewhere often end elsewhere (the DARTS paper itself chooses among four runs), so
as many supernets are trained as the time allows, three at most.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_nas.results.search import Cells
from tinyml_nas.search.allocation import epochs_for, on_every_fold, whole_epochs
from tinyml_nas.search.cells.primitives import PRIMITIVES
from tinyml_nas.search.darts.batches import make_streams
from tinyml_nas.search.darts.loop import Darts, State, run_search
from tinyml_nas.search.darts.mend import Mended, Mender
from tinyml_nas.search.darts.penalty import cost_model
from tinyml_nas.search.darts.settings import SearchSettings, settings_of, step_seconds
from tinyml_nas.search.darts.supernet import Supernet
from tinyml_nas.search.spaces.cells import CellSpace
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Candidate, Outcome, Trial
from tinyml_nas.train.seeding import derive_seed

RULE = (
    "the genotypes of the later half of the epochs, mended to fit the budget, and the likeliest "
    "that differ in one gene, are trained for a short time on every fold, the best of them once "
    "more for longer; nas_select chooses by the mean score on the held-out folds"
)
Scores = Generator[Sequence[Trial], Sequence[Outcome], dict[str, float]]
"""Proposes trials; returns the mean score of each candidate by key."""

MOST_SUPERNETS = 3
MOST_CANDIDATES = 8
"""Genotypes that are trained in the first round."""
FINALISTS = 3
"""The best of these, which are trained once more for longer."""
FEW_STEPS = 5
"""Steps of an epoch below which a warning says that the alphas stay close to noise."""
SUPERNET_SHARE = 2 / 3
"""Largest share of the wall time that goes to supernets, which run on one core."""
RESTART_SHARE = 1 / 3
"""Share of the wall time that several supernets may take together; else there is one."""
FEWEST_EPOCHS = 4
"""Fewest epochs of the first round: it drops candidates rather than train them for less."""
FIRST_SHARE = 0.4
"""Share of the work left after the supernets that goes to the first round of trials."""


@dataclass(frozen=True)
class Plan:
    """How many supernets are trained for how many epochs; ``idle`` work is lost meanwhile."""

    supernets: int
    epochs: int
    cpu_seconds: float
    idle: float


@dataclass(frozen=True)
class Found:
    """A candidate, and where it came from."""

    mended: Mended
    supernet: int
    epoch: int
    runner_up: bool = False

    @property
    def candidate(self) -> Candidate:
        """The candidate."""
        return self.mended.candidate


def propose(search: Search) -> Proposals:
    """DARTS: the edges of a supernet mix all primitives, weighed by the alphas."""
    return _propose(search, sampled=False)


def propose_sampled(search: Search) -> Proposals:
    """GDAS: an edge of a supernet computes one primitive a step, drawn by its alphas."""
    return _propose(search, sampled=True)


def _propose(search: Search, *, sampled: bool) -> Proposals:
    """Train supernets, then propose their genotypes."""
    problem = search.problem
    space = problem.space
    assert isinstance(space, CellSpace)  # its entry in STRATEGIES says so
    settings = settings_of(problem, sampled=sampled)
    darts = Darts(
        Supernet(space.plan),
        cost_model(space.plan, problem.device),
        make_streams(problem.features, balanced=settings.balanced, seed=settings.seed),
        settings,
    )
    plan = make_plan(search, darts)
    _warn(search, darts, plan)
    states, menders = [], []
    for number in range(plan.supernets):
        one = dataclasses.replace(darts, settings=_restarted(settings, plan, number))
        states.append(run_search(one, _checkpoint(search.folder, number), search.console))
        menders.append(Mender(problem, space, darts.cost, states[-1].tables[-1]))
    search.spend(plan.cpu_seconds)
    found = _candidates(darts, states, menders, most=_most(search))
    search.cells.update(_stories(darts, states, found, {}))
    scores = yield from _rounds(search, [item.candidate for item in found.values()], plan.idle)
    search.cells.update(_stories(darts, states, found, scores))


def make_plan(search: Search, darts: Darts) -> Plan:
    """As many epochs as configured, or as fit into two thirds of the wall time; then restarts."""
    settings, workers = darts.settings, search.problem.training.nas_workers
    speed = search.problem.evaluator.speed
    seconds = speed * step_seconds(darts.supernet.space, settings) * darts.steps
    cores = workers if isinstance(workers, int) else 1
    possible = SUPERNET_SHARE * search.work_left() / cores / seconds
    epochs = whole_epochs(possible, settings.epochs)
    supernets = 1
    if not math.isinf(possible):
        affordable = possible * RESTART_SHARE / SUPERNET_SHARE
        supernets = int(max(1, min(MOST_SUPERNETS, affordable // epochs)))
    spent = supernets * epochs * seconds
    return Plan(supernets, epochs, spent, spent * (cores - 1))


def _warn(search: Search, darts: Darts, plan: Plan) -> None:
    asked = darts.settings.epochs
    if plan.epochs < asked:
        training = search.problem.training
        needed = training.nas_search_seconds * (asked + 1) / (plan.epochs + 1)
        search.console.warning(
            f"training.nas_search_seconds {training.nas_search_seconds:g} leaves time for "
            f"{plan.epochs} of training.nas_epochs {asked}; about {needed:.0f} s would do for all"
        )
    if darts.steps < FEW_STEPS:
        search.console.warning(
            f"an epoch of the search has only {darts.steps} steps, so the alphas stay close to "
            f"noise; lower training.nas_batch_size ({darts.settings.batch_size}) or add windows"
        )


def _restarted(settings: SearchSettings, plan: Plan, number: int) -> SearchSettings:
    """The settings of a supernet; the first has the seed of the run."""
    seed = derive_seed(settings.seed, "supernet", number) if number else settings.seed
    return dataclasses.replace(settings, epochs=plan.epochs, seed=seed)


def _checkpoint(folder: Path, number: int) -> Path:
    return folder / (f"checkpoint-{number}.npz" if number else "checkpoint.npz")


def _most(search: Search) -> int:
    """Candidates at most, so that each can be judged on every fold."""
    folds = len(search.problem.evaluator.folds)
    return int(max(1, min(MOST_CANDIDATES, search.trials_left() // folds)))


def _candidates(
    darts: Darts, states: Sequence[State], menders: Sequence[Mender], most: int
) -> dict[str, Found]:
    """Up to ``most`` distinct candidates by key: of later epochs first, the supernets in turn."""
    found: dict[str, Found] = {}
    for item in itertools.chain(
        _of_epochs(darts, states, menders), _runners_up(darts, states, menders)
    ):
        if len(found) == most:
            break
        found.setdefault(item.candidate.key, item)
    return found


def _of_epochs(darts: Darts, states: Sequence[State], menders: Sequence[Mender]) -> Iterator[Found]:
    """The genotypes of the later half of the epochs, the last first."""
    longest = max(len(state.tables) for state in states)
    for back in range(1, longest // 2 + 2):
        for number, (state, mender) in enumerate(zip(states, menders, strict=True)):
            epoch = len(state.tables) - back
            if epoch >= len(state.tables) // 2:
                table = state.tables[epoch]
                at_epoch = dataclasses.replace(mender, table=table)
                yield Found(at_epoch.mend(darts.genotype(table)), number, epoch)


def _runners_up(
    darts: Darts, states: Sequence[State], menders: Sequence[Mender]
) -> Iterator[Found]:
    """The likeliest neighbors of the last genotypes, the supernets in turn."""
    last = [len(state.tables) - 1 for state in states]
    streams = [
        mender.runners_up(mender.mend(darts.genotype(mender.table)).genotype) for mender in menders
    ]
    for items in itertools.zip_longest(*streams):
        for number, mended in enumerate(items):
            if mended is not None:
                yield Found(mended, number, last[number], runner_up=True)


def _rounds(search: Search, candidates: Sequence[Candidate], idle: float) -> Scores:
    """All on every fold, then the best for longer; returns the last scores by key."""
    left = search.work_left() - idle
    one_round = math.isinf(left) or len(candidates) == 1
    share = left if one_round else FIRST_SHARE * left
    while len(candidates) > FINALISTS and epochs_for(search, candidates, share) < FEWEST_EPOCHS:
        candidates = candidates[:-1]
    epochs = epochs_for(search, candidates, share)
    scores = yield from _trained(search, candidates, epochs)
    if one_round:
        return scores
    best = sorted(candidates, key=lambda c: -scores[c.key])[:FINALISTS]
    more = epochs_for(search, best, search.work_left() - idle)
    if more > epochs:
        scores |= yield from _trained(search, best, more)
    return scores


def _trained(search: Search, candidates: Sequence[Candidate], epochs: int) -> Scores:
    """Propose the trials; returns the mean score of each candidate by key."""
    trials = on_every_fold(search, candidates, epochs)
    outcomes = yield trials
    scores: dict[str, list[float]] = {}
    for trial, outcome in zip(trials, outcomes, strict=True):
        scores.setdefault(trial.candidate.key, []).append(outcome.score)
    return {key: statistics.fmean(values) for key, values in scores.items()}


def _stories(
    darts: Darts, states: Sequence[State], found: Mapping[str, Found], scores: Mapping[str, float]
) -> dict[str, Cells]:
    """How each candidate was found, by its key; ``scores`` of trials are none at first."""
    by_epoch = {
        (item.supernet, item.epoch): key for key, item in found.items() if not item.runner_up
    }
    histories = [
        [
            epoch.model_copy(update={"score": scores.get(by_epoch.get((number, index), ""))})
            for index, epoch in enumerate(state.history)
        ]
        for number, state in enumerate(states)
    ]
    return {
        key: Cells(
            rule=RULE,
            primitives=list(PRIMITIVES),
            edges=list(darts.supernet.space.edges),
            unrolled=darts.settings.unrolled,
            sampled=darts.settings.sampled,
            genotype=item.mended.genotype,
            best_epoch=item.epoch,
            mended=item.mended.genes,
            runner_up=item.runner_up,
            supernet=item.supernet,
            supernets=len(states),
            stopped=states[item.supernet].stopped,
            epochs=len(histories[item.supernet]),
            history=histories[item.supernet],
            alphas=_alphas(states[item.supernet]),
        )
        for key, item in found.items()
    }


def _alphas(state: State) -> dict[str, list[list[list[float]]]]:
    """By kind of cell the probabilities (epochs, edges, primitives)."""
    return {
        kind: [table[row].tolist() for table in state.tables]
        for row, kind in enumerate(("normal", "reduce"))
    }
