"""``init --from`` for an undocumented logger's files: what is odd is said, the YAML is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyml_nas import cli
from tinyml_nas.console import Console, own_command, shell_quoted
from tinyml_nas.data import prepare_data
from tinyml_nas.data.doctor.rhythm import is_clock, read_clock, tells_time
from tinyml_nas.errors import DataError
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

QUIET = Console(quiet=True)
STATES = {"idle": 0.0, "running": 24.0}


def logged(seed: int, hertz: float, rows: int = 600) -> list[list[str]]:
    """Rows ``t_ms, ax, ay, temp`` of a logger at 200 Hz."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    x = 0.05 * rng.standard_normal((rows, 2))
    x += np.sin(2 * np.pi * hertz * t[:, None] / 200 + rng.uniform(0, 6, 2)) * (hertz > 0)
    temp = np.round(23 + 0.002 * np.cumsum(rng.standard_normal(rows)), 2)
    values = zip(t, x, temp, strict=True)
    return [[str(5 * i), f"{a:.4f}", f"{b:.4f}", f"{c:.2f}"] for i, (a, b), c in values]


def write(path: Path, rows: list[list[str]], header: str = "t_ms,ax,ay,temp") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n", encoding="utf-8")


def healthy(root: Path) -> dict[str, list[list[str]]]:
    """Eight files of each state in a folder; the rows of each."""
    files = {
        f"{label}/rec_{index:03d}.csv": logged(10 * index + len(label), hertz)
        for label, hertz in STATES.items()
        for index in range(8)
    }
    for name, rows in files.items():
        write(root / name, rows)
    return files


