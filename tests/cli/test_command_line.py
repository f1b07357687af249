"""Commands, exit codes, and messages instead of tracebacks."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tinyml_nas import cli, errors

pytestmark = pytest.mark.fast

GOOD = """\
common: {task_type: arc_fault, target_device: F28P55}
dataset: {generator: arc_fault}
data_processing_feature_extraction: {frame_size: 64}
training: {model_name: CLS_1k, training_epochs: 7}
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def run_with(monkeypatch: pytest.MonkeyPatch, outcome: object) -> list[dict[str, Any]]:
    """Put a pipeline in place that records how it is called, then raises ``outcome`` if it can."""
    calls: list[dict[str, Any]] = []

    def run(loaded: object, **options: object) -> None:
        calls.append({"loaded": loaded, **options})
        if isinstance(outcome, BaseException):
            raise outcome

    module = ModuleType("tinyml_nas.pipeline")
    monkeypatch.setattr(module, "run", run, raising=False)
    monkeypatch.setitem(sys.modules, "tinyml_nas.pipeline", module)
    monkeypatch.setattr("tinyml_nas.pipeline", module, raising=False)
    return calls


def test_check_says_ok_and_shows_the_plan(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(good), "--set", "training.training_epochs=9"]) == 0
    shown = capsys.readouterr().out
    assert f"ok  {good}" in shown
    for words in ("F28P55: c28x at 150 MHz", "synthetic arc_fault", "CLS_1k, 9 epochs", "QAT"):
        assert words in shown


def test_check_takes_several_files(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = good.with_name("second.yaml")
    second.write_text(GOOD.replace("CLS_1k", "CLS_4k"), encoding="utf-8")
    assert cli.main(["check", str(good), str(second)]) == 0
    shown = capsys.readouterr().out
    assert f"ok  {good}" in shown
    assert f"ok  {second}" in shown


def overrides(*values: str) -> list[str]:
    return [part for value in values for part in ("--set", f"training.{value}")]


def test_plan_of_a_search(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = (
        "nas_enabled=yes",
        "nas_budget={flash: 8 kB, macs: 30k}",
        "nas_search_seconds=2 min",
        "nas_compare=[random, zoo]",
        "nas_select=knee",
    )
    assert cli.main(["check", str(good), *overrides(*search)]) == 0
    captured = capsys.readouterr()
    for words in (
        "auto over the space chain, 120 s on 2 workers, 3 folds, Memory breaks ties",
        "flash 8,000 B (nas_budget), RAM 136,192 B (device), 30,000 MACs (nas_budget)",
        "a random search and the zoo at the same cost, CLS_500",
        "the searched model (knee of the front), 3 seeds, 7 epochs of sgd",
    ):
        assert words in captured.out
    assert captured.err == ""


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (
            ["nas_search_strategy=darts", "nas_model_size=m"],
            "darts over the space cells of preset m, 10 epochs",
        ),
        (["nas_trials=7", "nas_workers=1"], "7 trainings on one worker"),
        (["nas_workers=ray"], "120 s on a Ray cluster"),
        (["nas_model_size=s"], "flash 2,713 B (preset s)"),
        (["nas_compare_model=null"], "compare   nothing"),
    ],
)
def test_plans_of_other_searches(
    good: Path, capsys: pytest.CaptureFixture[str], search: list[str], words: str
) -> None:
    assert cli.main(["check", str(good), *overrides("nas_enabled=yes", *search)]) == 0
    assert words in capsys.readouterr().out


