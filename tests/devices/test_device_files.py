"""Every device file is complete, and a wrong name is answered with the nearest one."""

from __future__ import annotations

import pytest

from tinyml_nas.cost.tables import INSTRUCTIONS
from tinyml_nas.devices import CORES, NpuRules, device_names, load_device
from tinyml_nas.errors import ConfigError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("name", device_names())
def test_every_device_has_plausible_figures(name: str) -> None:
    device = load_device(name)
    assert device.name == name
    assert device.core in CORES
    assert 1e6 < device.clock_hz <= 1e9
    assert 4096 <= device.ram_bytes <= device.flash_bytes
    assert device.source
    of_npu = {f"npu.{key}" for key in ("macs", "clock", "sram", "flash")}
    assert set(device.assumed) <= {"core", "clock", "flash", "ram", *of_npu}


def test_an_m0plus_device_runs_the_m0_count_at_its_own_pace() -> None:
    device = load_device("MSPM0G3507")
    assert device.cycles_per_instruction["cortex-m0"] == device.cycles.cycles_per_instruction
    assert device.cycles_per_instruction["cortex-m0"] != CORES["cortex-m0"].cycles_per_instruction
    assert set(device.cycles_per_instruction) == set(INSTRUCTIONS)


def test_memories_are_read_with_binary_prefixes() -> None:
    device = load_device("F28P55")
    assert (device.flash_bytes, device.ram_bytes) == (1088 * 1024, 133 * 1024)
    assert device.clock_hz == 150e6


def test_accelerator_rules_come_with_the_devices_that_have_one() -> None:
    rules = load_device("MSPM0G5187").npu
    assert isinstance(rules, NpuRules)
    assert (rules.channel_multiple, rules.linear_min_inputs) == (4, 16)
    assert load_device("MSPM0G3507").npu is None


def test_cycles_follow_from_instructions() -> None:
    assert load_device("cortex-m4").cycles.from_instructions(1000) == 1400


def test_cores_of_one_instruction_set_share_what_was_counted() -> None:
    assert CORES["cortex-m0plus"].measured_on == "cortex-m0"
    for core in CORES.values():
        assert core.measured_on is None or CORES[core.measured_on].backend == core.backend
    assert {core.measured_on for core in CORES.values()} == {None, *INSTRUCTIONS}


@pytest.mark.parametrize("core", ["c28x", "c29", "cortex-r5f"])
def test_a_core_that_was_never_counted_has_no_instructions(core: str) -> None:
    assert CORES[core].measured_on is None


def test_the_first_microcontroller_to_promise_a_latency_for() -> None:
    device = load_device("MSPM0G3507")
    assert (device.core, device.clock_hz) == ("cortex-m0plus", 80e6)
    assert (device.flash_bytes, device.ram_bytes) == (128 * 1024, 32 * 1024)


def test_unknown_device_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        load_device("MSPM0G5186")
    assert caught.value.hint == "did you mean 'MSPM0G5187'?"
