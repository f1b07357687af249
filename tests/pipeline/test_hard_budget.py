"""A model is held to the device and to the YAML's budget, by what the cost tables promise."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from tinyml_nas.config.sections.search_keys import NasBudget
from tinyml_nas.config.sections.training import Training
from tinyml_nas.cost.budget import (
    Resources,
    check_budget,
    measured_excess,
    resources_of,
)
from tinyml_nas.devices import load_device
from tinyml_nas.errors import BudgetError
from tinyml_nas.graph import Network
from tinyml_nas.results.export import Build
from tinyml_nas.results.trained import Cost, Model, Scores, SplitScore
from tinyml_nas.results.trained import Training as TrainingRecord

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


def built(builds: dict[str, dict[str, dict[str, int]]]) -> Model:
    """A model of which nothing matters but what its ``builds`` take, by core and compiler."""
    cost = Cost(parameters=1, macs=1, flash_bytes=1, ram_bytes=1)
    return Model(
        role="chosen",
        name="net",
        cost=cost,
        training=TrainingRecord(epochs=1),
        score=Scores(float=SplitScore()),
        compilers=TypeAdapter(dict[str, dict[str, Build]]).validate_python(builds),
    )


@pytest.mark.parametrize(
    ("name", "core"), [("MSPM0G3507", "cortex-m0"), ("cortex-m4", "cortex-m4")]
)
def test_a_figure_above_its_promise_is_named_with_its_compiler(
    every_op: Network, name: str, core: str
) -> None:
    device = load_device(name)
    promised = resources_of(every_op, device)
    assert promised.latency_seconds is not None
    per_second = device.clock_hz / device.cycles.cycles_per_instruction
    kept = {
        "flash_bytes": promised.flash_bytes,
        "instructions": int(promised.latency_seconds * per_second) - 1,
        "stack_bytes": 100,
    }
    broken = {key: 2 * figure for key, figure in kept.items()}
    builds = {core: {"zig": kept, "gcc": broken}, "cortex-m7": {"zig": broken}}
    flash, latency = measured_excess(built(builds), promised, device)
    assert flash == (
        f"net, built by gcc, takes {broken['flash_bytes']:,} B of flash; promised for {name} were "
        f"{promised.flash_bytes:,} B, and budgets are held against that."
    )
    assert latency.startswith("net, built by gcc, takes ")
    assert " ms of latency; promised for " in latency
    assert not measured_excess(built({core: {"zig": kept}}), promised, device)
    assert not measured_excess(built({}), promised, device)


def test_a_core_that_was_never_counted_has_the_flash_of_its_back_end(every_op: Network) -> None:
    device = load_device("F28P55")  # its bytes have 16 bits
    promised = resources_of(every_op, device)
    octets = promised.flash_bytes // device.cycles.octets_per_value

    def excess(core: str, flash_bytes: int) -> list[str]:
        build = {"flash_bytes": flash_bytes, "instructions": 1 << 40, "stack_bytes": 1}
        return measured_excess(built({core: {"zig": build}}), promised, device)

    assert not excess("cortex-m3", octets)
    assert len(excess("cortex-m3", octets + 1)) == 1
    assert not excess("cortex-m4", octets + 1)  # which runs other code
