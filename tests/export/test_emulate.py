"""Instruction counts, stack and linked flash on the emulated cores."""

from __future__ import annotations

from pathlib import Path

import pytest
from c_builds import Emit, compiler_or_skip, core_or_skip
from random_networks import random_int_network, random_windows

from tinyml_nas.devices import CORES
from tinyml_nas.errors import ParityError
from tinyml_nas.export.c import time_major
from tinyml_nas.export.emulate import COUNTED_CORES, emulate, linked_size
from tinyml_nas.export.machine import Machine
from tinyml_nas.export.targets import EMULATED_CORES, RISCV, THUMB
from tinyml_nas.export.toolchain import build_bare_metal, linker_script, run_tool
from tinyml_nas.graph import Conv, network_cost
from tinyml_nas.quantize.integer import IntNetwork
from tinyml_nas.quantize.reference import run_reference

pytestmark = pytest.mark.c

NO_LIBC = ("-nostdlib", "-fno-tree-loop-distribute-patterns")  # or GCC calls memset


@pytest.mark.fast
def test_thumb_decoding_counts_16_and_32_bit_encodings() -> None:
    movs, ldr_w, bl = b"\x01\x20", b"\xd1\xf8\x04\x20", b"\x00\xf0\x01\xf8"
    assert THUMB.count(movs + ldr_w + bl + movs) == 4
    assert THUMB.count(b"") == 0


@pytest.mark.fast
def test_riscv_decoding_counts_16_and_32_bit_encodings() -> None:
    c_li, addi, mul, c_ret = b"\x05\x45", b"\x13\x05\x15\x00", b"\x33\x85\xa5\x02", b"\x82\x80"
    assert RISCV.count(c_li + addi + mul + c_ret) == 4
    assert RISCV.count(b"") == 0


@pytest.mark.parametrize("core", COUNTED_CORES)
def test_the_figures_of_one_core(emit: Emit, everything: IntNetwork, core: str) -> None:
    export = emit(everything)
    windows = random_windows(everything, 2)
    first, again = (emulate(everything, export, core_or_skip(core), windows) for _ in range(2))
    assert first == again  # counts are exact
    cost, tables = network_cost(everything.network), export.table_bytes[CORES[core].backend]
    assert set(first.layer_instructions) == {layer.name for layer in everything.layers}
    assert 0.9 * first.instructions < sum(first.layer_instructions.values())
    assert sum(first.layer_instructions.values()) <= first.instructions + 64
    assert cost.macs < first.instructions
    assert 32 <= first.stack_bytes < 512
    assert first.linked.flash_bytes == first.linked.text_bytes + first.linked.rodata_bytes
    assert tables < first.linked.rodata_bytes < tables + 1500
    assert (first.linked.library_bytes > 0) == (core == "cortex-m0")


@pytest.mark.parametrize("core", list(EMULATED_CORES))
def test_nothing_is_read_behind_the_arena(emit: Emit, tmp_path: Path, core: str) -> None:
    for seed in range(4):
        net = random_int_network(seed)
        export = emit(net)
        keep = [f"model_{name}" for name in ("run", "input")]
        program = build_bare_metal(core, export.sources, tmp_path / "model.elf", keep)
        machine = Machine(program, core, export, extra_bytes=64)
        end, behind = machine.arena + export.arena_bytes, machine.extra + 64
        outside: list[int] = []
        machine.on_read(
            lambda address, size, end=end, behind=behind, found=outside: found.extend(
                [address] if end - size < address < behind else []
            )
        )
        machine.infer(time_major(random_windows(net, 1))[0])
        assert not outside


def test_dsp_can_be_left_out(emit: Emit, everything: IntNetwork, tmp_path: Path) -> None:
    export, windows = emit(everything), random_windows(everything, 2)
    truth = time_major(run_reference(everything, windows)[everything.network.output])
    keep = [f"model_{name}" for name in ("run", "input", "scores")]
    sizes = []
    for flag in ("-DMODEL_DSP=0", "-DMODEL_DSP=1"):
        program = tmp_path / "model.elf"
        build_bare_metal("cortex-m4", export.sources, program, keep, flags=(flag,))
        machine = Machine(program, "cortex-m4", export)
        for window, expected in zip(time_major(windows), truth, strict=True):
            machine.infer(window)
            scores = machine.read(machine.call("model_scores", machine.arena), expected.size)
            assert scores == expected.tobytes()
        sizes.append(linked_size(program).text_bytes)
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
@pytest.mark.parametrize("optimize", ["-O2", "-Os"])
def test_gcc_gives_the_same_bits(
    emit: Emit, everything: IntNetwork, tmp_path: Path, core: str, optimize: str
) -> None:
    export, windows = emit(everything), random_windows(everything, 4)
    truth = time_major(run_reference(everything, windows)[everything.network.output])
    script, program = tmp_path / "model.ld", tmp_path / "model.elf"
    script.write_text(linker_script([f"model_{name}" for name in ("run", "input", "scores")]))
    gcc = [compiler_or_skip("arm-none-eabi-gcc"), "-std=c99", "-ffreestanding", *NO_LIBC]
    target = [f"-mcpu={core}", "-mthumb", optimize, "-T", script]
    run_tool([*gcc, *target, *export.sources, "-lgcc", "-o", program])
    machine = Machine(program, core, export)
    for window, expected in zip(time_major(windows), truth, strict=True):
        machine.infer(window)
        scores = machine.read(machine.call("model_scores", machine.arena), expected.size)
        assert scores == expected.tobytes()


def test_more_work_takes_more_instructions(emit: Emit) -> None:
    net = random_int_network(1)
    result = emulate(net, emit(net), "cortex-m4", random_windows(net, 1))
    macs = {
        node.name: node.op.macs(net.network.input_shapes(node))
        for node in net.network.nodes
        if isinstance(node.op, Conv)
    }
    assert all(result.layer_instructions[name] > count for name, count in macs.items())


def test_variables_outside_the_arena_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "state.c"
    source.write_text("static volatile int calls = 3;\nint f_run(void) { return calls++; }\n")
    program = build_bare_metal("cortex-m0", [source], tmp_path / "state.elf", ["f_run"])
    with pytest.raises(ParityError, match="4 bytes of variables outside its arena"):
        linked_size(program)
