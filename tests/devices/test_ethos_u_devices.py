"""Devices with an Ethos-U: each names what its compiler asks for, and mistakes are located."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_nas.cli import main
from tinyml_nas.config import InvalidConfig
from tinyml_nas.devices import EthosU, device_names, load_device, target_of
from tinyml_nas.devices.accelerators import MACS
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

BOARD = "core: cortex-m55\nclock: 160 MHz\nflash: 2 MiB\nram: 1 MiB\nnpu:\n"
NPU = "  kind: ethos-u55\n  macs: 128\n  clock: 160 MHz\n"
CONFIG = """
common: {{task_type: arc_fault, target_device: {device}}}
dataset: {{generator: arc_fault}}
data_processing_feature_extraction: {{frame_size: 64}}
training: {{model_name: CLS_1k}}
compilation: {compilation}
"""
ACCELERATORS = {
    "AlifE3-HE": "ethos-u55-128",
    "AlifE3-HP": "ethos-u55-256",
    "AlifE7-HE": "ethos-u55-128",
    "AlifE7-HP": "ethos-u55-256",
    "AlifE8": "ethos-u85-256",
    "AlifE8-HE": "ethos-u55-128",
    "AlifE8-HP": "ethos-u55-256",
    "Corstone-300": "ethos-u55-128",
    "Corstone-300-U65": "ethos-u65-256",
    "Corstone-310": "ethos-u55-256",
    "Corstone-320": "ethos-u85-256",
    "HimaxWE2": "ethos-u55-64",
    "M55M1": "ethos-u55-256",
    "PSOC-E84": "ethos-u55-128",
    "RA8P1": "ethos-u55-256",
}


def npu_of(folder: Path, text: str) -> EthosU:
    (folder / "my_board.yaml").write_text(BOARD + text)
    npu = load_device("my_board.yaml", folder=folder).npu
    assert isinstance(npu, EthosU)
    return npu


def config_of(folder: Path, device: str, compilation: str = "{}") -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(device=device, compilation=compilation))
    return path


def test_the_devices_that_have_one() -> None:
    npus = {name: load_device(name).npu for name in device_names()}
    found = {name: npu.accelerator for name, npu in npus.items() if isinstance(npu, EthosU)}
    assert found == ACCELERATORS


def test_a_short_file_has_the_speeds_of_arms_own_configuration(tmp_path: Path) -> None:
    npu = npu_of(tmp_path, NPU)
    assert (npu.accelerator, npu.memory_mode) == ("ethos-u55-128", "sram_only")
    assert (npu.sram.clock_scale, npu.sram.read_latency) == (1.0, 32)
    assert (npu.flash.clock_scale, npu.flash.burst_length) == (0.125, 128)


def test_a_file_may_say_all_of_it(tmp_path: Path) -> None:
    speeds = "  sram: {read_latency: 5}\n  flash: {clock_scale: 0.5, ports: 1}\n"
    npu = npu_of(tmp_path, NPU + "  memory_mode: shared_sram\n" + speeds)
    assert (npu.sram.read_latency, npu.sram.write_latency) == (5, 32)
    assert (npu.flash.clock_scale, npu.flash.burst_length) == (0.5, 128)
    assert npu.memory_mode == "shared_sram"


def test_behind_a_dedicated_sram_lies_dram(tmp_path: Path) -> None:
    large = "  kind: ethos-u65\n  macs: 256\n  clock: 500 MHz\n  memory_mode: dedicated_sram\n"
    npu = npu_of(tmp_path, large + "  cache: 256 KiB\n")
    assert (npu.flash.read_latency, npu.cache_bytes) == (500, 262_144)


@pytest.mark.parametrize("kind", MACS)
def test_every_configuration_that_exists_is_taken(tmp_path: Path, kind: str) -> None:
    for macs in MACS[kind]:
        text = f"  kind: {kind}\n  macs: {macs}\n  clock: 400 MHz\n"
        assert npu_of(tmp_path, text).accelerator == f"{kind}-{macs}"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (NPU.replace("128", "512"), 7, "npu.macs: there is no ethos-u55-512, the ethos-u55", None),
        (
            NPU.replace("u55", "u56"),
            6,
            "npu.kind: 'ethos-u56' is none of ethos-u55",
            "did you mean",
        ),
        (NPU.replace("ethos-u55", "neutron"), 6, "npu.kind: 'neutron' is none of", None),
        (NPU.replace("  kind: ethos-u55\n", ""), 6, "The key 'kind' is missing.", None),
        (NPU.replace("  macs: 128\n", ""), 6, "The key 'macs' is missing.", None),
        (NPU.replace("160 MHz", "160"), 8, "npu.clock: '160' has no unit", None),
        (
            NPU + "  memory_mode: share_sram\n",
            9,
            "npu.memory_mode: 'share_sram' is none of sram_only, shared_sram, dedicated_sram",
            "did you mean 'shared_sram'?",
        ),
        (
            NPU + "  memory_mode: dedicated_sram\n",
            9,
            "npu.memory_mode: an ethos-u55 reads its second port and cannot write it",
            None,
        ),
        (NPU + "  mac: 128\n", 9, "'mac' is not a known key.", "did you mean 'macs'?"),
        (NPU + "  sram: {clock_scale: 2}\n", 9, "npu.sram.clock_scale: ", None),
        (NPU + "  sram:\n    latency: 2\n", 10, "'latency' is not a known key.", None),
        (NPU + "  sram: fast\n", 9, "npu.sram: ", None),
    ],
)
def test_mistakes_are_shown_in_their_line(
    tmp_path: Path, text: str, line: int, message: str, hint: str | None
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        npu_of(tmp_path, text)
    problem = caught.value.problems[0]
    assert problem.message.startswith(message)
    assert problem.place.line == line
    assert hint is None or hint in (problem.hint or "")


@pytest.mark.parametrize(
    ("compilation", "mode"),
    [
        ("{}", "auto"),
        ("{npu: require}", "require"),
        ("{npu: off}", "off"),
        ("{compile_preset_name: forced_soft_npu_preset}", "off"),
    ],
)
def test_the_configuration_says_whether_it_is_used(
    tmp_path: Path, compilation: str, mode: str
) -> None:
    device = target_of(load_config(config_of(tmp_path, "AlifE3-HE", compilation)).config)
    assert device.npu_mode == mode
    assert (device.ethos_u is None) == (mode == "off")
    assert device.npu is not None


def test_a_former_name_still_runs_and_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_config(config_of(tmp_path, "AlifE3"))
    assert target_of(loaded.config).name == "AlifE3-HP"
    assert any("AlifE3 is called AlifE3-HP now" in warning for warning in loaded.warnings)
    assert main(["info", "devices", "AlifE3"]) == 0
    assert "AlifE3-HP" in capsys.readouterr().out


def test_a_file_of_the_former_name_stays_itself(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "AlifE3.yaml").write_text(BOARD.replace("npu:\n", ""))
    loaded = load_config(config_of(tmp_path, "AlifE3"))
    assert target_of(loaded.config).name == "AlifE3"
    assert not any("is called" in warning for warning in loaded.warnings)


def test_info_shows_accelerator_cycles_and_what_the_latency_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["info", "devices", "AlifE3-HE"]) == 0
    told = capsys.readouterr().out
    assert "u55-128" in told
    assert "ethos-u55-128, 160 MHz, shared_sram" in told
    assert main(["info", "npu", "AlifE3-HE"]) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("cycles", "us", "CLS_1k", "nothing"))
    assert main(["info", "models", "--fits", "AlifE3-HE", "--latency", "50us"]) == 0
    told = capsys.readouterr().out
    assert "CLS_4k" in told
    assert "CLS_40k" not in told
    assert "flash is an upper bound" in told
