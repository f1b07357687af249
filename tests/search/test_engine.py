"""The engine: one archive whoever ran the trials and whatever stopped it, and honest accounts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import runs
import samples

from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import Network
from tinyml_nas.search import pareto
from tinyml_nas.search.archive import open_archive, read_archive
from tinyml_nas.search.engine import Engine, Timed
from tinyml_nas.search.evaluator import measured_speed, two_digits
from tinyml_nas.search.progress import Clock
from tinyml_nas.search.strategies import STRATEGIES, Strategy
from tinyml_nas.search.strategy import Proposals, Search
from tinyml_nas.search.trial import Trial
from tinyml_nas.workers.inline import Inline

ROOT = Path(__file__).parents[2]
LONGEST_S = 600
"""Longer than anything here takes on a loaded machine."""
POSIX = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


class Backwards(Inline):
    """Workers that finish the last payload first."""

    def map(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for index in reversed(range(len(payloads))):
            yield index, self._function(payloads[index])


def engine_run(folder: Path, strategy: Strategy, workers: type = Inline, **keys: Any) -> Engine:
    """An engine that has run ``strategy`` in ``folder``."""
    header = {"speed": 1.0, "work": keys.pop("work", None)}
    problem = runs.start(folder, **keys).problem
    with (
        open_archive(folder, "test", lambda: header, console=Console(quiet=True)) as archive,
        workers(Timed(problem.evaluator)) as pool,
    ):
        engine = Engine(
            problem,
            archive,
            pool,
            Clock(folder),
            folder=folder,
            console=Console(quiet=True),
        )
        engine.run(strategy.propose)
    return engine


def proposing(*batches: int) -> Strategy:
    """A strategy of batches of so many candidates, which notes how it was ended."""

    def propose(search: Search) -> Proposals:
        candidates = iter(search.problem.sample(search.draw("test"), sum(batches)))
        told = search.notes.setdefault("told", [])
        try:
            for size in batches:
                batch = [Trial(next(candidates), 1, 0, 42) for _ in range(size)]
                told.append(len((yield batch)))
            told.append("done")
        finally:
            told.append("closed")

    return Strategy("test", "", propose)


@pytest.mark.fast
def test_the_archive_is_in_the_order_of_proposal_whoever_finished_first(tmp_path):
    engine_run(tmp_path / "a", proposing(3, 2))
    engine_run(tmp_path / "b", proposing(3, 2), Backwards)
    assert runs.archive(tmp_path / "a") == runs.archive(tmp_path / "b")
    assert runs.archive(tmp_path / "a").count(b"\n") == 6


@pytest.mark.fast
def test_the_longest_trial_is_handed_out_first(tmp_path):
    handed: list[float] = []

    class Noting(Inline):
        def map(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
            handed.extend(self._function.evaluator.work(trial) for trial in payloads)
            return super().map(payloads)

    engine_run(tmp_path, proposing(5), Noting)
    assert handed == sorted(handed, reverse=True)
    assert len(set(handed)) > 1


@pytest.mark.fast
def test_a_known_trial_is_not_trained_again(tmp_path):
    engine_run(tmp_path, proposing(4))
    before = runs.archive(tmp_path)

    class Idle(Inline):
        def map(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
            raise AssertionError("nothing is left to train")

    engine = engine_run(tmp_path, proposing(4), Idle)
    assert engine.notes["told"] == [4, "done", "closed"]
    assert runs.archive(tmp_path) == before


@pytest.mark.fast
def test_the_same_trial_twice_costs_once(tmp_path):
    def propose(search: Search) -> Proposals:
        (candidate,) = search.problem.sample(search.draw("test"), 1)
        trial = Trial(candidate, 1, 0, 42)
        outcomes = yield [trial, trial]
        assert outcomes[0] == outcomes[1]
        assert search.trials_left() == 7

    engine_run(tmp_path, Strategy("test", "", propose))
    assert runs.archive(tmp_path).count(b"\n") == 2


@pytest.mark.fast
def test_the_engine_ends_a_strategy_at_the_last_trial(tmp_path):
    engine = engine_run(tmp_path, proposing(3, 3, 3), nas_trials=5)
    assert engine.notes["told"] == [3, "closed"]
    assert runs.archive(tmp_path).count(b"\n") == 6
    assert engine.trials_left() == 0


@pytest.mark.fast
def test_work_is_counted_by_the_model_and_ends_the_search(tmp_path):
    problem = runs.start(tmp_path).problem

    def propose(search: Search) -> Proposals:
        candidates = search.problem.sample(search.draw("test"), 40)
        trials = [Trial(candidate, 1, 0, 42) for candidate in candidates]
        assert search.work_left() == 0.5
        yield trials[:1]
        assert search.work_left() == 0.5 - problem.evaluator.work(trials[0])
        search.spend(0.2)
        assert search.work_left() == 0.3 - problem.evaluator.work(trials[0])
        yield trials

    engine = engine_run(tmp_path, Strategy("test", "", propose), nas_trials=None, work=0.5)
    trained = runs.archive(tmp_path).count(b"\n") - 1
    assert 1 < trained < 40
    assert engine.work_left() <= 0
    assert engine.trials_left() == float("inf")


@pytest.mark.fast
def test_the_smallest_budget_still_trains_one_network(tmp_path):
    result = runs.run(tmp_path, nas_trials=None, nas_search_seconds="1 us")
    assert result.record.trials == 1
    assert result.record.work == 1e-6


@pytest.mark.fast
def test_no_trial_at_all_is_said(tmp_path, monkeypatch):
    silent = Strategy("silent", "", _propose_nothing)
    monkeypatch.setitem(STRATEGIES, "random", silent)
    with pytest.raises(ConfigError, match="before it had trained any network"):
        runs.run(tmp_path)


def _propose_nothing(search: Search) -> Proposals:
    yield from ()


@pytest.mark.fast
def test_the_speed_is_that_of_this_machine_in_two_digits(tmp_path):
    speed = measured_speed(runs.start(tmp_path).problem.evaluator)
    assert 0.1 <= speed <= 20
    assert speed == two_digits(speed)
    assert (two_digits(1.2345), two_digits(0.04567), two_digits(12.9)) == (1.2, 0.046, 13.0)


@pytest.mark.fast
def test_test_data_is_not_even_carried_along(tmp_path):
    start = runs.start(tmp_path)
    assert len(start.problem.features.test) == 0
    assert len(start.problem.evaluator.features.test) == 0
    features = samples.features()
    pool = len(features.train) + len(features.validation)
    assert sum(len(fold) for fold in start.problem.evaluator.folds) == pool


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    runs.run(folder, nas_search_strategy="evolution", nas_trials=18)
    return folder


def test_the_files_tell_what_was_found(unbroken):
    record = json.loads((unbroken / "search.json").read_text())
    header, lines = read_archive(unbroken / "archive.jsonl")
    points = pareto.points(lines)
    assert header["work"] is None
    assert header["speed"] == 1.0
    assert record["trials"] == len(lines) == 18
    assert record["points"] == [point.model_dump() for point in points]
    assert record["chosen"] == pareto.select(points, "best", "Memory").id
    assert record["rungs"][0]["trials"] == 18
    assert record["drawn"] >= record["candidates"] + sum(record["refused"].values())
    assert record["budget"]["macs"] == 8000
    assert record["budget_from"]["macs"] == "nas_budget"
    front = json.loads((unbroken / "pareto.json").read_text())["front"]
    assert front == record["front"]
    assert len((unbroken / "pareto.csv").read_text().splitlines()) == len(points) + 1
    network = Network.from_json(json.loads((unbroken / "network.json").read_text()))
    assert network.name == f"evolution_{record['chosen']}"
    clock = json.loads((unbroken / "clock.json").read_text())
    assert clock["cpu_seconds"] > 0
    assert "seconds" not in header


def test_two_processes_write_the_same_bytes(unbroken, tmp_path):
    result = runs.run(tmp_path, nas_search_strategy="evolution", nas_trials=18, nas_workers=2)
    assert runs.archive(tmp_path) == runs.archive(unbroken)
    assert result.record.workers == 2
    ours = json.loads((unbroken / "search.json").read_text())
    times = ("seconds", "cpu_seconds", "workers")
    assert {k: v for k, v in result.record.model_dump(mode="json").items() if k not in times} == {
        k: v for k, v in ours.items() if k not in times
    }


@POSIX
@pytest.mark.parametrize(
    ("how", "workers"), [(signal.SIGKILL, 1), (signal.SIGKILL, 2), (signal.SIGINT, 2)]
)
def test_a_killed_search_is_gone_on_with(unbroken, tmp_path, workers, how):
    command = [sys.executable, str(ROOT / "tests/search/runs.py"), str(tmp_path), "evolution"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "18", str(workers)], env=environment, stderr=subprocess.PIPE, text=True
    )
    path, deadline = tmp_path / "archive.jsonl", time.monotonic() + LONGEST_S
    while not path.exists() or path.read_bytes().count(b"\n") < 6:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(how)
    process.communicate(timeout=LONGEST_S)
    assert process.returncode != 0
    stopped = runs.archive(tmp_path)
    assert stopped.count(b"\n") < 19
    runs.run(tmp_path, nas_search_strategy="evolution", nas_trials=18)
    assert runs.archive(tmp_path) == runs.archive(unbroken)
    assert not (tmp_path / "archive.1.jsonl").exists()


@POSIX
def test_a_worker_killed_in_mid_candidate_changes_nothing(unbroken, tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/search/runs.py"), str(tmp_path), "evolution", "18", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    path, deadline = tmp_path / "archive.jsonl", time.monotonic() + LONGEST_S
    while not path.exists() or path.read_bytes().count(b"\n") < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    for worker in _children(process.pid):
        os.kill(worker, signal.SIGKILL)
    assert process.wait(timeout=LONGEST_S) == 0
    assert runs.archive(tmp_path) == runs.archive(unbroken)


def _children(process: int) -> list[int]:
    """Worker processes of ``process``: its children that run the main function of a spawn."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    children = [int(text) for text in listed]
    found = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    assert found
    return found


