"""The C of an NPU as machine code: a driver on emulated registers, the simulator behind them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from c_builds import compiler_or_skip, core_or_skip
from npu_machine import ADDRESS, EmulatedNpu
from npu_parts import accelerator, part_of
from random_networks import random_samples, random_windows

from tinyml_nas.cost.npu.ethos_u import placeholder
from tinyml_nas.errors import ParityError
from tinyml_nas.export.c import CExport, NpuPart, emit_c, time_major
from tinyml_nas.graph import Shape
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.proof.cores.machine import RAM, Machine
from tinyml_nas.proof.cores.toolchain import GCC, build_bare_metal, gcc_build
from tinyml_nas.quantize.reference import run_reference
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.c
DRIVER = Path(__file__).with_name("ethos_u_driver")
CORE = "cortex-m33"
SYSTEM_CONTROL = 0xE000E000
CCR, DCCIMVAC, CACHE_ON = 0xD14, 0xF70, 1 << 16
ERROR_NPU = r"model_run returned 4294967290"  # -6
LINE_BYTES = 32
GUARD = bytes(range(64))


@dataclass
class Firmware:
    """A firmware on an emulated core with an NPU; ``purged`` are the lines of the data cache that
    it cleaned and invalidated."""

    machine: Machine
    npu: EmulatedNpu
    export: CExport
    purged: list[int]

    def infer(self, net: IntNetwork, count: int = 3) -> None:
        """Outputs of random windows are those of the reference, and nothing else was written."""
        x = random_windows(net, count)
        for window, scores in zip(
            time_major(x), time_major(run_reference(net, x)[net.network.output]), strict=True
        ):
            guard = self.machine.extra + LINE_BYTES
            self.machine.write(guard, GUARD)
            self.machine.infer(window)
            at = self.machine.call("model_scores", self.machine.arena)
            assert self.machine.read(at, scores.size) == scores.tobytes()
            assert self.machine.read(guard, len(GUARD)) == GUARD

    def selftest(self) -> int:
        """What the self-test returns."""
        return self.machine.call("model_selftest", self.machine.arena, self.export.arena_bytes)


def firmware(
    export: CExport,
    part: NpuPart,
    folder: Path,
    *,
    fallback: bool = False,
    hardware: str | None = None,
    fails: bool = False,
    cache: bool = False,
    arms: Path | None = None,
) -> Firmware:
    """``export`` with a driver as machine code, beside an NPU that is ``hardware``.

    The driver is that of the tests, or Arm's own in the folder ``arms``.
    """
    core_or_skip(CORE)
    arenas = re.findall(r"_ARENA_BYTES (\d+)", export.files["header"].read_text())
    size = int(arenas[1 if fallback else 2])
    export = replace(export, arena_bytes=size)
    defines = (
        *("-DMODEL_NPU=1", f"-DMODEL_NPU_FALLBACK={int(fallback)}"),
        *(f"-DHANDLE_ADDRESS={RAM + size + 256:#x}", f"-DNPU_ADDRESS={ADDRESS:#x}"),
    )
    sources = (*export.npu_sources, export.files["selftest"], export.files["vectors"])
    defines = (*defines, "-I", str(export.folder))
    keep = ["model_run", "model_input", "model_scores", "model_selftest", "start"]
    program = folder / "firmware.elf"
    if arms is None:
        own = [*sources, DRIVER / "hook.c", DRIVER / "ethosu_driver.c"]
        build_bare_metal(CORE, own, program, keep, (*defines, "-I", str(DRIVER)))
    else:
        theirs = [arms / "src" / name for name in ("ethosu_driver.c", "ethosu_device_u55_u65.c")]
        theirs += [DRIVER / "hook.c", DRIVER / "arm" / "library.c"]
        build = gcc_build(flags=(*defines, *arm_flags(arms)))
        build(CORE, [*sources, *theirs], program, keep, optimize="-Os")
    machine = Machine(program, CORE, export, extra_bytes=1024, count=True)
    purged: list[int] = []

    def control(offset: int, value: int) -> None:
        assert offset == DCCIMVAC
        purged.append(value)

    machine.map_registers(
        SYSTEM_CONTROL, lambda offset: CACHE_ON if cache and offset == CCR else 0, control
    )
    name = part.program.accelerator
    npu = EmulatedNpu(machine, hardware or name, fails=fails)
    assert machine.call("start") == 0
    return Firmware(machine, npu, export, purged)


@pytest.fixture(scope="module")
def small() -> IntNetwork:
    """A network of the zoo with numbers of no meaning."""
    return placeholder(ZOO["CLS_1k"].build(Shape(1, 64), 3))


def emit(net: IntNetwork, part: NpuPart, folder: Path) -> CExport:
    return emit_c(net, "model", folder, random_samples(net, 2), npu=part)


@pytest.mark.parametrize("kind", ["ethos-u55-128", "ethos-u65-256 dedicated_sram"])
@pytest.mark.parametrize("core_layers", [0, 3])
def test_the_npu_gives_the_scores_of_the_reference(
    small: IntNetwork, tmp_path: Path, kind: str, core_layers: int
) -> None:
    """All of it on the NPU, then all but what the core's own kernels compute behind it."""
    part = part_of(small, accelerator(*kind.split()), core_layers)
    assert len(part.split.rest) == core_layers
    made = firmware(emit(small, part, tmp_path), part, tmp_path)
    made.infer(small)
    assert made.selftest() == 0
    assert made.npu.runs == 5
    assert not made.purged


