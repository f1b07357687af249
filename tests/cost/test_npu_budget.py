"""Where an Ethos-U runs a network, its budget is that of the program: Vela's figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_nas.cost.budget import (
    Budget,
    budget_from_config,
    budget_warnings,
    check_budget,
    core_resources_of,
    resources_of,
)
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.npu.ethos_u import estimate
from tinyml_nas.cost.npu.share import CALL_INSTRUCTIONS, npu_share, tail_of
from tinyml_nas.cost.promise import promise_of
from tinyml_nas.devices import Device, load_device, target_of
from tinyml_nas.errors import BudgetError
from tinyml_nas.graph import INPUT, Conv, GlobalAvgPool, Linear, Network, Node, Shape
from tinyml_nas.graph.ops import same_padding
from tinyml_nas.load import load_config
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.fast

YAML = """\
common: {task_type: arc_fault, target_device: DEVICE}
dataset: {generator: arc_fault}
data_processing_feature_extraction: {frame_size: 64}
training: {nas_enabled: true, nas_budget: {latency: 25 us}}
"""


def chain(width: int, bits: int = 8) -> Network:
    """A convolution, a mean and a classifier, for 64 samples."""
    conv = Conv(width, 7, 2, same_padding(7), weight_bits=bits)
    wide = Conv(width, 7, 1, same_padding(7), weight_bits=bits)
    nodes = (
        Node("first", conv, (INPUT,)),
        Node("second", wide, ("first",)),
        Node("mean", GlobalAvgPool(), ("second",)),
        Node("linear", Linear(3), ("mean",)),
    )
    return Network("chain", Shape(1, 64), nodes)


@pytest.fixture(scope="module")
def device() -> Device:
    return load_device("AlifE3-HE")


def test_the_figures_are_those_of_the_program(device: Device) -> None:
    network, npu = chain(16), device.ethos_u
    assert npu is not None
    program, need = estimate(network, npu), resources_of(network, device)
    assert program is not None
    call = CALL_INSTRUCTIONS * device.cycles.cycles_per_instruction / device.clock_hz
    assert need.latency_seconds == pytest.approx(program.cycles / 160e6 + call)
    assert need.ram_bytes == program.ram_bytes
    assert need.flash_bytes > program.flash_bytes
    core = core_resources_of(network, device)
    assert (need.parameters, need.macs) == (core.parameters, core.macs)
    assert need.latency_seconds < (core.latency_seconds or 0)


def test_switched_off_the_core_is_what_counts(device: Device) -> None:
    off = device.model_copy(update={"npu_mode": "off"})
    network = chain(16)
    assert resources_of(network, off) == core_resources_of(network, device)
    plain = device.model_copy(update={"npu": None})
    assert resources_of(network, off) == resources_of(network, plain)


@pytest.mark.parametrize("width", [8, 16, 24, 32, 48])
def test_25_microseconds_admit_what_vela_says(device: Device, width: int) -> None:
    network, npu = chain(width), device.ethos_u
    assert npu is not None
    program, budget = estimate(network, npu), Budget(latency_seconds=25e-6)
    assert program is not None
    call = CALL_INSTRUCTIONS * device.cycles.cycles_per_instruction / device.clock_hz
    fits = program.cycles / npu.clock_hz + call <= 25e-6
    assert (not budget.broken(resources_of(network, device))) == fits
    assert fits == (width < 24)
    assert budget.broken(core_resources_of(network, device)) == ["latency_seconds"]


def test_the_budget_of_a_configuration_is_read_for_it(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(YAML.replace("DEVICE", "AlifE3-HE"), encoding="utf-8")
    config = load_config(path).config
    budget, origins = budget_from_config(config, target_of(config))
    assert budget.latency_seconds == pytest.approx(25e-6)
    assert origins["latency_seconds"] == "nas_budget"


def test_a_latency_without_a_model_of_the_accelerator_is_said_to_be_the_cores(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.yaml"
    for name, count in {"MSPM0G5187": 1, "MSPM0G3507": 0, "AlifE3-HE": 0}.items():
        path.write_text(YAML.replace("DEVICE", name), encoding="utf-8")
        config = load_config(path).config
        warnings = budget_warnings(config, target_of(config))
        assert len(warnings) == count
        assert all("is that of the cortex-m0plus alone" in warning for warning in warnings)


def test_weights_of_few_bits_shrink_the_program(device: Device) -> None:
    flash = [resources_of(chain(32, bits), device).flash_bytes for bits in (8, 4, 2)]
    assert flash[1] < 0.75 * flash[0]
    assert flash[2] < 0.75 * flash[1]


def test_weights_that_are_copied_to_sram_take_it(device: Device) -> None:
    npu = device.ethos_u
    assert npu is not None
    copied = npu.model_copy(update={"memory_mode": "sram_only"})
    share = npu_share(chain(16), copied)
    assert share is not None
    assert share.ram_bytes() == share.program.ram_bytes + share.program.flash_bytes


def test_the_words_say_bound_and_source(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for name, words in {
        "AlifE3-HE": ("at most", "B RAM", "by Vela's estimate"),
        "MSPM0G5187": ("about", "B arena", "of the core alone"),
        "MSPM0G3507": ("about", "B arena", "ms on MSPM0G3507"),
    }.items():
        path.write_text(YAML.replace("DEVICE", name), encoding="utf-8")
        config = load_config(path).config
        told = promise_of(chain(16), target_of(config), config).words(target_of(config))
        assert all(part in told for part in words), told


def test_a_network_larger_than_the_memory_is_refused(device: Device) -> None:
    network = ZOO["CLS_13k"].build(Shape(1, 256), 3)
    for field, resource in {"flash_bytes": "flash", "ram_bytes": "RAM"}.items():
        small = device.model_copy(update={field: 4096})
        with pytest.raises(BudgetError, match=rf"of {resource}; AlifE3-HE has 4,096 B"):
            check_budget("CLS_13k", resources_of(network, small), small)


def test_the_tail_is_a_network_that_reads_what_is_handed_over() -> None:
    network = chain(16)
    tail = tail_of(network, ("mean", "linear"))
    assert tail is not None
    assert tail.input_shape == network.shapes["second"]
    assert tail.shapes["linear"] == network.shapes["linear"]
    assert network_cost(tail).macs < network_cost(network).macs
    assert tail_of(network, ()) is None
