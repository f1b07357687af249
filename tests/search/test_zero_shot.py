"""zero_shot and sub_one_shot: what they score, what they train, and what they account for."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import runs

from tinyml_nas.console import Console
from tinyml_nas.search.archive import open_archive, read_archive
from tinyml_nas.search.engine import Engine
from tinyml_nas.search.one_shot import propose as one_shot
from tinyml_nas.search.progress import Clock
from tinyml_nas.search.proxies.ranking import draw_batches, rank_mean, score_all
from tinyml_nas.search.proxies.sigeo import Coefficients
from tinyml_nas.search.strategies import STRATEGIES, zero_shot
from tinyml_nas.workers.inline import Inline

TINY = {"nas_trials": 6, "training_epochs": 1}


@pytest.fixture(autouse=True)
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same strategies with smaller numbers."""
    monkeypatch.setattr(zero_shot, "DRAWN", 60)
    monkeypatch.setattr(zero_shot, "CHILDREN", 30)
    monkeypatch.setattr(one_shot, "POPULATION", 40)
    monkeypatch.setattr(one_shot, "TOURNAMENT", 10)
    monkeypatch.setattr(one_shot, "SCORED_PER_TRIAL", 8)


class MakeEngine(Protocol):
    def __call__(self, work: float | None = None, **training: object) -> Engine: ...


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[MakeEngine]:
    """Makes an engine to see what a strategy does before its first trials."""
    console = Console(quiet=True)
    with ExitStack() as stack:

        def make(work: float | None = None, **training: object) -> Engine:
            problem = runs.start(tmp_path, **(TINY | training)).problem
            header = {"work": work, "speed": 1.0}
            archive = open_archive(tmp_path, f"{work} {training}", lambda: header, console=console)
            return Engine(
                problem,
                stack.enter_context(archive),
                Inline(problem.evaluator),
                Clock(tmp_path),
                folder=tmp_path,
                console=console,
            )

        yield make


def first_batch(search: Engine, strategy: str) -> list[Any]:
    return list(next(STRATEGIES[strategy].propose(search)))


@pytest.mark.parametrize("strategy", ["zero_shot", "sub_one_shot"])
def test_a_search_keeps_the_budget_and_repeats_itself(tmp_path, strategy):
    results = [
        runs.run(tmp_path / name, nas_search_strategy=strategy, nas_folds=2, **TINY)
        for name in ("a", "b")
    ]
    assert runs.archive(tmp_path / "a") == runs.archive(tmp_path / "b")
    assert results[0].network == results[1].network
    _, lines = read_archive(tmp_path / "a" / "archive.jsonl")
    assert 2 <= len(lines) <= 6
    assert all(line["resources"]["macs"] <= 8000 for line in lines)
    assert all(line["resources"]["flash_bytes"] <= 4096 for line in lines)
    assert {line["fold"] for line in lines} == {0, 1}


def test_zero_shot_trains_what_its_proxies_prefer(engine):
    search = engine(nas_proxy="[params]")
    trials = first_batch(search, "zero_shot")
    parameters = [trial.candidate.resources.parameters for trial in trials]
    assert parameters == sorted(parameters, reverse=True)
    others = search.problem.sample(random.Random(1), 60)
    assert parameters[-1] > np.quantile([c.resources.parameters for c in others], 0.9)
    assert search.notes["proxies"]["names"] == ["params"]


def test_mutations_of_the_best_join_the_ranking(engine):
    search = engine(nas_proxy="[macs]")
    ranking = zero_shot.Ranking(search)
    drawn = search.problem.sample_with(search.warm_start, search.draw("zero_shot"), 60)
    ranking.add(drawn)
    best = [c.resources.macs for c in ranking.ordered()[: zero_shot.PARENTS]]
    children = [c.resources.macs for c in zero_shot._children(search, ranking, 30)]
    assert max(children) <= 8000
    assert np.mean(children) > np.mean([c.resources.macs for c in drawn])
    assert best == sorted((c.resources.macs for c in drawn), reverse=True)[:10]
    first_batch(search, "zero_shot")
    assert search.notes["proxies"]["drawn"] == 60
    assert 80 < search.notes["proxies"]["scored"] <= 90


def test_the_recipe_stays_as_written(engine):
    trials = first_batch(engine(nas_proxy="[params]"), "zero_shot")
    assert {trial.candidate.genome["augmentation"] for trial in trials} == {1.0}
    networks = {trial.candidate.network.nodes for trial in trials}
    assert len(networks) == len({trial.candidate.key for trial in trials})


