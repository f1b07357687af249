"""The search of the alphas: what it repeats, resumes, charges for and stops at."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import samples
import torch

from tinyml_nas.console import Console
from tinyml_nas.cost.budget import Budget
from tinyml_nas.devices import load_device
from tinyml_nas.errors import DataError, ToolError
from tinyml_nas.search import PRIMITIVES
from tinyml_nas.search.darts import collapse
from tinyml_nas.search.darts.batches import make_streams
from tinyml_nas.search.darts.loop import Darts, State, run_search
from tinyml_nas.search.darts.penalty import METRICS, cost_model
from tinyml_nas.search.darts.supernet import Supernet

DEVICE = load_device("MSPM0G3507")
SKIP, SEVEN = (PRIMITIVES.index(name) for name in ("skip_connect", "conv_bn_relu_7x1"))


@pytest.fixture
def console():
    return Console(quiet=True)


def darts_of(features=None, space=None, **changes) -> Darts:
    features, space = features or samples.features(), space or samples.space()
    settings = samples.settings(**changes)
    streams = make_streams(features, balanced=settings.balanced, seed=settings.seed)
    return Darts(Supernet(space), cost_model(space, DEVICE), streams, settings)


def run(folder, console, **changes) -> State:
    return run_search(darts_of(**changes), folder / "checkpoint.npz", console)


def expected(state, metric: str) -> float:
    """The expected cost after the last epoch."""
    return getattr(state.history[-1], f"expected_{metric}")


def outcome(state: State):
    return state.history, [table.tolist() for table in state.tables], state.weights.tolist()


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("shape", [(1, 32), (9, 40)])
def test_one_seed_gives_one_result(tmp_path, console, shape, sampled):
    data = {"features": samples.features(shape), "space": samples.space(shape), "sampled": sampled}
    first, again = (run(tmp_path / name, console, **data) for name in "ab")
    assert outcome(first) == outcome(again)
    other = run(tmp_path / "c", console, **data, seed=8)
    assert outcome(other)[1] != outcome(first)[1]


class Stop(Exception):
    pass


class StoppingConsole(Console):
    """Raises after ``steps`` steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(quiet=True)
        self.left = steps

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
    ("steps", "changes"),
    [(3, {}), (14, {}), (8, {"unrolled": True}), (14, {"sampled": True})],
    ids=["first epoch", "third epoch", "second order", "sampled"],
)
def test_a_broken_search_resumes_to_the_same_bits(tmp_path, console, steps, changes):
    whole = run(tmp_path / "whole", console, epochs=3, **changes)  # 6 steps an epoch
    with pytest.raises(Stop):
        run(tmp_path / "broken", StoppingConsole(steps), epochs=3, **changes)
    resumed = run(tmp_path / "broken", console, epochs=3, **changes)
    assert outcome(resumed) == outcome(whole)


def test_a_checkpoint_of_another_search_is_not_resumed(tmp_path, console, capsys):
    run(tmp_path, console)
    changed = run(tmp_path, console, penalty_weight=3.0)
    assert outcome(changed) == outcome(run(tmp_path / "new", console, penalty_weight=3.0))
    assert "belongs to another search" in capsys.readouterr().err


def test_a_dead_checkpoint_is_named(tmp_path, console):
    (tmp_path / "checkpoint.npz").write_bytes(b"not a checkpoint")
    with pytest.raises(ToolError, match=r"checkpoint\.npz"):
        run(tmp_path, console)


@pytest.mark.parametrize(("mode", "metric"), [("Memory", "flash_bytes"), ("Compute", "macs")])
def test_a_stronger_penalty_gives_a_cheaper_expectation(tmp_path, console, mode, metric):
    changes = {"mode": mode, "epochs": 3, "alpha_learning_rate": 0.1}
    space = samples.space(dims=(3, 3, 1, 2, 3))
    free, charged = (
        run(tmp_path / name, console, space=space, penalty_weight=weight, **changes)
        for name, weight in (("free", 0.0), ("charged", 30.0))
    )
    assert expected(charged, metric) < 0.97 * expected(free, metric)


@pytest.mark.parametrize("metric", ["flash_bytes", "macs", "ram_bytes", "latency_seconds"])
def test_the_hinge_pulls_the_expectation_towards_the_budget(tmp_path, console, metric):
    space, changes = samples.space(dims=(3, 3, 2, 2, 3)), {"epochs": 4, "penalty_weight": 0.0}
    model = cost_model(space, DEVICE)
    start = model.expected(torch.full((2, 6, 7), 1 / 7))[METRICS.index(metric)].item()
    tight = Budget(**{metric: start / 4})
    free, held = (
        run(
            tmp_path / name, console, space=space, alpha_learning_rate=0.1, budget=budget, **changes
        )
        for name, budget in (("free", Budget()), ("held", tight))
    )
    assert expected(held, metric) < 0.95 * expected(free, metric)
    assert free.history[-1].excess == 0 < held.history[-1].excess


