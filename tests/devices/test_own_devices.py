"""Device files of the user's own: found beside his YAML, with the line of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_nas.cli import main
from tinyml_nas.config import InvalidConfig
from tinyml_nas.devices import load_device, target_of
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

BOARD = "core: cortex-m4\nclock: 96 MHz\nflash: 512 KiB\nram: 64 kB\n"
CONFIG = """
common: {{task_type: arc_fault, target_device: {device}}}
dataset: {{generator: arc_fault}}
data_processing_feature_extraction: {{frame_size: 64}}
training: {{model_name: CLS_1k}}
"""


def _config(folder: Path, device: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(device=device))
    return path


@pytest.mark.parametrize(
    ("file", "device"),
    [
        ("my_board.yaml", "my_board.yaml"),
        ("devices/my_board.yaml", "my_board"),
        ("boards/my_board.yml", "boards/my_board.yml"),
    ],
)
def test_a_device_beside_the_yaml(tmp_path: Path, file: str, device: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(BOARD)
    found = target_of(load_config(_config(tmp_path, device)).config)
    assert (found.name, found.core, found.clock_hz) == ("my_board", "cortex-m4", 96_000_000)
    assert (found.flash_bytes, found.ram_bytes) == (512 * 1024, 64_000)
    assert found.npu is None


def test_the_users_device_comes_before_ours_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "STM32F411.yaml").write_text(BOARD)
    assert load_device("STM32F411", folder=tmp_path).clock_hz == 96e6
    assert load_device("STM32F411").clock_hz == 100e6


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (BOARD.replace("ram: 64 kB\n", ""), 1, "The key 'ram' is missing.", "core, clock, flash"),
        (BOARD.replace("m4", "m5"), 1, "core: 'cortex-m5' is no core", "did you mean 'cortex-m"),
        (BOARD.replace("96 MHz", "96"), 2, "clock: '96' has no unit: write 96 MHz.", None),
        (BOARD.replace("96 MHz", "96 Hz"), 2, "clock: 96 Hz is no clock of a microcontr", None),
        (BOARD.replace("512 KiB", "512"), 3, "flash: '512' has no unit", None),
        (BOARD.replace("512 KiB", "512 MHz"), 3, "flash: 'MHz' is no unit of a size", None),
        (BOARD.replace("64 kB", "64 B"), 4, "ram: 64 B is no memory of a microcontroller", None),
        (BOARD.replace("64 kB", "-4 kB"), 4, "ram: '-4 kB' is not a size", None),
        (BOARD + "fpu: yes\n", 5, "'fpu' is not a known key.", "did you mean 'npu'?"),
        (BOARD + "npu: {kind: ti}\n", 5, "npu.kind: 'ti' is none of ", None),
        (BOARD + "core: c29\n", 5, "The key 'core' is written twice.", None),
        ("- core\n", 1, "A device file is a list of keys.", "it has core"),
        ("", 1, "A device file is a list of keys.", "it has core"),
        ("core: [\n", 2, "This is not valid YAML", None),
    ],
)
def test_mistakes_are_shown_in_their_line(
    tmp_path: Path, text: str, line: int, message: str, hint: str | None
) -> None:
    path = tmp_path / "my_board.yaml"
    path.write_text(text)
    with pytest.raises(InvalidConfig) as caught:
        load_device(path.name, folder=tmp_path)
    problem = caught.value.problems[0]
    assert problem.message.startswith(message)
    assert problem.place.line == line
    assert hint is None or hint in (problem.hint or "")
    assert str(path) in caught.value.message


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "my_board.yaml"
    path.write_text("core: m4\nclock: fast\nflash: 3 MHz\n")
    with pytest.raises(InvalidConfig) as caught:
        load_device(path.name, folder=tmp_path)
    assert len(caught.value.problems) == 4


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "my_board.yaml").write_text(BOARD)
    with pytest.raises(InvalidConfig, match=r"there is no device file 'my_bord\.yaml'") as caught:
        load_config(_config(tmp_path, "my_bord.yaml"))
    assert caught.value.problems[0].hint == "did you mean 'my_board.yaml'?"
    with pytest.raises(InvalidConfig, match="there is no device 'STM32F412'") as caught:
        load_config(_config(tmp_path, "STM32F412"))
    assert "STM32F4" in str(caught.value.problems[0].hint)


def test_check_and_info_know_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "lab.yaml").write_text(BOARD)
    assert main(["check", str(_config(tmp_path, "lab"))]) == 0
    assert "lab: cortex-m4 at 96 MHz, 512 KiB flash" in capsys.readouterr().out
    assert main(["info", "devices", "lab"]) == 0
    assert main(["info", "devices", "devices/lab.yaml"]) == 0
    assert "cortex-m4" in capsys.readouterr().out


def test_a_core_that_no_one_emulates_promises_no_latency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_device("ESP32-S3").cycles.measured_on is None
    assert main(["check", str(_config(tmp_path, "ESP32-S3"))]) == 0
    assert "latency unknown, bits proven on other cores" in capsys.readouterr().out
