"""A model is held to the device and to the YAML's budget, by what was measured of it."""

from __future__ import annotations

import pytest

from tinyml_nas.config.search_keys import NasBudget
from tinyml_nas.config.training import Training
from tinyml_nas.devices import load_device
from tinyml_nas.errors import BudgetError
from tinyml_nas.graph import Network
from tinyml_nas.pipeline.budget import check_budget, measured_need
from tinyml_nas.search.budget import Resources, resources_of

pytestmark = pytest.mark.fast

NEED = Resources(
    parameters=500, macs=30_000, flash_bytes=4000, ram_bytes=1000, latency_seconds=0.001
)


@pytest.mark.parametrize("memory", ["flash", "RAM"])
def test_a_model_larger_than_the_device_is_refused(memory: str) -> None:
    device = load_device("cortex-m4")
    limits = {"flash": device.flash_bytes, "RAM": device.ram_bytes}
    need = limits | {memory: limits[memory] + 1}
    with pytest.raises(BudgetError, match=f"B of {memory}; cortex-m4 has .* an assumed figure"):
        check_budget("net", Resources(1, 1, need["flash"], need["RAM"], None), device)
    check_budget("net", Resources(1, 1, limits["flash"], limits["RAM"], None), device)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            {"flash": "3999 B"},
            "for flash: it needs 4,000 B, training.nas_budget.flash grants 3,999 B",
        ),
        ({"ram": "999 B"}, "for RAM: it needs 1,000 B, training.nas_budget.ram grants 999 B"),
        ({"macs": 29_999}, "for MACs: it needs 30,000, training.nas_budget.macs grants 29,999"),
        (
            {"latency": "0.9 ms"},
            "for latency: it needs 1 ms, training.nas_budget.latency grants 0.9",
        ),
    ],
)
def test_what_breaks_the_budget_is_named_with_need_and_limit(
    budget: dict[str, object], message: str
) -> None:
    training = Training(nas_budget=NasBudget.model_validate(budget))
    with pytest.raises(BudgetError) as caught:
        check_budget("net", NEED, load_device("MSPM0G3507"), training)
    assert caught.value.exit_code == 3
    assert message in caught.value.message
    check_budget("net", NEED, load_device("MSPM0G3507"))


def test_what_just_fits_is_accepted() -> None:
    limits = {"flash": "4 kB", "ram": "1 kB", "macs": "30k", "latency": "1 ms"}
    budget = NasBudget.model_validate(limits)
    check_budget("net", NEED, load_device("MSPM0G3507"), Training(nas_budget=budget))


def test_the_core_of_the_device_is_what_counts(every_op: Network) -> None:
    model = {
        "network": every_op.to_json(),
        "linked": {"cortex-m0": {"flash_bytes": 2000}, "cortex-m4": {"flash_bytes": 2500}},
        "instructions": {"cortex-m0": 8_000_000, "cortex-m4": 1},
    }
    small = measured_need(model, load_device("MSPM0G3507"))
    assert small.flash_bytes == 2000
    assert small.latency_seconds == pytest.approx(8e6 * 1.3 / 80e6)
    unknown = measured_need(model, load_device("F29H85"))
    assert (unknown.flash_bytes, unknown.latency_seconds) == (2500, None)
    words = measured_need(model, load_device("F28P55"))  # its bytes have 16 bits
    assert (words.flash_bytes, words.latency_seconds) == (5000, None)


def test_what_was_not_measured_is_what_the_graph_promises(every_op: Network) -> None:
    device = load_device("MSPM0G3507")
    need = measured_need({"network": every_op.to_json()}, device)
    assert need == resources_of(every_op, device)
