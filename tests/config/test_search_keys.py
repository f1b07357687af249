"""Keys of the search: budgets with units, what is read by which strategy, files to begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyml_nas.plan import plan, plan_warnings
from tinyml_nas.search.spaces import SPACES
from tinyml_nas.search.strategies import STRATEGIES

pytestmark = pytest.mark.fast

SEARCH = """\
common:
  task_type: arc_fault
dataset:
  generator: arc_fault
data_processing_feature_extraction:
  frame_size: 64
training:
  nas_enabled: true
"""
Load = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "flash"), [("8 kB", 8000), ("8KiB", 8192), ("'1.5 kB'", 1500), ("64 B", 64)]
)
def test_a_budget_with_its_unit(load: Load, text: str, flash: int) -> None:
    assert load(f"{SEARCH}  nas_budget: {{flash: {text}}}\n").config.training.nas_budget.flash == (
        flash
    )


def test_every_budget_in_its_own_unit(load: Load) -> None:
    text = "  nas_budget:\n    ram: 2 kB\n    macs: 30k\n    latency: 1.5 ms\n"
    loaded = load(SEARCH + text)
    budget = loaded.config.training.nas_budget
    assert (budget.flash, budget.ram, budget.macs) == (None, 2000, 30_000)
    assert budget.latency == pytest.approx(0.0015)
    assert loaded.provenance["training.nas_budget.latency"] == "line 12"


@pytest.mark.parametrize(
    ("budget", "column", "words"),
    [
        ("flash: 8000", 23, "'8000' has no unit: write 8000 B or 8 kB"),
        ("flash: 8", 23, "'8' has no unit: write 8 B or 8 kB"),
        ("ram: '2048'", 21, "'2048' has no unit: write 2048 B or 2.048 kB"),
        ("latency: 5", 25, "'5' has no unit: write 5 ms"),
        ("latency: 0.005", 25, "'0.005' has no unit: write 0.005 s or 5 ms"),
        ("latency: 5 mm", 25, "'mm' is no unit of a time; use s, ms, us"),
        ("flash: 8 KB", 23, "'KB' is no unit of a size; use B, kB"),
        ("flash: 0 kB", 23, "greater than 0"),
        ("flash: 0", 23, "greater than 0"),
        ("flash: -8", 23, "greater than 0"),
        ("flash: 1e999 B", 23, "too large"),
        ("flash: true", 23, "'true' is not a size"),
        ("flash: [8 kB]", 23, "this list is not a whole number"),
        ("macs: 30 kHz", 22, "'kHz' is no unit of a count; use k, M"),
        ("macs: 1.5", 22, "is not a whole number"),
        ("macs: 0", 22, "greater than 0"),
        (
            "flsh: 8 kB",
            16,
            "training.nas_budget: 'flsh' is not a known key. | did you mean 'flash'",
        ),
    ],
)
def test_a_budget_that_is_none_is_located(
    errors: Load, budget: str, column: int, words: str
) -> None:
    (found,) = errors(f"{SEARCH}  nas_budget: {{{budget}}}\n")
    assert found.startswith(f"9:{column} ")
    assert words in found


def test_a_wrong_budget_is_hinted_by_its_own_description(errors: Load) -> None:
    (found,) = errors(f"{SEARCH}  nas_budget: {{flash: lots}}\n")
    assert "Weights, tables and code" in found


@pytest.mark.parametrize(
    ("text", "seconds"), [("120", 120), ("90 s", 90), ("2 min", 120), ("0.5", 0.5), ("1 h", 3600)]
)
def test_search_seconds(load: Load, text: str, seconds: float) -> None:
    config = load(f"{SEARCH}  nas_search_seconds: {text}\n").config
    assert config.training.nas_search_seconds == seconds


@pytest.mark.parametrize("text", ["0", "-5", "0 s", "-5 s", "soon", "1e999", "5 kB", "[5]"])
def test_search_seconds_that_are_none(errors: Load, text: str) -> None:
    (found,) = errors(f"{SEARCH}  nas_search_seconds: {text}\n")
    assert found.startswith("9:23 training.nas_search_seconds: ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("best", "best"),
        ("Knee", "knee"),
        ("smallest_within( 1.5 % )", "smallest_within(1.5%)"),
    ],
)
def test_a_point_is_selected_in_three_forms(load: Load, text: str, value: str) -> None:
    assert load(f"{SEARCH}  nas_select: {text}\n").config.training.nas_select == value


@pytest.mark.parametrize("text", ["bset", "smallest_within(1)", "smallest_within(x%)", "12"])
def test_another_form_is_shown_the_three(errors: Load, text: str) -> None:
    (found,) = errors(f"{SEARCH}  nas_select: {text}\n")
    assert f"'{text}' is none of best, knee and smallest_within(1%)" in found


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("ray", "ray"), ("Ray", "ray")])
def test_workers_are_a_number_or_a_cluster(load: Load, text: str, value: object) -> None:
    assert load(f"{SEARCH}  nas_workers: {text}\n").config.training.nas_workers == value


@pytest.mark.parametrize("text", ["0", "many", "5000", "1.5"])
def test_workers_that_are_none(errors: Load, text: str) -> None:
    (found,) = errors(f"{SEARCH}  nas_workers: {text}\n")
    assert found.startswith("9:16 training.nas_workers: ")


def test_lone_items_are_lists(load: Load) -> None:
    training = load(f"{SEARCH}  nas_proxy: zico\n  nas_compare: random\n").config.training
    assert (training.nas_proxy, training.nas_compare) == (("zico",), ("random",))
    assert load(f"{SEARCH}  nas_compare:\n").config.training.nas_compare == ()


def test_an_unknown_proxy_or_strategy_is_told_what_it_may_mean(errors: Load) -> None:
    (found,) = errors(f"{SEARCH}  nas_proxy: [params, naswott]\n")
    assert found.startswith("9:23 ")
    assert "did you mean 'naswot'?" in found
    (found,) = errors(f"{SEARCH}  nas_search_strategy: evolutoin\n")
    assert "did you mean 'evolution'?" in found


@pytest.mark.parametrize(
    ("strategy", "space", "other"),
    [("darts", "cells", "chain"), ("gdas", "cells", "chain"), ("sub_one_shot", "chain", "cells")],
)
def test_a_strategy_takes_the_space_that_it_needs(
    load: Load, errors: Load, strategy: str, space: str, other: str
) -> None:
    text = f"{SEARCH}  nas_search_strategy: {strategy}\n"
    loaded = load(text)
    assert loaded.config.training.nas_space == space
    assert loaded.provenance["training.nas_space"] == f"nas_search_strategy {strategy}"
    (found,) = errors(text + f"  nas_space: {other}\n")
    words = (
        f"10:14 training: nas_search_strategy {strategy} searches the space {space}, not {other}"
    )
    assert found.startswith(words)
    assert "remove nas_space, or search by auto, " in found
    assert found.endswith("9:24")


ANOMALY = SEARCH.replace("arc_fault\ndataset", "generic_timeseries_anomalydetection\ndataset")


def test_an_anomaly_detection_searches_autoencoders(load: Load) -> None:
    loaded = load(f"{ANOMALY}  nas_search_strategy: evolution\n")
    assert loaded.config.training.nas_space == "autoencoder"
    assert loaded.provenance["training.nas_space"] == "default for anomaly"
    assert dict(plan(loaded.config))["search"].startswith("evolution over the space autoencoder, ")
    assert loaded.warnings == []


@pytest.mark.parametrize("strategy", [n for n, s in STRATEGIES.items() if s.space])
def test_what_searches_no_autoencoders_is_refused_for_them(errors: Load, strategy: str) -> None:
    (found,) = errors(f"{ANOMALY}  nas_search_strategy: {strategy}\n")
    assert found.startswith(
        f"9:24 training: nas_search_strategy {strategy} searches {STRATEGIES[strategy].space} "
        "alone, but the task anomaly needs the space autoencoder."
    )
    assert "search by auto, evolution, random, reinforce, zero_shot" in found
    assert found.endswith("2:14")


def test_a_space_of_another_task_is_refused(errors: Load) -> None:
    (found,) = errors(f"{ANOMALY}  nas_space: chain\n")
    assert found.startswith("9:14 training: for the task anomaly the space autoencoder is searched")
    (found,) = errors(f"{SEARCH}  nas_space: autoencoder\n")
    assert found.startswith("9:14 training: the space autoencoder is not for a classification.")


def test_keys_of_cells_do_not_keep_an_anomaly_detection_from_running(load: Load) -> None:
    text = f"{ANOMALY}  nas_epochs: 3\n  nas_model_size: m\n  nas_layers: 10\n"
    loaded = load(text)
    assert loaded.warnings == [
        "Not read: training.nas_epochs (line 9). It needs training.nas_search_strategy: darts, "
        "gdas or sub_one_shot.",
        "Not read: training.nas_layers (line 11). It needs training.nas_space: cells.",
    ]
    assert dict(plan(loaded.config))["budget"].startswith("flash 4,839 B (preset m)")


def test_cells_on_an_accelerator_are_said_to_keep_no_rules(load: Load) -> None:
    text = SEARCH.replace("arc_fault\ndataset", "arc_fault\n  target_device: F28P55\ndataset")
    loaded = load(f"{text}  nas_search_strategy: darts\n")
    (warning,) = plan_warnings(loaded)
    assert warning.startswith(
        "training.nas_space cells (nas_search_strategy darts, line 10) keeps no rules of the ti-npu"
    )
    assert "cells keep none of its rules" in dict(plan(loaded.config))["npu"]
    assert plan_warnings(load(text)) == []
    on_cpu = load(
        f"{text}  nas_search_strategy: darts\n"
        "compilation: {compile_preset_name: forced_soft_npu_preset}\n"
    )
    assert plan_warnings(on_cpu) == []
    assert "not used" in dict(plan(on_cpu.config))["npu"]


def test_sub_one_shot_says_which_proxies_it_does_not_combine(load: Load) -> None:
    text = f"{SEARCH}  nas_search_strategy: sub_one_shot\n"
    (warning,) = load(f"{text}  nas_proxy: [naswot, params]\n").warnings
    assert warning.endswith("it takes zico and fisher_rao, not naswot and params (line 10).")
    (warning,) = load(f"{text}  nas_proxy: [loss, params]\n").warnings
    assert warning.endswith("it takes loss, not params (line 10).")
    assert load(f"{text}  nas_proxy: [zico, loss]\n").warnings == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_space_of_a_strategy_is_the_one_that_it_declares(strategy: str) -> None:
    assert STRATEGIES[strategy].space in (None, *SPACES)


@pytest.mark.parametrize(
    ("search", "silent"),
    [
        (
            "nas_epochs: 3",
            "epochs (line 9). It needs training.nas_search_strategy: darts, gdas or sub_one_shot",
        ),
        ("nas_unrolled: true", "unrolled (line 9). It needs training.nas_search_strategy: darts"),
        ("nas_layers: 5", "layers (line 9). It needs training.nas_space: cells"),
        (
            "nas_proxy: zico",
            "proxy (line 9). It needs training.nas_search_strategy: sub_one_shot or zero_shot",
        ),
        (
            "nas_warmup_level: 0.5",
            "warmup_level (line 9). It needs training.nas_search_strategy: sub_one_shot",
        ),
        (
            "nas_search_seconds: 9\n  nas_trials: 5",
            "search_seconds (line 9). It needs a search without nas_trials",
        ),
        (
            "nas_objective: {params: 0}",
            "objective (line 9). It needs training.nas_search_strategy: reinforce",
        ),
        (
            "nas_search_strategy: darts\n  nas_proxy: zico",
            "proxy (line 10). It needs training.nas_search_strategy: sub_one_shot or zero_shot",
        ),
        (
            "nas_model_size: s\n  nas_budget: {macs: 9k}",
            "model_size (line 9). It needs nas_space: cells, or no flash or macs budget",
        ),
    ],
)
def test_what_the_strategy_does_not_read_is_said(load: Load, search: str, silent: str) -> None:
    (warning,) = load(f"{SEARCH}  {search}\n").warnings
    assert warning == f"Not read: training.nas_{silent}."


def test_all_that_lacks_one_thing_is_one_warning(load: Load) -> None:
    keys = "  nas_epochs: 3\n  nas_unrolled: true\n  nas_layers: 2\n  nas_fanout_concat: 9\n"
    epochs, cells, unrolled = load(SEARCH + keys).warnings
    assert "nas_epochs" in epochs
    assert "nas_unrolled" in unrolled
    assert cells == (
        "Not read: training.nas_layers (line 11), training.nas_fanout_concat (line 12). They need "
        "training.nas_space: cells."
    )


@pytest.mark.parametrize(
    "search",
    [
        "nas_search_strategy: darts\n  nas_epochs: 3\n  nas_unrolled: true\n  nas_layers: 2",
        "nas_search_strategy: evolution\n  nas_space: cells\n  nas_layers: 2",
        "nas_search_strategy: zero_shot\n  nas_proxy: zico",
        "nas_model_size: s\n  nas_optimization_mode: Compute",
        "nas_search_strategy: darts\n  nas_model_size: s\n  nas_budget: {flash: 8 kB}",
    ],
)
def test_what_is_read_is_not_warned_of(load: Load, search: str) -> None:
    assert load(f"{SEARCH}  {search}\n").warnings == []


def test_a_sampled_search_cannot_be_unrolled(errors: Load) -> None:
    text = f"{SEARCH}  nas_search_strategy: gdas\n  nas_unrolled: true\n"
    (found,) = errors(text)
    assert found.startswith("10:17 training: gdas samples one operation at a time")
    assert found.endswith("9:24")


def test_a_search_begins_with_files_that_are_there(
    load: Load, errors: Load, tmp_path: Path
) -> None:
    (tmp_path / "archive.jsonl").touch()
    training = load(f"{SEARCH}  nas_warm_start: archive.jsonl\n").config.training
    assert training.nas_warm_start == ("archive.jsonl",)
    (found,) = errors(f"{SEARCH}  nas_warm_start: [archive.jsonl, archiv.jsonl]\n")
    assert found.startswith("9:19 training.nas_warm_start: there is no file 'archiv.jsonl'")
    assert "did you mean 'archive.jsonl'?" in found
    (found,) = errors(f"{SEARCH}  nas_warm_start: /nowhere/at/all\n")
    assert "search/archive.jsonl or search/pareto.json" in found
    (found,) = errors(f"{SEARCH}  nas_warm_start: .\n")
    assert "there is no file '.'" in found
