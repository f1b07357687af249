"""Every device file is complete, and a wrong name is answered with the nearest one."""

from __future__ import annotations

import pytest

from tinyml_nas.devices import CORES, device_names, load_device
from tinyml_nas.errors import ConfigError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("name", device_names())
def test_every_device_has_plausible_figures(name: str) -> None:
    device = load_device(name)
    assert device.name == name
    assert device.core in CORES
    assert 1e6 < device.clock_hz < 1e9
    assert 4096 <= device.ram_bytes <= device.flash_bytes
    assert device.source
    assert set(device.assumed) <= {"clock", "flash", "ram"}


def test_memories_are_read_with_binary_prefixes() -> None:
    device = load_device("F28P55")
    assert (device.flash_bytes, device.ram_bytes) == (1088 * 1024, 133 * 1024)
    assert device.clock_hz == 150e6


def test_accelerator_rules_come_with_the_devices_that_have_one() -> None:
    rules = load_device("MSPM0G5187").npu
    assert rules is not None
    assert (rules.channel_multiple, rules.linear_min_inputs) == (4, 16)
    assert load_device("MSPM0G3507").npu is None


def test_cycles_grow_with_work_and_instructions() -> None:
    m4, m0 = load_device("cortex-m4").cycles, load_device("cortex-m0").cycles
    assert m4.from_work(2000, 10, 1) > m4.from_work(1000, 10, 1)
    assert m0.from_work(1000, 10, 1) > m4.from_work(1000, 10, 1)
    assert m4.from_instructions(1000) == 1400


def test_unknown_device_names_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        load_device("MSPM0G5186")
    assert caught.value.hint == "did you mean 'MSPM0G5187'?"
