"""``prove``: a finished run stands; one flipped weight in the C is found and its layer named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.export.c_builds import missing_for, require_proven
from tinyml_nas.cli import main
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.cores.toolchain import GCC
from tinyml_nas.proof.emulate import COUNTED, COUNTED_CORES

pytestmark = pytest.mark.e2e


def test_a_relative_folder_leaves_nothing_unproven(run: Path) -> None:
    (model,) = json.loads((run / "results.json").read_text())["models"]
    require_proven(model["parity"]["carriers"])
    assert set(model["instructions"]) == {core for core in COUNTED_CORES if not missing_for(core)}


def test_what_needs_most_of_the_compilers_is_recorded(run: Path) -> None:
    (model,) = json.loads((run / "results.json").read_text())["models"]
    gcc = shutil.which(GCC) is not None
    for core, builds in model["compilers"].items():
        assert tuple(builds) == (COUNTED[core] if gcc else ("zig",))
        most = {figure: max(b[figure] for b in builds.values()) for figure in builds[min(builds)]}
        assert most["instructions"] == model["instructions"][core]
        assert most["flash_bytes"] == model["linked"][core]["flash_bytes"]
        assert most["stack_bytes"] == model["stack_bytes"][core]
        assert (
            sum(symbol["size_bytes"] for symbol in model["flash_symbols"][core])
            == (most["flash_bytes"])
        )
        layers = sum(model["layer_instructions"][core].values())
        # each layer has its own maximum over the windows
        assert 0.9 * most["instructions"] < layers < 1.001 * most["instructions"]


def test_the_way_from_samples_to_labels_is_proven_and_measured(run: Path) -> None:
    (model,) = json.loads((run / "results.json").read_text())["models"]
    streams = [c["name"] for c in model["parity"]["carriers"] if c["name"].endswith(", stream")]
    assert streams == [f"{name}, stream" for name in ("host C", *EMULATED_CORES)]
    stream = model["stream"]
    assert stream["operations"][:2] == ["hann_window", "real_fft"]
    assert stream["agreement"]["labels_equal"] > 0.95
    for core, cost in stream["cost"].items():
        assert cost["flash_bytes"] > model["linked"][core]["flash_bytes"]
        assert cost["ram_bytes"] > model["cost"]["ram_bytes"]
        assert cost["frame_instructions"] > 10_000


def test_another_rounding_of_one_step_is_found_and_named(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = run / "export" / "c" / "src" / "arc_stream.c"
    whole = source.read_bytes()
    broken = whole.replace(b"& 0x7FFFu) + 16384)", b"& 0x7FFFu) + 16383)")  # half down
    assert broken != whole
    source.write_bytes(broken)
    try:
        assert main(["prove", str(run)]) == 4
    finally:
        source.write_bytes(whole)
    shown = capsys.readouterr()
    assert "host C: proven" in shown.out
    for carrier in ("host C", *EMULATED_CORES):
        assert f"{carrier}, stream: failed" in shown.err
    assert "stream 0: log2_q15, frame 0, channel 0, byte" in shown.err


def test_an_untouched_run_is_proven_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", str(run)]) == 0
    shown = capsys.readouterr().out
    for carrier in ("ONNX Runtime", "host C", *EMULATED_CORES):
        assert f"{carrier}: proven" in shown


def test_a_core_whose_tools_are_missing_is_a_warning(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu, "EMULATOR", "an emulator that is not here")
    assert main(["prove", str(run)]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("warning:") == 1
    assert f"an emulator that is not here is not installed: {qemu.CORE} is not proven" in (
        " ".join(shown.err.split())
    )
    assert "cortex-m33: proven" in shown.out


def test_a_flipped_weight_names_its_layer(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = run / "export" / "c" / "src" / "arc_weights.c"
    whole = weights.read_bytes()

    def flip(match: re.Match[bytes]) -> bytes:
        return match[1] + str(-int(match[2]) or 1).encode()

    broken, count = re.subn(rb"(arc_conv3_weight\[\d+\] = \{\s*)(-?\d+)", flip, whole)
    assert count == 1
    weights.write_bytes(broken)
    try:
        assert main(["prove", str(run)]) == 4
    finally:
        weights.write_bytes(whole)
    shown = capsys.readouterr()
    assert "ONNX Runtime: proven" in shown.out
    for carrier in ("host C", "cortex-m0", "cortex-m3", "riscv32imc"):
        assert f"{carrier}: failed" in shown.err
    for carrier in ("cortex-m4", "cortex-m7", "cortex-m33"):  # their weights are in other tables
        assert f"{carrier}: proven" in shown.out
    assert "layer conv3, vector 0" in shown.err


def test_an_int8_file_that_cannot_be_run_is_a_failure(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So are an empty and a missing one: tests/export/test_parity.py."""
    file = run / "export" / "model_int8.onnx"
    whole = file.read_bytes()
    file.write_bytes(b"no ONNX")
    try:
        assert main(["prove", str(run)]) == 4
    finally:
        file.write_bytes(whole)
    assert "model_int8.onnx cannot be run" in capsys.readouterr().err


def test_c_that_cannot_be_built_is_no_proof(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = run / "export" / "c" / "src" / "arc.c"
    whole = source.read_bytes()
    source.unlink()
    try:
        assert main(["prove", str(run)]) == 6
    finally:
        source.write_bytes(whole)
    shown = capsys.readouterr().err
    assert f"not proven on host C, {', '.join(EMULATED_CORES)}" in shown
    assert "arc.c" in shown


def test_damaged_results_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text("{}")
    assert main(["prove", str(tmp_path)]) == 6
    assert "results.json" in capsys.readouterr().err


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", str(tmp_path)]) == 6
    assert "is no finished run" in capsys.readouterr().err
