"""The hard budget: what is written wins, else the preset or the device; a promise needs a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tinyml_nas.config import Config, LoadedConfig
from tinyml_nas.config.names import NAS_PRESETS, PRESET_PARAMETERS
from tinyml_nas.cost.budget import Budget, budget_from_config, budget_warnings
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.devices import Device, load_device
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph import Shape
from tinyml_nas.load import load_config
from tinyml_nas.search.cells.derive import derive
from tinyml_nas.search.cells.genotype import Genotype
from tinyml_nas.search.cells.plan import SearchSpace

pytestmark = pytest.mark.fast

YAML = """\
common: {task_type: arc_fault, target_device: DEVICE}
dataset: {generator: arc_fault}
data_processing_feature_extraction: {frame_size: 64}
training:
  nas_enabled: true
"""


def loaded(folder: Path, search: str = "", device: str = "cortex-m4") -> LoadedConfig:
    path = folder / "config.yaml"
    path.write_text(YAML.replace("DEVICE", device) + search, encoding="utf-8")
    return load_config(path)


def config(folder: Path, search: str = "") -> Config:
    return loaded(folder, search).config


@pytest.fixture
def device() -> Device:
    return load_device("cortex-m4")


def test_without_a_word_the_device_is_the_budget(tmp_path: Path, device: Device) -> None:
    budget, origins = budget_from_config(config(tmp_path), device)
    assert budget == Budget(flash_bytes=2**20, ram_bytes=2**17)
    assert origins == {"flash_bytes": "device", "ram_bytes": "device"}


def test_what_is_written_wins(tmp_path: Path, device: Device) -> None:
    written = "  nas_budget: {flash: 8 kB, macs: 30k, latency: 5 ms}\n"
    budget, origins = budget_from_config(config(tmp_path, written), device)
    assert budget == Budget(8000, 2**17, 30_000, 0.005)
    assert origins == {
        "flash_bytes": "nas_budget",
        "ram_bytes": "device",
        "macs": "nas_budget",
        "latency_seconds": "nas_budget",
    }


def test_a_budget_beyond_the_device_is_the_devices_and_it_is_said(
    tmp_path: Path, device: Device
) -> None:
    both = loaded(tmp_path, "  nas_budget: {flash: 2 MiB, ram: 1 kB}\n")
    budget, origins = budget_from_config(both.config, device)
    assert (budget.flash_bytes, budget.ram_bytes) == (2**20, 1000)
    assert origins == {"flash_bytes": "device", "ram_bytes": "nas_budget"}
    (warning,) = budget_warnings(both.config, device, both.provenance)
    assert warning == (
        "training.nas_budget.flash = 2,097,152 B (line 6) is more than the 1,048,576 B of "
        "cortex-m4, which hold instead."
    )


@pytest.mark.parametrize("size", PRESET_PARAMETERS)
def test_a_preset_caps_the_flash_of_chains(tmp_path: Path, device: Device, size: str) -> None:
    preset = f"  nas_model_size: {size}\n"
    budget, origins = budget_from_config(config(tmp_path, preset), device)
    assert origins["flash_bytes"] == f"preset {size}"
    assert budget.flash_bytes is not None
    assert 0 < budget.flash_bytes - PRESET_PARAMETERS[size] < 2000


@pytest.mark.parametrize("search", ["nas_search_strategy: darts", "nas_budget: {macs: 30k}"])
def test_a_preset_caps_neither_cells_nor_beside_a_budget(
    tmp_path: Path, device: Device, search: str
) -> None:
    text = f"  nas_model_size: s\n  {search}\n"
    _, origins = budget_from_config(config(tmp_path, text), device)
    assert origins["flash_bytes"] == "device"


def test_a_preset_is_no_more_than_the_device_has(tmp_path: Path, device: Device) -> None:
    small = device.model_copy(update={"flash_bytes": 32 * 1024})
    _, origins = budget_from_config(config(tmp_path, "  nas_model_size: xl\n"), small)
    assert origins["flash_bytes"] == "device"


@pytest.mark.parametrize("size", NAS_PRESETS)
def test_presets_hold_what_their_cells_can_reach(size: str) -> None:
    layers, nodes, channels, stem, fanout = NAS_PRESETS[size]
    space = SearchSpace(
        Shape(6, 128),
        6,
        layers=layers,
        nodes=nodes,
        channels=channels,
        stem_multiplier=stem,
        fanout=fanout,
    )
    genes = tuple(("conv_bn_relu_7x1", node) for node in range(nodes))
    largest = network_cost(derive(Genotype(genes, genes, space.concat), space)).parameters
    # the published figures count the batch norms that are folded here
    assert 0.9 * PRESET_PARAMETERS[size] < largest <= PRESET_PARAMETERS[size]


def test_a_latency_needs_a_measured_cycle_model(tmp_path: Path, device: Device) -> None:
    both = loaded(tmp_path, "  nas_budget: {latency: 5 ms}\n")
    with pytest.raises(ConfigError) as caught:
        budget_from_config(both.config, load_device("F28P55"), both.provenance)
    assert "training.nas_budget.latency (line 6): no cycle model" in caught.value.message
    assert "limit macs instead" in (caught.value.hint or "")
    budget_from_config(both.config, device)
    budget_from_config(config(tmp_path), load_device("F28P55"))


def test_a_budget_is_plain_data(tmp_path: Path, device: Device) -> None:
    budget, _ = budget_from_config(config(tmp_path), device)
    assert dataclasses.asdict(budget)["macs"] is None
