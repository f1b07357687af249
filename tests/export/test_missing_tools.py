"""A machine without the tools that pip does not bring: one warning, one command, no other noise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from c_builds import Emit, compiler_or_skip
from random_networks import random_windows

from tinyml_nas.console import Console
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.missing import left_out, missing_tools
from tinyml_nas.proof.cores.toolchain import GCC
from tinyml_nas.proof.emulate import COUNTED
from tinyml_nas.proof.measure import measure

COMMAND = "sudo apt-get install gcc-arm-none-eabi qemu-system-arm"


def _install(tools: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``tools`` be all that the path holds."""
    for tool in tools:
        file = folder / (f"{tool}.exe" if os.name == "nt" else tool)
        file.touch(mode=0o700)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ((), (GCC, qemu.EMULATOR, "cortex-m55 is not proven", "gcc's code is not counted on")),
        ((GCC,), (qemu.EMULATOR, "cortex-m55 is not proven")),
        ((qemu.EMULATOR,), (GCC, "cortex-m55 is not proven", "gcc's code is not counted on")),
    ],
)
def test_one_sentence_names_tools_what_is_left_out_and_one_command(
    installed: tuple[str, ...],
    said: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _install(installed, tmp_path, monkeypatch)
    warning = left_out(counted=True)
    assert warning is not None
    assert warning.count("not installed") == warning.count(COMMAND) == 1
    head = warning.removesuffix(COMMAND)
    for words in (GCC, qemu.EMULATOR, "cortex-m55 is not proven", "gcc's code is not counted on"):
        assert (words in head) == (words in said), words
    if GCC not in installed:
        assert "cortex-m0, cortex-m3, cortex-m4, cortex-m7, cortex-m33." in head
    assert "counted" not in (left_out(counted=False) or "")


@pytest.mark.fast
def test_nothing_is_said_where_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install((GCC, qemu.EMULATOR), tmp_path, monkeypatch)
    assert left_out(counted=True) is None


@pytest.mark.c
def test_what_is_installed_is_measured_without_a_warning(
    emit: Emit,
    everything: IntNetwork,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    compiler_or_skip("gcc")
    _install((), tmp_path, monkeypatch)
    inputs = random_windows(everything, 1)
    found = measure(everything, emit(everything), inputs, Console()).compilers
    assert {core: list(builds) for core, builds in found.items()} == {
        core: ["zig"] for core in COUNTED if not missing_tools(core, "zig")
    }
    assert capsys.readouterr().err == ""
