"""What is promised before training is what the linker, the planner and the emulator deliver."""

from __future__ import annotations

import pytest
from measured_networks import (
    Measured,
    cores_of,
    data_bytes,
    measure,
    missing_tools,
    random_cells,
    random_chain,
    random_packed,
)

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.latency import network_instructions
from tinyml_nas.cost.tables import CODE_BYTES, HEADROOM, INSTRUCTIONS
from tinyml_nas.devices.cores import Backend
from tinyml_nas.graph import Network, Shape
from tinyml_nas.proof.emulate import COUNTED
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.c

NETWORKS = (
    *(random_chain(seed) for seed in range(7000, 7006)),
    *(random_cells(seed) for seed in range(7000, 7002)),
    *(random_packed(seed) for seed in range(7000, 7002)),
    *(ZOO[name].build(Shape(6, 64), 7) for name in ("CLS_500", "CLS_4.2k", "Res_4k")),
    *(ZOO[name].build(Shape(3, 96), 0) for name in ("AD_2k", "AE_1k")),
    ZOO["CLS_ResCat_3k"].build(Shape(2, 48), 3),
)


def counted_or_skip(core: str) -> str:
    """``core``; the test is skipped where a compiler or the emulator of it is missing."""
    if missing := missing_tools(core):
        pytest.skip(f"{' and '.join(missing)} not installed")
    return core


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda network: network.name)
def measured(request: pytest.FixtureRequest) -> Measured:
    """A network that no constant was fitted on, compiled and run."""
    network: Network = request.param
    return measure(network, 1)


@pytest.mark.parametrize("backend", CODE_BYTES)
def test_ram_and_tables_are_exact(measured: Measured, backend: Backend) -> None:
    cost = network_cost(measured.network, backend)
    assert cost.ram_bytes == measured.arena_bytes
    assert cost.table_bytes == measured.tables[backend]


@pytest.mark.parametrize("backend", CODE_BYTES)
def test_code_is_within_ten_per_cent(measured: Measured, backend: Backend) -> None:
    counted_or_skip(cores_of(backend)[0])
    data = data_bytes(measured.network, backend)
    promised = network_cost(measured.network, backend).flash_bytes - data
    assert promised == pytest.approx(measured.worst_flash(backend) - data, rel=0.1)


@pytest.mark.parametrize("core", INSTRUCTIONS)
def test_instructions_are_within_five_per_cent(measured: Measured, core: str) -> None:
    promised = network_instructions(measured.network, counted_or_skip(core))
    assert promised == pytest.approx(measured.most_instructions(core), rel=0.05)
    assert HEADROOM * promised > measured.most_instructions(core)


@pytest.mark.parametrize("optimize", ["speed", "size"])
@pytest.mark.parametrize("network", NETWORKS[::3], ids=lambda network: network.name)
def test_costs_of_code_made_for_speed_or_size(network: Network, optimize: Optimize) -> None:
    for core in INSTRUCTIONS:
        counted_or_skip(core)
    measured = measure(network, 1, optimize=optimize)
    for backend in CODE_BYTES:
        cost, data = network_cost(network, backend, optimize), data_bytes(network, backend)
        assert cost.table_bytes == measured.tables[backend]
        linked = measured.worst_flash(backend)
        assert cost.flash_bytes - data == pytest.approx(linked - data, rel=0.1)
    for core in INSTRUCTIONS:
        promised = network_instructions(network, core, optimize)
        assert promised == pytest.approx(measured.most_instructions(core), rel=0.05)
        assert HEADROOM * promised > measured.most_instructions(core)


def test_every_emulated_core_has_its_counts_by_compiler() -> None:
    assert {core: tuple(tables) for core, tables in INSTRUCTIONS.items()} == COUNTED
