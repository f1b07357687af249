"""auto: equal folds and epochs for all that are compared, and the work it was given."""

from __future__ import annotations

import random

import pytest
import runs

from tinyml_nas.search import stage
from tinyml_nas.search.archive import read_archive
from tinyml_nas.search.auto.propose import _Judge
from tinyml_nas.search.spaces import random_genome
from tinyml_nas.search.spaces.recipe_genes import (
    AS_WRITTEN,
    AUGMENTATION,
    MILD,
    recipe_decisions,
    recipe_of,
)
from tinyml_nas.search.trial import Outcome
from tinyml_nas.train.augment import Augmentation
from tinyml_nas.train.recipe import recipe_from_config

TRIALS, EPOCHS = 48, 9


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("auto")
    runs.run(folder, nas_search_strategy="auto", nas_trials=TRIALS, training_epochs=EPOCHS)
    return read_archive(folder / "archive.jsonl")[1]


def test_every_candidate_keeps_the_budget(lines):
    for line in lines:
        cost = line["resources"]
        assert cost["flash_bytes"] <= 4000
        assert cost["ram_bytes"] <= 1000
        assert cost["macs"] <= 8000


def test_what_is_compared_saw_the_same_folds_and_epochs(lines):
    brief = {line["id"]: set() for line in lines if line["epochs"] == 2}
    for line in lines:
        if line["epochs"] == 2:
            brief[line["id"]].add(line["fold"])
    assert set(map(frozenset, brief.values())) == {frozenset({0}), frozenset({0, 1, 2})}
    full = [line for line in lines if line["epochs"] == 6]
    assert {line["epochs"] for line in lines} == {2, 6}
    finalists = {line["id"] for line in full if line["fold"] == 2}
    assert 2 <= len(finalists) <= 4
    for finalist in finalists:
        assert {line["fold"] for line in full if line["id"] == finalist} == {0, 1, 2}


def test_it_begins_with_the_skeletons_of_the_space_and_ends_with_one(tmp_path, lines):
    first = [candidate.genome for candidate in runs.start(tmp_path).problem.skeletons()]
    assert first
    assert all(genome in [line["genome"] for line in lines[: len(first)]] for genome in first)
    final = [{**line["genome"], AUGMENTATION: AS_WRITTEN} for line in lines if line["epochs"] == 6]
    assert any(genome in first for genome in final)


def test_brief_trials_are_trained_as_the_user_wrote(lines):
    assert {line["genome"][AUGMENTATION] for line in lines if line["epochs"] == 2} == {AS_WRITTEN}
    assert len({line["genome"][AUGMENTATION] for line in lines if line["epochs"] == 6}) > 1


def test_most_of_the_trials_are_used(lines):
    assert 0.7 * TRIALS <= len(lines) <= TRIALS


@pytest.mark.parametrize("speed", [0.6, 4.0])
def test_the_work_lasts_to_the_final(tmp_path, monkeypatch, speed):
    monkeypatch.setattr(stage, "measured_speed", lambda _: speed)  # a quick and a slow machine
    result = runs.run(
        tmp_path, nas_search_strategy="auto", nas_trials=None, nas_search_seconds="3 s",
        training_epochs=6,
    )  # fmt: skip
    record = result.record
    assert record.rungs[-1].trials >= 9
    chosen = record.chosen_point
    assert chosen.folds == 3


def test_merit_weighs_accuracy_and_loss_on_common_folds(tmp_path):
    problem = runs.start(tmp_path).problem
    a, b, c = problem.sample(random.Random(1), 3)
    judge = _Judge(1, 0)
    told = {a.key: (0.9, 0.3), b.key: (0.8, 0.2), c.key: (0.7, 0.4)}
    asked = judge.ask([a, b, c], [0, 1])
    trials = next(asked)
    outcomes = [Outcome(*told[t.candidate.key], 10) for t in trials]
    with pytest.raises(StopIteration):
        asked.send(outcomes)
    merits = dict(zip("abc", judge.merits([a, b, c]), strict=True))
    assert merits["a"] == pytest.approx(merits["b"])  # one deviation of either counts the same
    assert merits["c"] < merits["a"]


def test_augmentation_is_a_gene_that_changes_no_network(tmp_path):
    start = runs.start(tmp_path)
    genome = random_genome(start.problem.space, random.Random(2))
    networks = {
        start.problem.decode({**genome, AUGMENTATION: choice}).network.nodes
        for choice in recipe_decisions()[0].choices
    }
    assert len(networks) == 1


def test_strength_multiplies_what_the_user_wrote_or_mild_noise(tmp_path):
    base = recipe_from_config(
        runs.config(tmp_path, augmentation="{jitter: 0.1, scale: 0.2}").training
    )
    assert recipe_of({AUGMENTATION: 2.0}, base).augmentation == Augmentation(0.2, 0.4)
    assert recipe_of({AUGMENTATION: 0.0}, base).augmentation == Augmentation()
    assert recipe_of({}, base) is base
    plain = recipe_from_config(runs.config(tmp_path).training)
    assert recipe_of({AUGMENTATION: 1.0}, plain).augmentation == MILD
