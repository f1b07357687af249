"""The default model covers the window, and the next smaller one follows where a limit is hard."""

from __future__ import annotations

import pytest

from tinyml_nas.config.names import TASKS
from tinyml_nas.config.sections.common import Task
from tinyml_nas.cost.budget import Budget, resources_of
from tinyml_nas.devices import load_device
from tinyml_nas.graph import Shape, reach_of
from tinyml_nas.zoo import ZOO
from tinyml_nas.zoo.default import FEATURES, SERIES, Default, default_model

pytestmark = pytest.mark.fast

DEVICE = load_device("cortex-m4")
MEMORIES = Budget(DEVICE.flash_bytes, DEVICE.ram_bytes)


def default(
    task: Task = "classification",
    shape: Shape = Shape(1, 300),  # noqa: B008
    series: bool = True,
    budget: Budget = MEMORIES,
    device: str = "cortex-m4",
) -> Default:
    return default_model(task, shape, 3, series, load_device(device), budget)


def test_a_classifier_of_samples_sees_much_of_its_window() -> None:
    found = default()
    assert found == Default(
        "TCN_4k", "it sees 125 of the 300 samples of a window and fits cortex-m4"
    )


def test_features_have_no_window_to_cover() -> None:
    assert default(series=False) == Default("CLS_4k", "it is small and fits cortex-m4")


@pytest.mark.parametrize("samples", [16, 64, 128, 451, 1024, 4096])
def test_every_window_is_seen_by_a_quarter(samples: int) -> None:
    network = ZOO[default(shape=Shape(3, samples)).name].build(Shape(3, samples), 3)
    assert 4 * reach_of(network) >= samples


@pytest.mark.parametrize("task", TASKS)
def test_each_member_needs_less_than_the_one_before(task: Task) -> None:
    for names in (SERIES[task], FEATURES[task]):
        assert {ZOO[name].task for name in names} == {task}
        networks = [ZOO[name].build(Shape(1, 128), 3) for name in names]
        flash = [resources_of(network, DEVICE).flash_bytes for network in networks]
        assert flash == sorted(flash, reverse=True)


def test_a_limit_is_kept_by_a_smaller_member() -> None:
    for name, smaller in zip(SERIES["classification"], SERIES["classification"][1:], strict=False):
        need = resources_of(ZOO[name].build(Shape(1, 300), 3), DEVICE)
        assert default(budget=Budget(need.flash_bytes, None)).name == name
        assert default(budget=Budget(need.flash_bytes - 1, None)).name == smaller
        assert default(budget=Budget(None, need.ram_bytes - 1)).name == smaller


def test_where_nothing_fits_the_smallest_model_is_named() -> None:
    assert default(budget=Budget(100, 100)) == Default("CLS_100", "none of the zoo fits")


def test_beside_an_accelerator_without_dilation_its_layers_stay_there() -> None:
    assert default(device="F28P55").name == "CLS_4k"


def test_another_model_of_the_task_stands_in_where_only_it_fits() -> None:
    budget = Budget(3000, 600)
    found = default(shape=Shape(3, 128), budget=budget)
    network = ZOO[found.name].build(Shape(3, 128), 3)
    assert found.name not in SERIES["classification"] + FEATURES["classification"]
    assert not budget.broken(resources_of(network, DEVICE))