def test_little_work_means_few_scores_and_all_are_accounted_for(engine):
    search = engine(work=2.0, nas_trials=None, nas_proxy="[params]")
    trials = first_batch(search, "zero_shot")
    scored = search.notes["proxies"]["scored"]
    assert 1 < scored < 80
    assert 0.2 < 2.0 - search.work_left() < 0.6
    assert sum(search.work(trial) for trial in trials) <= search.work_left()
    none = engine(work=1e-6, nas_trials=None)
    assert len({trial.candidate.key for trial in first_batch(none, "zero_shot")}) == 1


def test_known_genomes_come_first(engine):
    search = engine()
    known = search.problem.sample(random.Random(9), 1)[0]
    search.warm_start = [{**known.genome, "augmentation": 2.0}]
    started = search.problem.sample_with(search.warm_start, random.Random(1), 20)
    assert len(started) == 20
    assert started[0].network.nodes == known.network.nodes
    assert started[0].genome["augmentation"] == 1.0


def test_rank_prefers_what_every_proxy_prefers(tmp_path):
    problem = runs.start(tmp_path).problem
    candidates = problem.sample(random.Random(1), 12)
    batches = draw_batches(problem.features.train, problem.features, 1)
    networks = [candidate.network for candidate in candidates]
    scores = score_all(networks, ["params", "naswot"], batches, 1)
    params, naswot = (np.array(rank_mean({name: scores[name]})) for name in scores)
    best = max(candidates, key=lambda c: c.resources.parameters)
    assert candidates[int(np.argmax(params))] == best
    assert rank_mean(scores) == pytest.approx(((params + naswot) / 2).tolist())
    assert scores == score_all(networks, ["params", "naswot"], batches, 1)


def test_terms_of_the_combination():
    assert one_shot.coefficients(["params", "naswot"]) == Coefficients(1, 1, 0)
    assert one_shot.coefficients(["loss"]) == Coefficients(0, 0, 1)
    assert one_shot.coefficients(["loss", "zico", "params"]) == Coefficients(1, 0, 1)


def test_evolution_improves_the_scores(engine):
    search = engine(nas_trials=8, nas_warmup_level=0.5)
    start = search.problem.sample_with(search.warm_start, search.draw("start"), 40)
    scorer = one_shot.Scorer(search, one_shot.warmed_up(search, start))
    one_shot.evolve(search, scorer, start)
    scores = list(scorer.scores.values())
    assert len(scores) == 8 * 8
    founders, children = scores[:32], scores[32:]
    assert np.mean(children) < np.mean(founders)
    best = [np.mean(sorted(some)[:8]) for some in (children, founders)]  # one may be lucky
    assert best[0] < best[1]
    ordered = [scorer.scores[c.key] for c in scorer.ordered()]
    assert ordered == sorted(scores)


def test_the_warm_up_level_is_the_share_of_the_data(engine):
    for level, windows in ((0.0, 0), (0.25, 48), (1.0, 192)):
        search = engine(nas_warmup_level=level, nas_epochs=2)
        one_shot.warmed_up(search, search.problem.sample(random.Random(1), 3))
        assert search.notes["supernet"] == {"windows": windows, "epochs": 2 if windows else 0}


def test_little_work_means_a_short_warm_up_and_few_scores(engine):
    search = engine(work=2.0, nas_trials=None, nas_warmup_level=1.0, nas_epochs=50)
    trials = first_batch(search, "sub_one_shot")
    record = search.notes["supernet"]
    assert 1 <= record["epochs"] < 50
    assert 1 <= record["scored"] < 100
    assert 0.5 < 2.0 - search.work_left() < 1.3
    assert sum(search.work(trial) for trial in trials) <= search.work_left()
    shortest = engine(work=0.05, nas_trials=None, nas_warmup_level=1.0)
    first_batch(shortest, "sub_one_shot")
    assert shortest.notes["supernet"]["windows"] < 192
    assert shortest.notes["supernet"]["epochs"] == 1


def test_a_score_that_is_no_number_is_the_worst(engine):
    search = engine()
    start = search.problem.sample_with(search.warm_start, search.draw("start"), 3)
    supernet = one_shot.warmed_up(search, start)
    scorer = one_shot.Scorer(search, supernet)
    scorer.add(start[0])
    for value in supernet.shared.values():
        value.data.fill_(math.nan)
    scorer.add(start[1])
    assert scorer.scores[start[1].key] == math.inf
    assert scorer.ordered() == start[:2]
