"""darts and gdas as strategies: what they propose, tell, repeat and resume."""

from __future__ import annotations

import pytest
import runs
import samples
from test_darts import Stop, StoppingConsole

from tinyml_nas.errors import BudgetError
from tinyml_nas.results.search import Cells
from tinyml_nas.search import Genotype, derive, stage
from tinyml_nas.search.darts.propose import RULE
from tinyml_nas.search.spaces.cells import CellSpace

SMALL = {
    "nas_epochs": 3,
    "nas_batch_size": 16,
    "nas_layers": 3,
    "nas_nodes_per_layer": 2,
    "nas_init_channels": 2,
    "nas_init_channel_multiplier": 2,
    "nas_fanout_concat": 2,
    "nas_trials": 9,
    "training_epochs": 1,
    "nas_budget": "{flash: 8 kB}",
}


def run(folder, **changes):
    console = changes.pop("console", None)
    keys = SMALL | {"nas_search_strategy": "darts"} | changes
    return runs.run(folder, samples.features(), console=console, **keys)


@pytest.mark.parametrize("strategy", ["darts", "gdas"])
def test_the_record_tells_the_story_of_the_chosen_genotype(tmp_path, strategy):
    result = run(tmp_path, nas_search_strategy=strategy)
    cells = result.record.model_dump(mode="json")["cells"]
    space = CellSpace(samples.space((2, 32), 3, (3, 2, 2, 2, 2)))
    genotype = Genotype(**cells["genotype"])
    name = result.network.name
    assert derive(genotype, space.plan, name) == result.network
    assert (cells["rule"], cells["sampled"]) == (RULE, strategy == "gdas")
    epochs = cells["epochs"]
    assert epochs == len(cells["history"]) == len(cells["alphas"]["normal"]) == 3
    assert epochs // 2 <= cells["best_epoch"] < epochs
    assert len(cells["alphas"]["normal"][0]) == len(cells["edges"]) == 3
    scores = [epoch["score"] for epoch in cells["history"]]
    assert scores[0] is None  # epochs of the first half take no part
    assert scores[-1] in [point.score for point in result.record.points]
    if not cells["runner_up"] and not cells["mended"]:
        best = cells["history"][cells["best_epoch"]]
        assert best["flash_bytes"] == result.candidate.resources.flash_bytes
    Cells.model_validate(cells)


def test_candidates_are_judged_on_every_fold_and_there_are_several(tmp_path):
    record = run(tmp_path).record
    assert [point.trials for point in record.points] == [3, 3, 3]
    assert record.trials == 9


@pytest.mark.parametrize("strategy", ["darts", "gdas"])
def test_a_killed_search_resumes_to_the_same_bytes(tmp_path, strategy):
    keys = {"nas_search_strategy": strategy, "nas_trials": 3}
    whole = run(tmp_path / "whole", **keys)
    with pytest.raises(Stop):
        run(tmp_path / "broken", console=StoppingConsole(8), **keys)
    resumed = run(tmp_path / "broken", **keys)
    assert runs.archive(tmp_path / "broken") == runs.archive(tmp_path / "whole")
    assert resumed.record.cells == whole.record.cells


def test_every_trial_keeps_a_tight_budget(tmp_path):
    free = run(tmp_path / "free", nas_trials=3)
    limit = int(0.9 * free.candidate.resources.macs)
    tight = run(tmp_path / "tight", nas_budget=f"{{macs: {limit}}}")
    assert all(point.macs <= limit for point in tight.record.points)


def test_a_budget_that_nothing_keeps_is_refused(tmp_path):
    with pytest.raises(BudgetError, match="MACs binds: the smallest needs"):
        run(tmp_path, nas_budget="{macs: 100}")


def test_time_limits_epochs_and_pays_for_restarts(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(stage, "measured_speed", lambda _: 1.0)  # a busy machine affords fewer
    timed = {"nas_trials": None, "nas_workers": 1, "nas_epochs": 2}
    short = run(tmp_path / "short", **timed | {"nas_epochs": 200}, nas_search_seconds="1 s")
    assert 1 <= short.record.cells.epochs < 200
    assert "of training.nas_epochs 200" in capsys.readouterr().err
    longer = run(tmp_path / "longer", **timed, nas_search_seconds="4 s")
    assert longer.record.cells.supernets > 1
    names = {path.name for path in (tmp_path / "longer").iterdir()}
    assert {"checkpoint.npz", "checkpoint-1.npz"} <= names
    assert longer.record.spent <= longer.record.work


def test_few_steps_an_epoch_are_told(tmp_path, capsys):
    run(tmp_path, nas_batch_size=32, nas_trials=3)
    assert "only 3 steps" in capsys.readouterr().err


def test_other_strategies_search_the_cells_as_well(tmp_path):
    result = run(tmp_path, nas_search_strategy="random", nas_space="cells", nas_trials=4)
    assert result.record.space == "cells"
    assert result.record.cells is None
