"""Strategies: listed in one table, never over the budget, each does what it is named for."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import deque
from collections.abc import Generator

import pytest
import runs
import samples

from tinyml_nas.config.sections.training import Training
from tinyml_nas.search import stage
from tinyml_nas.search.archive import read_archive
from tinyml_nas.search.spaces import Decision
from tinyml_nas.search.strategies import STRATEGIES
from tinyml_nas.search.strategies.evolution import CHILDREN, generation
from tinyml_nas.search.strategies.finals import Judged, Plan
from tinyml_nas.search.strategies.reinforce import Controller, reward
from tinyml_nas.search.trial import Candidate

SIMPLE = ("random", "evolution", "reinforce")


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_entry_leads_to_a_strategy(tmp_path, name):
    strategy = STRATEGIES[name]
    assert strategy.description
    assert set(strategy.reads) <= Training.model_fields.keys()
    proposals = strategy.propose(runs.start(tmp_path).problem)  # not begun, so any argument will do
    assert isinstance(proposals, Generator)
    assert proposals.__name__ in ("propose", "_propose")


def test_strategies_and_proxies_are_listed_without_torch_and_numpy():
    code = (
        "import sys, tinyml_nas.search.strategies, tinyml_nas.search.proxies\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_strategy_called_random_leaves_the_standard_library_alone():
    assert random.__file__.endswith("random.py")
    assert hasattr(random, "Random")


@pytest.mark.parametrize("name", SIMPLE)
def test_budgets_are_kept_and_finalists_see_every_fold(tmp_path, name):
    result = runs.run(tmp_path, nas_search_strategy=name, nas_trials=12, training_epochs=1)
    _, lines = read_archive(tmp_path / "archive.jsonl")
    assert len(lines) == 12
    for line in lines:
        cost = line["resources"]
        assert cost["flash_bytes"] <= 4000
        assert cost["ram_bytes"] <= 1000
        assert cost["macs"] <= 8000
    finalists = [point for point in result.record.points if point.comparable]
    assert len(finalists) == 2  # a third of twelve trials, two more folds each
    assert all(point.folds == point.trials == 3 for point in finalists)
    assert result.record.chosen in [point.id for point in finalists]
    assert {line["fold"] for line in lines[:8]} == {0, 1, 2}


@pytest.mark.parametrize("name", SIMPLE)
def test_epochs_are_few_enough_for_two_dozen_trials(tmp_path, name, monkeypatch):
    monkeypatch.setattr(stage, "measured_speed", lambda _: 1.0)  # a busy machine affords fewer
    result = runs.run(
        tmp_path, nas_search_strategy=name, nas_trials=None, nas_search_seconds="1 s",
        training_epochs=50,
    )  # fmt: skip
    (rung,) = result.record.rungs
    assert 1 <= rung.epochs < 50
    assert rung.trials >= 18


def judged(tmp_path, scores: list[float]) -> Judged:
    """Candidates with these scores on folds 0, 1, 2, 0, ..."""
    problem = runs.start(tmp_path).problem
    found = Judged(None, Plan(1, 3, 12.0, 0.0, 0.0))  # type: ignore[arg-type]
    candidates = problem.sample(random.Random(1), len(scores))
    found.scores += [(c, i % 3, a) for i, (c, a) in enumerate(zip(candidates, scores))]  # noqa: B905
    return found


def test_merit_is_against_the_mean_of_the_fold(tmp_path):
    found = judged(tmp_path, [0.9, 0.5, 0.1, 0.7, 0.7, 0.2])
    merits = [found.merit(number) for number in range(6)]
    assert merits == pytest.approx([0.1, -0.1, -0.05, -0.1, 0.1, 0.05])


def test_children_are_new_and_come_of_the_better_of_two(tmp_path):
    problem = runs.start(tmp_path).problem
    found = judged(tmp_path, [0.5, 0.5, 0.1, 0.5, 0.5, 0.9])
    (worse, _, _), (better, _, _) = found.scores[2], found.scores[5]
    nearer = 0
    for seed in range(8):
        children = generation(problem, found, deque([2, 5]), random.Random(seed))
        assert len({child.key for child in children}) == CHILDREN
        assert not {child.key for child in children} & {c.key for c, _, _ in found.scores}
        assert all(problem.fits(child.resources) for child in children)
        nearer += sum(apart(child, better) < apart(child, worse) for child in children)
    assert nearer >= 28  # of 32; a tournament of two among two has one winner


def apart(a: Candidate, b: Candidate) -> int:
    return sum(a.genome[name] != b.genome[name] for name in a.genome)


def test_the_controller_learns_what_pays():
    class Space:
        name = "toy"
        decisions = (Decision("width", (4, 8, 16)), Decision("idle", ("a", "b")))

    controller, draw = Controller(Space()), random.Random(3)  # type: ignore[arg-type]
    assert controller.probabilities("width") == pytest.approx([1 / 3] * 3)
    for _ in range(60):
        genomes = [controller.draw(draw) for _ in range(4)]
        controller.learn(genomes, [1.0 if genome["width"] == 8 else 0.0 for genome in genomes])
    assert controller.probabilities("width")[1] > 0.6
    assert 0.25 < controller.probabilities("idle")[0] < 0.75


def test_the_reward_weighs_shares_of_the_budget(tmp_path):
    budget = "{flash: 4 kB, ram: 1 kB, latency: 10 ms}"
    problem = runs.start(
        tmp_path, nas_budget=budget, nas_objective="{metric: 2, latency: 0.5, params: 0.25}"
    ).problem
    (candidate,) = problem.sample(random.Random(1), 1)
    slow, flash = candidate.resources.latency_seconds / 0.01, candidate.resources.flash_bytes / 4000
    assert reward(problem, candidate, 0.9) == pytest.approx(1.8 - 0.5 * slow - 0.25 * flash)


def test_evolution_founds_its_population_on_known_genomes(tmp_path):
    first = runs.run(tmp_path / "a", nas_trials=4)
    known = tmp_path / "a" / "pareto.json"
    runs.run(
        tmp_path / "b", samples.features(seed=5), nas_search_strategy="evolution", nas_trials=4,
        nas_warm_start=f"[{known}]",
    )  # fmt: skip
    _, lines = read_archive(tmp_path / "b" / "archive.jsonl")
    best = first.record.front[0].genome
    assert best in [line["genome"] for line in lines[:3]]
