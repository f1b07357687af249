"""The search as a whole, on small synthetic data: what it returns, repeats and resumes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import samples
import torch

from tinyml_nas.console import Console
from tinyml_nas.errors import DataError, ToolError
from tinyml_nas.graph import network_cost
from tinyml_nas.search import derive
from tinyml_nas.search.cells.genotype import Genotype, discretize
from tinyml_nas.search.darts.choice import as_mixture, select
from tinyml_nas.search.darts.loop import Darts, run_search
from tinyml_nas.search.darts.penalty import cost_model
from tinyml_nas.search.darts.stream import make_streams
from tinyml_nas.search.darts.supernet import Supernet

pytestmark = pytest.mark.fast


@pytest.fixture
def console():
    return Console(quiet=True)


def run(folder, console, *, features=None, space=None, resume=False, **changes):
    return run_search(
        features or samples.features(),
        space or samples.space(),
        samples.settings(**changes),
        folder=folder,
        resume=resume,
        console=console,
    )


def outcome(result):
    """All that a search decides; not its time."""
    return {**result.to_json(), "seconds": 0, "network": result.network.to_json()}


@pytest.mark.parametrize("shape", [(1, 32), (9, 40)])
def test_one_seed_gives_one_result(tmp_path, console, shape):
    features, space = samples.features(shape), samples.space(shape)
    first, again = (run(tmp_path / name, console, features=features, space=space) for name in "ab")
    assert outcome(first) == outcome(again)
    other = run(tmp_path / "c", console, features=features, space=space, seed=8)
    assert outcome(other)["alphas"] != outcome(first)["alphas"]


class Stop(Exception):
    pass


class StoppingConsole(Console):
    """Raises in the middle of the epoch after ``epochs``."""

    def __init__(self, steps: int) -> None:
        super().__init__(quiet=True)
        self.left = steps

    def info(self, message: str) -> None:
        """Progress lines pass here; nothing to print."""

    def track(self, description, total, *, done=0):
        tracker = super().track(description, total, done=done)
        outer = self

        class Context:
            def __enter__(self):
                task = tracker.__enter__()
                advance = task.advance

                def counting(detail="", steps=1):
                    outer.left -= 1
                    if outer.left < 0:
                        raise Stop
                    advance(detail, steps)

                task.advance = counting
                return task

            def __exit__(self, *error):
                return tracker.__exit__(*error)

        return Context()


@pytest.mark.parametrize(
    ("steps", "unrolled"), [(3, False), (14, False), (18, False), (8, True)]
)  # in the first epoch, in the third, while comparing; second order
def test_a_broken_search_resumes_to_the_same_bits(tmp_path, console, steps, unrolled):
    whole = run(tmp_path / "whole", console, epochs=3, unrolled=unrolled)  # 6 steps an epoch
    with pytest.raises(Stop):
        run(tmp_path / "broken", StoppingConsole(steps), epochs=3, unrolled=unrolled)
    resumed = run(tmp_path / "broken", console, epochs=3, unrolled=unrolled, resume=True)
    assert outcome(resumed) == outcome(whole)


def test_a_checkpoint_of_another_search_is_not_resumed(tmp_path, console, capsys):
    run(tmp_path, console)
    changed = run(tmp_path, console, resume=True, penalty_weight=3.0)
    assert outcome(changed) == outcome(run(tmp_path / "new", console, penalty_weight=3.0))
    assert "belongs to another search" in capsys.readouterr().err


def test_a_dead_checkpoint_is_named(tmp_path, console):
    (tmp_path / "checkpoint.npz").write_bytes(b"not a checkpoint")
    with pytest.raises(ToolError, match=r"checkpoint\.npz"):
        run(tmp_path, console, resume=True)


def test_the_returned_genotype_is_the_best_by_the_stated_rule(tmp_path, console):
    result = run(tmp_path, console, epochs=6, alpha_learning_rate=0.3, penalty_weight=0.0)
    scores = [record["score"] for record in result.history]
    assert scores[:3] == [None] * 3
    assert scores[result.best_epoch] == min(scores[3:])
    best = result.best_epoch
    assert result.genotype.normal == discretize(result.normal[best])
    assert result.genotype.reduce == discretize(result.reduce[best])
    assert len({discretize(table) for table in result.reduce}) > 1  # there was a choice


def test_scores_decide_not_the_epoch():
    assert select([None, 0.4, 0.2, 0.3]) == 2
    assert select([0.5, 0.2, 0.2]) == 2
    assert select([0.5]) == 0


def test_scores_come_from_the_discrete_path_and_the_validation_split():
    features = samples.features()
    settings = samples.settings(epochs=1, penalty_weight=0.0)
    genes = (("conv_bn_relu_3x1", 0), ("max_pool_3x1", 1))
    genotype = Genotype(genes, genes, (1, 2))
    shuffled = np.random.default_rng(0).permutation(features.validation.y)
    spoiled = dataclasses.replace(
        features, validation=dataclasses.replace(features.validation, y=shuffled)
    )
    scores = []
    for data in (features, spoiled):
        space = samples.space()
        streams = make_streams(data, balanced=True, seed=7)
        darts = Darts(Supernet(space), cost_model(space), streams, settings)
        scores.append(darts.score(genotype, darts.start().weights))
    assert scores[0] < scores[1]


def test_the_network_costs_what_its_genotype_says(tmp_path, console):
    space = samples.space()
    result = run(tmp_path, console, space=space, epochs=3)
    cost = network_cost(result.network)
    assert result.network == derive(result.genotype, space)
    best = result.history[result.best_epoch]
    assert (best["parameters"], best["macs"]) == (cost.parameters, cost.macs)
    expected = cost_model(space).expected(as_mixture(result.genotype))
    assert expected.tolist() == pytest.approx([cost.parameters, cost.macs, cost.flash_bytes])


@pytest.mark.parametrize(("mode", "metric"), [("Memory", "flash_bytes"), ("Compute", "macs")])
def test_a_stronger_penalty_gives_a_cheaper_network(tmp_path, console, mode, metric):
    changes = {"mode": mode, "epochs": 3, "alpha_learning_rate": 0.1}
    space = samples.space(dims=(3, 3, 1, 2, 3))
    free, charged = (
        run(tmp_path / name, console, space=space, penalty_weight=weight, **changes)
        for name, weight in (("free", 0.0), ("charged", 30.0))
    )
    assert getattr(network_cost(charged.network), metric) < getattr(
        network_cost(free.network), metric
    )
    assert charged.history[-1]["penalty"] < free.history[-1]["penalty"]


def test_the_supernet_learns_and_the_test_split_is_never_read(tmp_path, console):
    features = samples.features()
    nothing = dataclasses.replace(features.test, x=features.test.x * np.nan)
    blind = dataclasses.replace(features, test=nothing)
    result = run(tmp_path, console, features=blind, epochs=8)
    assert result.history[-1]["validation_accuracy"] > 0.8
    assert result.history[-1]["train_loss"] < 0.5 * result.history[0]["train_loss"]


def test_the_record_is_plain_json(tmp_path, console):
    result = run(tmp_path, console, epochs=1)
    record = json.loads(json.dumps(result.to_json()))
    assert record["best_epoch"] == 0
    assert len(record["alphas"]["normal"]) == len(record["history"]) == 1
    assert len(record["alphas"]["normal"][0]) == len(record["edges"]) == 3
    assert record["primitives"][0] == "none"


def test_few_steps_an_epoch_are_told(tmp_path, console, capsys):
    run(tmp_path, console, epochs=1, batch_size=32)
    assert "only 3 steps" in capsys.readouterr().err
    run(tmp_path, console, epochs=1, batch_size=16)
    assert capsys.readouterr().err == ""


def test_values_that_are_not_finite_stop_the_search(tmp_path, console):
    features = samples.features()
    features.train.x[5, 0, 3] = np.inf
    with pytest.raises(DataError, match="loss of the search became nan"):
        run(tmp_path, console, features=features)


def test_the_number_of_threads_is_left_as_it_was(tmp_path, console):
    before = torch.get_num_threads()
    run(tmp_path, console, epochs=1)
    assert torch.get_num_threads() == before