def test_a_budget_beyond_the_device_is_said_once(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = overrides("nas_enabled=yes", "nas_budget={ram: 1 MiB}")
    assert cli.main(["check", str(good), *search]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("more than the 136,192 B of F28P55, which hold instead") == 1
    assert "RAM 136,192 B (device)" in captured.out


def test_check_reports_errors_and_exits_2(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good.write_text(GOOD.replace("arc_fault, t", "arc_falt, t"), encoding="utf-8")
    assert cli.main(["check", str(good)]) == 2
    captured = capsys.readouterr()
    assert f"{good}:1:21: error:" in captured.err
    assert "did you mean 'arc_fault'?" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("order", [["run", "{}"], ["{}"], ["--quiet", "{}"], ["{}", "--resume"]])
def test_a_file_alone_means_run(
    good: Path, monkeypatch: pytest.MonkeyPatch, order: list[str]
) -> None:
    calls = run_with(monkeypatch, None)
    assert cli.main([part.format(good) for part in order]) == 0
    assert calls[0]["resume"] is ("--resume" in order)
    assert calls[0]["output"] is None


def test_output_and_overrides_reach_the_pipeline(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = run_with(monkeypatch, None)
    arguments = [str(good), "--output", str(tmp_path / "out"), "--set", "common.seed=7"]
    assert cli.main(arguments) == 0
    assert calls[0]["output"] == tmp_path / "out"
    assert calls[0]["loaded"].config.common.seed == 7


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_latency_is_not_promised_on_a_core_that_nobody_measured(
    good: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    search = ("nas_enabled=yes", "nas_budget={latency: 5 ms}")
    assert cli.main([command, str(good), *overrides(*search)]) == 2
    captured = capsys.readouterr()
    assert "no cycle model was measured for the c28x of F28P55" in captured.err
    assert "training.nas_budget.latency (--set)" in captured.err
    assert "hint: limit macs instead" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("written", ["c17", "C17"])
def test_a_point_is_taken_from_the_last_search(
    good: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    calls = run_with(monkeypatch, None)
    search = overrides("nas_enabled=yes")
    assert cli.main([str(good), *search, "--take", written]) == 0
    assert calls[0]["take"] == "c17"
    assert cli.main([str(good), *search]) == 0
    assert calls[1].get("take") is None


def test_nothing_is_taken_without_a_search(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(good), "--take", "c17"]) == 2
    shown = capsys.readouterr().err
    assert "has no search to take it from" in shown
    assert "Add nas_enabled: true" in shown


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (errors.BudgetError("Too large."), 3, "Too large."),
        (errors.ParityError("Other bits."), 4, "Other bits."),
        (errors.DataError("No rows.", hint="add some"), 5, "hint: add some"),
        (errors.ToolError("No compiler."), 6, "No compiler."),
        (OSError(errno.ENOSPC, "No space left on device"), 6, "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 6, "Cannot write or read at /x"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "n" * 9999), 6, "at ...nnn"),
        (OSError(errno.ENOTEMPTY, "Directory not empty", "/x"), 6, "hint: Move away what is there"),
        (MemoryError("Unable to allocate 7 PiB"), 6, "does not suffice: Unable to allocate 7 PiB"),
        (MemoryError(), 6, "The memory of this machine does not suffice."),
        (ModuleNotFoundError("No module named 'unicorn'", name="unicorn"), 6, "lacks"),
        (KeyboardInterrupt(), 130, "--resume continues"),
        (errors.Interrupted("Stopped in epoch 3."), 130, "Stopped in epoch 3."),
    ],
)
def test_errors_become_messages_and_exit_codes(
    good: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: BaseException,
    code: int,
    words: str,
) -> None:
    run_with(monkeypatch, outcome)
    assert cli.main([str(good)]) == code
    shown = capsys.readouterr().err
    assert words in shown
    assert "Traceback" not in shown


def test_a_bug_is_saved_to_a_file_that_is_named(
    good: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run_with(monkeypatch, ZeroDivisionError("by zero"))
    assert cli.main([str(good)]) == 1
    shown = capsys.readouterr().err
    (saved,) = tmp_path.glob("tinyml_nas-error-*.txt")
    assert str(saved) in shown
    assert "Traceback" not in shown
    assert "ZeroDivisionError: by zero" in saved.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chek", "a.yaml"], "did you mean 'check'?"),
        (["frobnicate"], "The commands are init, run, check"),
        (["info", "device"], "did you mean 'devices'?"),
        (["info", "devices", "F28P5"], "did you mean 'F28P55"),
        (["info", "models", "CLS_1"], "did you mean 'CLS_1"),
        (["info", "models", "--fits", "F28P5"], "did you mean 'F28P55"),
        (["info", "models", "--input", "3-128"], "no input such as 3x128"),
        (["info", "models", "--flash", "3"], "write 3 B or 3 kB"),
        (["info", "models", "--outputs", "0"], "no number of outputs"),
        (["info", "devices", "--ram", "4k"], "info devices takes no --ram"),
        (["check"], "required: CONFIG"),
        (["run", "a.yaml", "--take", "17"], "'17' is no point such as c17, nor is it baseline"),
        (["run", "a.yaml", "--takes", "c1"], "did you mean '--take'?"),
        (["info", "strategies", "evolutoin"], "did you mean 'evolution'?"),
        (["info", "proxies", "naswott"], "did you mean 'naswot'?"),
        (["schema", "--sett"], "Unrecognized arguments: --sett"),
        ([], "required: COMMAND"),
        (["nothere.yaml"], "There is no file nothere.yaml"),
    ],
)
def test_usage_errors_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("topic", cli.TOPICS)
def test_info_lists_every_topic(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", topic]) == 0
    assert len(capsys.readouterr().out.splitlines()) > (4 if topic == "spaces" else 5)


@pytest.mark.parametrize(
    ("topic", "name", "words"),
    [
        ("devices", "F28P55", "vendor: Texas Instruments"),
        ("models", "CLS_1k_NPU", "CLS_1k"),
        ("features", "ABS", "ABS"),
        ("presets", "m", "nas_layers 10"),
        ("presets", "Generic_256Input_FFT_128Feature_1Frame", "frame_size: 256"),
        ("primitives", "skip_connect", "skip_connect"),
        ("strategies", "darts", "cells"),
        ("proxies", "naswot", "naswot"),
        ("spaces", "chain", "a strided stem"),
    ],
)
def test_info_about_one_name(
    topic: str, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", topic, name]) == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "among", "missing"),
    [
        (
            ["--fits", "MSPM0G3507", "--latency", "10ms"],
            ["CLS_2.8k", "REGR_3k"],
            ["CLS_1k ", "unknown"],
        ),
        (["--task", "anomaly", "--input", "3x100"], ["AE_1k", "AD_2k cannot read"], ["CLS_"]),
        (["--flash", "1850B", "--device", "cortex-m4"], ["ArcFault_model_200_t"], ["CLS_500 "]),
        (["PIRDetection_model_1_t", "--input", "25x25"], ["two-dimensional", "cbr 16 k3"], []),
        (["CLS_1k"], [" 810 "], ["outputs"]),
        (["CLS_1k", "--fits", "F28P55"], [" 810 ", " unknown "], []),
        (["CLS_1k", "--outputs", "7"], [" 895 ", "and 7 outputs"], []),
    ],
)
def test_info_models_chooses(
    arguments: list[str], among: list[str], missing: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", "models", *arguments]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in among), shown
    assert not any(word in shown for word in missing), shown


def test_no_model_keeps_the_limits(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "models", "--flash", "100B", "--latency", "1us"]) == 3
    said = capsys.readouterr().err
    assert "None of" in said
    assert "B of flash (CLS_100), " in said


def test_a_latency_that_nobody_can_promise_limits_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["info", "models", "--fits", "F28P55", "--latency", "1ms"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--latency: no cycle model was measured for the c28x of F28P55" in said
    assert "leave it out, or name a device with one of cortex-m0, " in said


def test_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert "training" in json.loads(capsys.readouterr().out)["properties"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("tinyml_nas ")
