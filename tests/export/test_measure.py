"""A record has the figures of every compiler that is there, and says which are missing."""

from __future__ import annotations

import pytest
from c_builds import Emit, compiler_or_skip
from random_networks import random_int_network, random_windows

from tinyml_nas.console import Console
from tinyml_nas.proof import measure
from tinyml_nas.proof.cores import toolchain
from tinyml_nas.proof.cores.toolchain import GCC, gcc_build

pytestmark = pytest.mark.c

CORES = {"cortex-m0": ("zig", "gcc"), "cortex-m3": ("gcc", "zig"), "riscv32imc": ("zig",)}


@pytest.fixture
def few_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "COUNTED", CORES)


@pytest.mark.usefixtures("few_cores")
def test_each_core_has_the_compiler_that_needs_most(emit: Emit) -> None:
    compiler_or_skip(GCC)
    net = random_int_network(3)
    record = measure.measure(net, emit(net), random_windows(net, 1), Console(quiet=True))
    assert {core: tuple(builds) for core, builds in record.compilers.items()} == CORES
    for core, builds in record.compilers.items():
        assert record.instructions[core] == max(b.instructions for b in builds.values())
        assert record.linked[core].flash_bytes == max(b.flash_bytes for b in builds.values())
        assert record.stack_bytes[core] == max(b.stack_bytes for b in builds.values())


@pytest.mark.usefixtures("few_cores")
def test_a_missing_compiler_is_one_warning_and_the_rest_is_measured(
    emit: Emit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    builds = {**toolchain.CROSS_COMPILERS, "gcc": gcc_build("a gcc that is not here")}
    monkeypatch.setattr(measure, "CROSS_COMPILERS", builds)
    net = random_int_network(3)
    record = measure.measure(net, emit(net), random_windows(net, 1), Console(quiet=True))
    assert list(record.compilers) == list(CORES)
    assert all(list(builds) == ["zig"] for builds in record.compilers.values())
    warning = "not measured: cortex-m0 (gcc), cortex-m3 (gcc): a gcc that is not here not found"
    assert capsys.readouterr().err.count(warning) == 1
