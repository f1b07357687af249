"""examples/firmware_ethos_u: built, and run in QEMU's Corstone-300 beside a simulated NPU."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from c_builds import compiler_or_skip
from npu_machine import Scattered
from npu_parts import accelerator, part_of
from random_networks import random_samples

from tinyml_nas.cost.npu.ethos_u import Program, placeholder
from tinyml_nas.export.c import NpuPart, emit_c
from tinyml_nas.graph import Shape
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.proof.cores.toolchain import GCC
from tinyml_nas.proof.ethos_u import execute, stream_of
from tinyml_nas.zoo import ZOO

pytestmark = pytest.mark.c
EXAMPLE = Path(__file__).parents[2] / "examples" / "firmware_ethos_u"
DRIVER = Path(__file__).with_name("ethos_u_driver")
EOT = b"\x04"
PATIENCE_S = 300.0
"""Until a firmware that waits for its NPU is ended, on a slow machine."""


class Memory:
    """What the firmware sent: the memory behind each base pointer."""

    def __init__(self, regions: dict[int, bytearray]) -> None:
        self.regions = regions

    def read(self, region: int, address: int, size: int) -> bytes:
        """``size`` bytes at ``address`` of ``region``."""
        return bytes(self.regions[region][address : address + size])

    def write(self, region: int, address: int, data: bytes) -> None:
        """Store ``data`` at ``address`` of ``region``."""
        self.regions[region][address : address + len(data)] = data


def serve(program: Program, folder: Path) -> None:
    """Be the NPU of a firmware until it opens the pipe to say nothing."""
    sizes = {0: len(program.weights), 1: program.scratch.size_bytes}
    while request := (folder / "request").read_bytes():
        at, regions = len(program.commands), {}
        assert request[:at] == program.commands
        for region, size in sizes.items():
            regions[region] = bytearray(request[at : at + size])
            at += size
        assert at == len(request)
        stream = stream_of(request[: len(program.commands)])
        execute(stream, Scattered(Memory(regions)), program.accelerator)
        (folder / "answer").write_bytes(regions[1])


@contextmanager
def npu(program: Program, folder: Path) -> Iterator[None]:
    """An NPU beside the emulator that runs in ``folder``."""
    for name in ("request", "answer"):
        os.mkfifo(folder / name)
    thread = threading.Thread(target=serve, args=(program, folder), daemon=True)
    thread.start()
    yield
    (folder / "request").write_bytes(b"")
    thread.join()


def build(part: NpuPart, net: IntNetwork, driver: Path, folder: Path, *options: str) -> Path:
    """The example around ``net``, built with ``driver`` in place of Arm's."""
    cmake = compiler_or_skip("cmake")
    compiler_or_skip(GCC)
    emit_c(net, "exercise", folder / "c", random_samples(net, 2), npu=part)
    made = folder / "build"
    configure = (
        *(cmake, "-S", EXAMPLE, "-B", made, "-DCMAKE_BUILD_TYPE=MinSizeRel"),
        f"-DCMAKE_TOOLCHAIN_FILE={EXAMPLE / 'arm-none-eabi.cmake'}",
        *(f"-DMODEL={folder / 'c'}", f"-DETHOSU_DRIVER_DIR={driver}", *options),
    )
    for command in (configure, (cmake, "--build", made)):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning: " not in done.stdout + done.stderr
    return made / "firmware.elf"


def boot(program: Path, folder: Path) -> list[str]:
    """The lines that the firmware prints on QEMU's board, without an NPU of its own."""
    command = [compiler_or_skip("qemu-system-arm"), "-M", "mps3-an547", "-display", "none"]
    command += ["-monitor", "none", "-serial", "stdio"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(program)]
    board = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
    assert board.stdout is not None
    patience = threading.Timer(PATIENCE_S, board.kill)
    patience.start()
    try:
        text = b""
        while not text.endswith(EOT) and (byte := board.stdout.read(1)):
            text += byte
    finally:
        patience.cancel()
        board.kill()
        board.communicate()
    return text.removesuffix(EOT).decode().splitlines()[1:]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with names")
@pytest.mark.parametrize("core_layers", [0, 1])
def test_the_npu_gives_what_the_self_test_expects(tmp_path: Path, core_layers: int) -> None:
    """A Cortex-M55 runs the example, its Helium what the NPU leaves, the simulator the rest."""
    net = placeholder(ZOO["CLS_1k"].build(Shape(3, 64), 4))
    part = part_of(net, accelerator(), core_layers)
    program = build(part, net, DRIVER / "semihosted", tmp_path)
    with npu(part.program, tmp_path):
        assert boot(program, tmp_path) == ["self-test: bit for bit as expected"]


@pytest.mark.parametrize("fallback", [False, True])
def test_without_an_npu_it_says_so_or_the_kernels_run(tmp_path: Path, fallback: bool) -> None:
    net = placeholder(ZOO["CLS_1k"].build(Shape(3, 64), 4))
    part = part_of(net, accelerator())
    program = build(part, net, DRIVER, tmp_path, f"-DFALLBACK={'ON' if fallback else 'OFF'}")
    end = "bit for bit as expected" if fallback else "failed with -6"
    assert boot(program, tmp_path) == ["the NPU does not start", f"self-test: {end}"]