@pytest.mark.parametrize(("sampled", "left"), [(False, 0.7), (True, 0.95)])
def test_the_supernet_learns_and_the_test_split_is_never_read(tmp_path, console, sampled, left):
    features = samples.features()
    nothing = dataclasses.replace(features.test, x=features.test.x * np.nan)
    blind = dataclasses.replace(features, test=nothing)
    state = run(tmp_path, console, features=blind, epochs=8, sampled=sampled)
    assert state.history[-1].validation_score > 0.6
    assert state.history[-1].train_loss < left * state.history[0].train_loss


def test_values_that_are_not_finite_stop_the_search(tmp_path, console):
    features = samples.features()
    features.train.x[5, 0, 3] = np.inf
    with pytest.raises(DataError, match="loss of the search became nan"):
        run(tmp_path, console, features=features)


def test_the_number_of_threads_is_left_as_it_was(tmp_path, console):
    before = torch.get_num_threads()
    run(tmp_path, console, epochs=1)
    assert torch.get_num_threads() == before


def test_beta_decay_pulls_uneven_alphas_together_and_leaves_even_ones_alone():
    even = torch.full((2, 3, 7), 0.7, requires_grad=True)
    collapse.beta_loss(even).backward()
    assert even.grad.abs().max() < 1e-6
    alphas = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0)).requires_grad_()
    collapse.beta_loss(alphas).backward()
    assert alphas.grad.sum(-1).abs().max() < 1e-6  # it never shifts an edge as a whole
    softmax = alphas.detach().softmax(-1)
    torch.testing.assert_close(alphas.grad, (softmax - 1 / 7) / 6)


def table_of(*strong: tuple[int, float]) -> torch.Tensor:
    """Both cells of two nodes alike; each node's strongest primitive and its share."""
    table = torch.full((2, 3, 7), 1 / 7)
    for edge, (primitive, share) in zip((0, 1), strong, strict=True):
        table[:, edge] = (1 - share) / 6
        table[:, edge, primitive] = share
    return table


def test_a_search_ends_early_when_skips_take_over_or_nothing_is_left_to_decide():
    space = samples.space()
    open_ = table_of((SEVEN, 0.4), (SKIP, 0.4))
    skips = table_of((SKIP, 0.4), (SKIP, 0.4))
    noise = table_of((SKIP, 0.15), (SKIP, 0.15))
    settled = torch.zeros(2, 3, 7)
    settled[..., SEVEN] = 1.0
    assert collapse.skip_share(skips, space) == 1.0
    assert collapse.skip_share(open_, space) == 0.5
    assert collapse.skip_share(noise, space) == 0.0  # hardly more than their even share
    reason = collapse.reason_to_stop
    assert "skips" in reason([skips] * 4, 10, space)
    assert reason([open_, open_, open_, skips], 10, space) is None  # one epoch may be an accident
    assert reason([skips] * 3, 10, space) is None  # too early
    assert reason([skips] * 10, 10, space) is None  # over anyway
    assert "entropy" in reason([open_] * 3 + [settled], 10, space)
    assert reason([open_] * 4, 10, space) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alpha_learning_rate": 10.0, "penalty_weight": 0.0}, "entropy"),
        ({"alpha_learning_rate": 5.0, "penalty_weight": 300.0}, "skips"),  # free of cost
    ],
)
def test_an_early_end_is_recorded_and_resumed(tmp_path, console, changes, reason):
    state = run(tmp_path, console, epochs=9, **changes)
    assert reason in state.stopped
    assert len(state.history) < 9
    assert outcome(run(tmp_path, console, epochs=9, **changes)) == outcome(state)


def test_a_genotype_has_at_most_two_skips_a_cell():
    darts = darts_of(space=samples.space((2, 32), 3, (3, 4, 1, 2, 4)))
    table = torch.full((2, 10, 7), 0.01)
    first = (0, 1, 3, 6)  # the edges from state 0
    for edge, share in zip(first, (0.5, 0.8, 0.6, 0.7), strict=True):
        table[:, edge, SKIP], table[:, edge, SEVEN] = share, 0.1
    genotype = darts.genotype(table)
    kept = [primitive for primitive, _ in genotype.normal]
    seven, skip = PRIMITIVES[SEVEN], PRIMITIVES[SKIP]
    assert kept == [seven, skip, seven, skip]  # the two strongest skips
