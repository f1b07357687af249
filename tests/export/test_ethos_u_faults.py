"""Planted faults: each makes a program of an Ethos-U that the simulator refuses or that errs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from measured_networks import integer_model
from test_ethos_u_streams import noise, npu_of

from tinyml_nas.cost.npu.ethos_u import ADD_TERMS, Compiled, Program, program_of
from tinyml_nas.devices import EthosU
from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.graph import INPUT, Add, Conv, GlobalAvgPool, Linear, MaxPool, Network, Node, Shape
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.proof.carriers import EthosUStream, ethos_u
from tinyml_nas.proof.ethos_u import run_program, weight_decoder
from tinyml_nas.proof.ethos_u.registers import COP1, Do, Set, Wide, stream_of
from tinyml_nas.proof.ethos_u.weight_decoder import WeightDecoder
from tinyml_nas.quantize import run_reference

NETWORK = Network(
    "planted",
    Shape(3, 64),
    (
        Node("conv1", Conv(16, 5, 2, (2, 2)), (INPUT,)),
        Node("conv2", Conv(16, 3, 1, (4, 4), dilation=4), ("conv1",)),
        Node("sum", Add(), ("conv1", "conv2")),
        Node("pool", MaxPool(2, 2), ("sum",)),
        Node("mean", GlobalAvgPool(), ("pool",)),
        Node("linear", Linear(5), ("mean",)),
    ),
)
NET, _ = integer_model(NETWORK, 3, ADD_TERMS)
NPU = npu_of("AlifE3-HE")  # weights in flash, so that there are transfers
WORD_BYTES = 4
Fault = Callable[[Program], Program]


def the_program() -> Program:
    program = program_of(NET, NPU).program
    assert program is not None
    return program


def test_the_program_without_a_fault_is_right() -> None:
    x = noise(NETWORK, 40)
    found = run_program(the_program(), x, NETWORK.shapes["linear"])
    np.testing.assert_array_equal(found, run_reference(NET, x)["linear"])


def commands_of(program: Program) -> list[list[int]]:
    """The commands, each as its one or two words."""
    words = iter(stream_of(program.commands).tolist())
    return [[word, next(words)] if word & 0x4000 else [word] for word in words]


def with_commands(program: Program, commands: list[list[int]]) -> Program:
    words = np.array([word for command in commands for word in command], "<u4")
    start = len(program.commands) - WORD_BYTES * len(stream_of(program.commands))
    count = len(words)
    head = bytearray(program.commands[:start])
    head[-WORD_BYTES:] = (2 | (count >> 16) << 8 | (count & 0xFFFF) << 16).to_bytes(4, "little")
    return replace(program, commands=bytes(head) + words.tobytes())


def setting(register: Set | Wide, change: Callable[[int], int], which: int = 0) -> Fault:
    """``change`` the value of the setting number ``which`` of ``register``."""

    def plant(program: Program) -> Program:
        commands = commands_of(program)
        wide = isinstance(register, Wide)
        found = [c for c in commands if c[0] & 0x3FF == register and (len(c) == 2) == wide]
        command = found[which]
        if wide:
            command[1] = change(command[1])
        else:
            command[0] = command[0] & 0xFFFF | (change(command[0] >> 16) & 0xFFFF) << 16
        return with_commands(program, commands)

    return plant


def without(what: Do, which: int = 0) -> Fault:
    """The command number ``which`` that does ``what`` is missing."""

    def plant(program: Program) -> Program:
        commands = commands_of(program)
        places = [i for i, c in enumerate(commands) if len(c) == 1 and c[0] & 0x3FF == what]
        del commands[places[which]]
        return with_commands(program, commands)

    return plant


def behind(what: Do, *words: int) -> Fault:
    """``words`` are inserted before the first command that does ``what``."""

    def plant(program: Program) -> Program:
        commands = commands_of(program)
        at = next(i for i, c in enumerate(commands) if len(c) == 1 and c[0] & 0x3FF == what)
        return with_commands(program, [*commands[:at], list(words), *commands[at:]])

    return plant


def word(register: Set, value: int) -> int:
    return register | value << 16


def flipped(place: float, bit: int) -> Fault:
    """One bit of the constants."""

    def plant(program: Program) -> Program:
        weights = bytearray(program.weights)
        weights[int(place * len(weights))] ^= 1 << bit
        return replace(program, weights=bytes(weights))

    return plant


def cut(size: int) -> Fault:
    return lambda program: replace(program, commands=program.commands[:-size])


def moved(program: Program) -> Program:
    """The input lies elsewhere than the program reads it."""
    entry = program.input
    return replace(program, input=replace(entry, offset=entry.offset + 16))


def other_magic(program: Program) -> Program:
    return replace(program, commands=(COP1 ^ 1).to_bytes(4, "little") + program.commands[4:])


def less_scratch(program: Program) -> Program:
    return replace(program, scratch=replace(program.scratch, size_bytes=1024))


FAULTS: dict[str, Fault] = {
    "rounding downwards": setting(Set.OFM_PRECISION, lambda v: v & 0x3FFF | 1 << 14),
    "rounding twice": setting(Set.OFM_PRECISION, lambda v: v & 0x3FFF),
    "padding on the left": setting(Set.IFM_PAD_LEFT, lambda v: v + 1),
    "padding on the right": setting(Set.IFM_PAD_RIGHT, lambda v: v + 1),
    "padding of rows": setting(Set.IFM_PAD_TOP, lambda v: v + 1, 1),
    "order of weights": setting(Set.KERNEL_STRIDE, lambda v: v ^ 4),
    "stride": setting(Set.KERNEL_STRIDE, lambda v: v ^ 1),
    "taps": setting(Set.KERNEL_WIDTH_M1, lambda v: v - 1),
    "input depth": setting(Set.IFM_DEPTH_M1, lambda v: v - 1),
    "output depth": setting(Set.OFM_DEPTH_M1, lambda v: v + 8),
    "block depth": setting(Set.OFM_BLK_DEPTH_M1, lambda v: 7),
    "input zero point": setting(Set.IFM_ZERO_POINT, lambda v: v + 1),
    "output zero point": setting(Set.OFM_ZERO_POINT, lambda v: v + 1),
    "activation clamp": setting(Set.ACTIVATION_MAX, lambda v: 0),
    "output address": setting(Wide.OFM_BASE0, lambda v: v + 16),
    "input address": setting(Wide.IFM_BASE0, lambda v: v + 16),
    "address outside": setting(Wide.IFM_BASE0, lambda v: 1 << 24),
    "column stride": setting(Wide.IFM_STRIDE_X, lambda v: v + 1),
    "first tile": setting(Set.IFM_WIDTH0_M1, lambda v: v // 2),
    "weight address": setting(Wide.WEIGHT_BASE, lambda v: v + 16),
    "weight length": setting(Wide.WEIGHT_LENGTH, lambda v: v - 16),
    "scale length": setting(Wide.SCALE_LENGTH, lambda v: v // 2),
    "writes to the weights": setting(Set.OFM_REGION, lambda v: the_program().weights_region),
    "region that is not there": setting(Set.IFM_REGION, lambda v: 5),
    "transfer too short": setting(Wide.DMA0_LEN, lambda v: v - 16),
    "transfer from elsewhere": setting(Wide.DMA0_SRC, lambda v: v + 16),
    "transfer to elsewhere": setting(Wide.DMA0_DST, lambda v: v + 16),
    "no wait for a transfer": without(Do.DMA_WAIT),
    "an operation is missing": without(Do.CONV, 1),
    "no stop": without(Do.STOP),
    "upscaling": behind(Do.CONV, word(Set.IFM_UPSCALE, 1)),
    "a table": behind(Do.CONV, word(Set.ACTIVATION, 16)),
    "no command": behind(Do.CONV, 0x0000_0177),
    "flipped bit of a weight": flipped(0.62, 3),
    "flipped bit of a later weight": flipped(0.8, 4),
    "flipped bit of a scale": flipped(0.02, 5),
    "unused bit of a command": behind(Do.CONV, Set.IFM_UPSCALE | 1 << 10),
    "format that is none": setting(Set.IFM_PRECISION, lambda v: v | 3 << 6),
    "depth of a depthwise operation": setting(Set.IFM_DEPTH_M1, lambda v: v - 1, -1),
    "transfer beyond all memory": setting(Wide.DMA0_LEN, lambda v: 1 << 31),
    "output beyond all memory": setting(Set.OFM_HEIGHT_M1, lambda v: 65535),
    "stream cut off": cut(8),
    "other magic": other_magic,
    "input elsewhere": moved,
    "less memory": less_scratch,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name: str) -> None:
    program, x = FAULTS[name](the_program()), noise(NETWORK, 40)
    found = None
    with contextlib.suppress(ParityError, ToolError):
        found = run_program(program, x, NETWORK.shapes["linear"])
    assert found is None or (found != run_reference(NET, x)["linear"]).any(), "it changes nothing"


@pytest.mark.parametrize("register", [Set.KERNEL_STRIDE, Set.IFM_DEPTH_M1, Set.DMA0_DST_REGION])
def test_a_register_that_was_never_set_is_named(register: Set) -> None:
    program = the_program()
    rest = [c for c in commands_of(program) if len(c) == 2 or c[0] & 0x3FF != register]
    with pytest.raises(ParityError, match=f"needs {register.name}, which nothing has set"):
        run_program(with_commands(program, rest), noise(NETWORK, 4), NETWORK.shapes["linear"])


def test_a_decoder_that_does_not_start_is_no_fault_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weight_decoder, "CHILD", "import no_such_module")
    with pytest.raises(ToolError, match="does not start: ModuleNotFoundError"):
        run_program(the_program(), noise(NETWORK, 1), NETWORK.shapes["linear"])


@pytest.mark.parametrize("name", ["output address", "input zero point"])
def test_a_fault_of_the_compiler_names_the_layer(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the program gives other values or is refused."""

    def faulty(net: IntNetwork, npu: EthosU) -> Compiled:
        compiled = program_of(net, npu)
        assert compiled.program is not None
        return replace(compiled, program=FAULTS[name](compiled.program))

    monkeypatch.setattr(ethos_u, "program_of", faulty)
    compiled = faulty(NET, NPU)
    assert compiled.program is not None
    stream = EthosUStream(NET, compiled.program, compiled.split, NPU)
    with pytest.raises(ParityError, match="layer conv1: the compiler made other commands"):
        stream.run(noise(NETWORK, 4))


def test_a_kernel_that_a_transfer_does_not_wait_for_is_named() -> None:
    program = the_program()
    waits = [c for c in commands_of(program) if len(c) == 1 and c[0] & 0x3FF == Do.KERNEL_WAIT]
    if not waits:
        pytest.skip("this program of Vela's never has to wait for an operation")
    with pytest.raises(ParityError, match="does not wait for"):
        run_program(without(Do.KERNEL_WAIT)(program), noise(NETWORK, 40), NETWORK.shapes["linear"])


def test_a_flipped_weight_names_its_layer_and_the_output() -> None:
    program, x = flipped(0.62, 3)(the_program()), noise(NETWORK, 40)
    parts = program_of(NET, NPU).split
    with pytest.raises(ParityError, match=r"layer \w+: the program was changed") as caught:
        EthosUStream(NET, program, parts, NPU).run(x)
    assert "layer linear, vector" in caught.value.message
    assert "instead of" in caught.value.message


def test_a_decoder_that_is_killed_does_not_accuse_the_program() -> None:
    with WeightDecoder() as decoder:
        decoder.start().kill()
        with pytest.raises(ToolError, match="killed from outside"):
            decoder(bytes(64))
