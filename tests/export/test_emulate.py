"""Instruction counts, stack and linked flash on the emulated cores."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from c_builds import Emit, compiler_or_skip, core_or_skip
from random_networks import random_int_network, random_windows

from tinyml_nas.cost.dilation import gathers
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.unroll import UNROLL
from tinyml_nas.devices import CORES
from tinyml_nas.errors import ParityError
from tinyml_nas.export.c import time_major
from tinyml_nas.export.c.emit import STACK_BYTES
from tinyml_nas.graph import Conv
from tinyml_nas.graph.integer import IntConv, IntNetwork
from tinyml_nas.proof.cores.machine import Machine
from tinyml_nas.proof.cores.stack import StackWatch
from tinyml_nas.proof.cores.targets import EMULATED_CORES, RISCV, THUMB
from tinyml_nas.proof.cores.toolchain import (
    build_bare_metal,
    gcc_build,
    linker_script,
    run_tool,
)
from tinyml_nas.proof.emulate import COUNTED_CORES, emulate, linked_size
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
    most = STACK_BYTES.get(CORES[core].backend, STACK_BYTES["two_rows"])
    assert 32 <= first.stack_bytes <= most
    assert first.linked.flash_bytes == first.linked.text_bytes + first.linked.rodata_bytes
    if core in EMULATED_CORES:  # a firmware in QEMU is not watched
        assert sum(first.stack_frames.values()) == first.stack_bytes
        assert next(iter(first.stack_frames)) == "model_run"
    assert tables < first.linked.rodata_bytes < tables + 1500
    assert first.linked.library_bytes == 0  # not even Cortex-M0 calls a long multiply


@pytest.mark.parametrize("core", list(EMULATED_CORES))
def test_every_byte_of_flash_has_a_place(emit: Emit, everything: IntNetwork, core: str) -> None:
    export = emit(everything)
    result = emulate(everything, export, core, random_windows(everything, 1))
    bytes_of = Counter[str]()
    for symbol in result.flash:
        bytes_of[symbol.section] += symbol.size_bytes
        bytes_of[symbol.group] += symbol.size_bytes
    assert bytes_of[".text"] == result.linked.text_bytes
    assert bytes_of[".rodata"] == result.linked.rodata_bytes
    assert bytes_of["tables"] == export.table_bytes[CORES[core].backend]
    assert bytes_of["compiler library"] == result.linked.library_bytes
    assert bytes_of["filling"] < 64
    names = {symbol.name for symbol in result.flash if symbol.group == "layers"}
    assert {name.split(".")[0] for name in names} == {
        function.removeprefix("model_") for function in export.layer_functions
    }
    kernel = "conv_dsp" if CORES[core].backend == "dsp" else "conv"
    assert [s.group for s in result.flash if s.name == kernel] == ["kernels"]


def test_the_deepest_stack_names_its_functions(emit: Emit, tmp_path: Path) -> None:
    export = emit(random_int_network(1))
    source = tmp_path / "deep.c"
    source.write_text(
        "#define APART __attribute__((noinline))\n"
        "static APART int leaf(volatile char *p) { p[0] = 1; return p[0]; }\n"
        "static APART int deep(int i)\n"
        "{ volatile char b[200]; b[0] = (char)i; int r = leaf(b); return r + b[0]; }\n"
        "static APART int shallow(int i)\n"
        "{ volatile char b[40]; b[0] = (char)i; int r = leaf(b); return r + b[0]; }\n"
        "int model_run(int i) { int r = shallow(i); r += deep(i); return r + shallow(r); }\n"
    )
    program = build_bare_metal("cortex-m3", [source], tmp_path / "deep.elf", ["model_run"])
    machine = Machine(program, "cortex-m3", export)
    watch = StackWatch(machine)
    machine.call("model_run", 7)
    frames = watch.frames()
    assert list(frames) == ["model_run", "deep"]
    assert 200 <= frames["deep"] <= 232
    assert sum(frames.values()) == machine.stack_bytes()


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


def _unrolled(core: str) -> bool:
    """Whether ``compilation.optimize`` changes the inner loop of a convolution there."""
    return len({style[CORES[core].backend] for style in UNROLL.values()}) > 1


@pytest.mark.parametrize("core", list(filter(_unrolled, EMULATED_CORES)))
def test_speed_takes_less_time_and_size_less_code(
    emit: Emit, everything: IntNetwork, core: str
) -> None:
    windows = random_windows(everything, 1)
    runs = [
        emulate(everything, emit(everything, optimize=optimize), core, windows)
        for optimize in ("speed", "balanced", "size")
    ]
    instructions = [run.instructions for run in runs]
    text = [run.linked.text_bytes for run in runs]
    assert instructions[0] < instructions[1] < instructions[2]
    assert text[0] > text[1] > text[2]


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3"])
@pytest.mark.parametrize("optimize", ["-Os", "-O2"])
def test_gcc_takes_hardly_more_instructions(
    emit: Emit, everything: IntNetwork, core: str, optimize: str
) -> None:
    gcc = gcc_build(compiler_or_skip("arm-none-eabi-gcc"))
    export, windows = emit(everything), random_windows(everything, 1)
    ours = emulate(everything, export, core, windows)
    theirs = emulate(everything, export, core, windows, optimize, gcc)
    for layer in everything.layers:
        node = next(n for n in everything.network.nodes if n.name == layer.name)
        if isinstance(layer.op, IntConv) and not gathers(everything.network, node):  # copies in C
            limit = 1.2 * ours.layer_instructions[layer.name] + 100
            assert theirs.layer_instructions[layer.name] < limit, layer.name


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


def test_helpers_of_the_compiler_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "wide.c"
    source.write_text("long long f_run(long long a, long long b) { return a * b; }\n")
    program = build_bare_metal("cortex-m0", [source], tmp_path / "wide.elf", ["f_run"])
    assert 0 < linked_size(program).library_bytes < linked_size(program).text_bytes


def test_variables_outside_the_arena_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "state.c"
    source.write_text("static volatile int calls = 3;\nint f_run(void) { return calls++; }\n")
    program = build_bare_metal("cortex-m0", [source], tmp_path / "state.elf", ["f_run"])
    with pytest.raises(ParityError, match="4 bytes of variables outside its arena"):
        linked_size(program)