def init(root: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[Path, str]:
    """The YAML, and what was said on one line."""
    out = root.parent / "c.yaml"
    assert cli.main(["init", "--from", str(root), "-o", str(out), *options]) == 0
    captured = capsys.readouterr()
    return out, " ".join((captured.out + captured.err).split())


def test_blemishes_are_named_and_nothing_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    files = healthy(root)
    for name in ("idle/rec_001.csv", "running/rec_002.csv"):
        write(root / name, [[t, a, "0.0", c] for t, a, _, c in files[name]])
    rows = [row.copy() for row in files["idle/rec_003.csv"]]
    rows[77][2], rows[300][2] = "NaN", ""
    write(root / "idle/rec_003.csv", rows)
    write(root / "running/rec_004.csv", [r[:3] for r in files["running/rec_004.csv"]], "t_ms,ax,ay")
    swapped = [[c, a, b, t] for t, a, b, c in files["running/rec_005.csv"]]
    write(root / "running/rec_005.csv", swapped, "temp,ax,ay,t_ms")
    gap = files["idle/rec_006.csv"][:200] + files["idle/rec_006.csv"][210:]
    write(root / "idle/rec_006.csv", gap)
    out, said = init(root, capsys)
    assert "left out: time, 5 ms apart = 200 Hz" in said
    dead = "'ay' is constant (0) in idle/rec_001.csv and running/rec_002.csv: a dead sensor?"
    assert dead in said
    assert "ay: 2 of 9,590 cells are no number (idle/rec_003.csv:79 holds 'NaN'," in said
    assert "idle/rec_003.csv:302 is empty); kept; fix those cells before running" in said
    assert "running/rec_004.csv lacks temp: temp is left out (or remove the file)" in said
    processing = load_config(out).config.data_processing_feature_extraction
    assert processing.variables == ("ax", "ay")
    assert processing.sampling_rate == 200
    with pytest.raises(DataError, match=r"rec_003.csv, line 79, column 3 \(ay\) holds 'NaN'"):
        prepare_data(load_config(out).config, QUIET)
    write(root / "idle/rec_003.csv", files["idle/rec_003.csv"])
    data = prepare_data(load_config(out).config, QUIET)
    assert data.channel_names == ("ax", "ay")  # by name, in whatever order
    assert any(dead in note for note in data.manifest["notes"])


def test_vibration_beside_a_slow_column_is_fast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy(tmp_path / "set")
    out, said = init(tmp_path / "set", capsys)
    processing = load_config(out).config.data_processing_feature_extraction
    assert "FFT_FE" in processing.feat_ext_transform
    assert "Hz" in said.partition("features")[2]


def test_a_column_is_predicted_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy(tmp_path / "set")
    out, said = init(tmp_path / "set", capsys, "--target", "temp")
    config = load_config(out).config
    assert config.common.task == "regression"
    assert config.data_processing_feature_extraction.variables == ("ax", "ay")
    assert config.data_processing_feature_extraction.target_variables == ("temp",)
    assert len(prepare_data(config, QUIET).manifest["sources"]) == 16
    assert "is to be predicted" in said
    wrong = ["init", "--from", str(tmp_path / "set"), "-o", str(tmp_path / "d.yaml")]
    assert cli.main([*wrong, "--target", "tmep"]) == 5
    assert "did you mean 'temp'?" in capsys.readouterr().err
    assert cli.main([*wrong, "--target", "t_ms"]) == 5


def test_without_a_target_the_way_to_a_regression_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy(tmp_path / "set")
    out, said = init(tmp_path / "set", capsys)
    text = " ".join(out.read_text(encoding="utf-8").replace("#", "").split())
    assert "target_variables: [temp], variables without it" in text
    assert "--target with one of ax, ay, temp" in said
    by_hand = [
        "common.task_type=generic_timeseries_regression",
        "data_processing_feature_extraction.target_variables=[temp]",
        "data_processing_feature_extraction.variables=[ax, ay]",
        "training.model_name=REGR_1k",
    ]
    config = load_config(out, by_hand).config
    assert prepare_data(config, QUIET).target_names == ("temp",)


def test_strange_files_are_told_from_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    for index in range(5):
        write(root / f"rec{index}.csv", logged(index, 24))
    write(root / "zzz.csv", [["1", "2"], ["3", "5"]], "gain,offset")
    _, said = init(root, capsys)
    assert "zzz.csv has other columns than the rest (gain, offset): move it elsewhere" in said


def test_unlabeled_states_are_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(10):
        write(tmp_path / "set" / f"rec{index}.csv", logged(index, 24.0 * (index < 4)))
    _, said = init(tmp_path / "set", capsys)
    assert "times more in 4 recordings than in 6: are these states?" in said
    for index in range(10):
        write(tmp_path / "one" / f"rec{index}.csv", logged(index, 24.0))
    (tmp_path / "c.yaml").unlink()
    assert "are these states?" not in init(tmp_path / "one", capsys)[1]


def test_sheets_and_folders_lead_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.xlsx").touch()
    assert cli.main(["init", "--from", str(tmp_path / "set"), "-o", str(tmp_path / "c.yaml")]) == 5
    assert "1 .xlsx files: save each sheet as CSV UTF-8" in capsys.readouterr().err
    assert cli.main([str(tmp_path / "set")]) == 2
    assert f"init --from {tmp_path / 'set'}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("texts", "name", "is_one", "rate"),
    [
        ([str(5 * i) for i in range(99) if i % 30], "t_ms", True, 200),
        ([str(5 * i) for i in range(99)], "whatever", True, 0.2),
        ([str(1_700_000_000_000 + 10 * i) for i in range(99)], "ts", True, 100),
        ([f"2026-01-01T00:00:{i:02d}" for i in range(60)], "when", True, 1),
        ([str(20 + 0.01 * (i // 7)) for i in range(99)], "t", False, None),
        ([str(i**2) for i in range(99)], "angle", False, None),
        ([str(i**2) for i in range(99)], "t", True, None),
    ],
)
def test_clocks_are_known_by_name_or_pace(
    texts: list[str], name: str, is_one: bool, rate: float | None
) -> None:
    assert is_clock(texts, name) == is_one
    if rate is not None:
        clock = read_clock(texts, name)
        assert clock is not None
        assert clock.rate_hz == pytest.approx(rate)


def test_names_of_clocks() -> None:
    yes = ("t", "t_ms", "T [s]", "timestamp", "ts_us", "millis", "date", "elapsed (s)")
    assert all(map(tells_time, yes))
    assert not any(map(tells_time, ("temp", "torque", "ax", "ms2", "tx", "", "speed")))


def test_commands_are_shown_as_they_were_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYML_COMMAND", "./my tools/run_modelzoo.sh")
    assert own_command() == shell_quoted("./my tools/run_modelzoo.sh")
    assert own_command() != "./my tools/run_modelzoo.sh"
    monkeypatch.delenv("TINYML_COMMAND")
    monkeypatch.setattr("sys.argv", ["/usr/bin/tinyml-nas"])
    assert own_command() == "tinyml-nas"
    monkeypatch.setattr("sys.argv", ["/x/tinyml_nas/__main__.py"])
    assert own_command() == "python -m tinyml_nas"