def test_other_data_is_another_search(tmp_path, capsys):
    runs.run(tmp_path, nas_trials=4)
    first = runs.archive(tmp_path)
    runs.run(tmp_path, samples.features(seed=5), nas_trials=4, console=Console())
    assert "is of another search" in capsys.readouterr().err
    assert (tmp_path / "archive.1.jsonl").read_bytes() == first
    assert runs.archive(tmp_path) != first


@pytest.mark.fast
@pytest.mark.parametrize(
    ("keys", "same"),
    [
        ({"nas_select": "knee"}, True),
        ({"nas_workers": 2}, True),
        ({"nas_compare": "[random]"}, True),
        ({"nas_trials": 9}, False),
        ({"batch_size": 16}, False),
        ({"nas_budget": "{ram: 1 kB}"}, False),
        ({"nas_search_strategy": "evolution"}, False),
        ({"nas_folds": 2}, False),
    ],
)
def test_what_makes_another_search(tmp_path, keys, same):
    from tinyml_nas.search.stage import fingerprint

    one, other = (fingerprint(runs.start(tmp_path, **k)) for k in ({}, keys))
    assert (one == other) is same


@pytest.mark.fast
def test_strategy_overrides_the_configured_one(tmp_path):
    from tinyml_nas.search.stage import search

    config = runs.config(tmp_path, nas_search_strategy="evolution", nas_trials=3)
    result = search(
        samples.features(),
        config,
        runs.device(config),
        folder=tmp_path / "control",
        console=Console(quiet=True),
        strategy="random",
    )
    assert result.record.strategy == "random"
    assert result.network.name.startswith("random_")