def test_a_wrong_golden_vector_makes_the_self_test_fail(small: IntNetwork, tmp_path: Path) -> None:
    part = part_of(small, accelerator())
    export = emit(small, part, tmp_path)
    vectors = export.files["vectors"].read_text()
    head, last = vectors.rsplit(", ", 1)
    number = int(last.split()[0])
    export.files["vectors"].write_text(f"{head}, {number ^ 1}{last.removeprefix(str(number))}")
    assert firmware(export, part, tmp_path).selftest() == 2


@pytest.mark.parametrize("broken", ["the wrong hardware", "a bus error"])
def test_what_fails_is_an_error_or_the_kernels_turn(
    small: IntNetwork, tmp_path: Path, broken: str
) -> None:
    part = part_of(small, accelerator())
    export = emit(small, part, tmp_path)
    hardware = "ethos-u55-256" if broken == "the wrong hardware" else None
    fails = broken == "a bus error"
    made = firmware(export, part, tmp_path, hardware=hardware, fails=fails)
    with pytest.raises(ParityError, match=ERROR_NPU):
        made.infer(small, 1)
    made = firmware(export, part, tmp_path, fallback=True, hardware=hardware, fails=fails)
    made.infer(small)
    assert made.selftest() == 0
    assert made.npu.runs == (5 if fails else 0)


def test_the_cache_is_purged_around_each_run(small: IntNetwork, tmp_path: Path) -> None:
    """Every line of the NPU's memory, before and after, and no other."""
    part = part_of(small, accelerator())
    made = firmware(emit(small, part, tmp_path), part, tmp_path, cache=True)
    made.infer(small, 1)
    end = RAM + part.program.scratch.size_bytes
    lines = list(range(RAM, end, LINE_BYTES))
    assert made.purged == [*lines, *lines]


def arm_flags(folder: Path) -> tuple[str, ...]:
    """What Arm's driver is compiled with; its variables lie beside the arena's memory."""
    names = (folder / "include", folder / "src", DRIVER / "arm")
    includes = [word for name in names for word in ("-I", str(name))]
    defines = ("ETHOSU_ARCH=u55", "ETHOSU_MACS=128", "ETHOSU55", "ETHOSU_LOG_ENABLE=0", "NDEBUG")
    return (*includes, *(f"-D{name}" for name in defines), "-Wl,-Tdata=0x80000,-Tbss=0x84000")


def test_arms_own_driver_runs_the_same(small: IntNetwork, tmp_path: Path) -> None:
    folder = os.environ.get("ETHOSU_DRIVER_DIR")
    if not folder:
        pytest.skip("ARM'S DRIVER IS UNTESTED: ETHOSU_DRIVER_DIR names no ethos-u-core-driver")
    compiler_or_skip(GCC)
    part = part_of(small, accelerator())
    made = firmware(emit(small, part, tmp_path), part, tmp_path, arms=Path(folder))
    made.infer(small)
    assert made.selftest() == 0
