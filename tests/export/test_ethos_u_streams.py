"""Programs of an Ethos-U, compiled by Vela and executed: the bits of the integer model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import pytest
from measured_networks import integer_model, random_cells, random_chain, random_dilated

from tinyml_nas.cost.npu.ethos_u import (
    ADD_TERMS,
    compile_tosa,
    head_of,
    place,
    placeholder,
    program_of,
    split,
)
from tinyml_nas.cost.npu.ethos_u.tosa import DType, Graph, Op
from tinyml_nas.cost.npu.ethos_u.tosa_steps import LENGTH, Steps
from tinyml_nas.devices import EthosU, load_device
from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.graph import INPUT, Add, Conv, Interpolate, MaxPool, Network, Node, Shape
from tinyml_nas.graph.integer import Int8, IntNetwork, Requantize
from tinyml_nas.proof.carriers import EthosUStream
from tinyml_nas.proof.ethos_u import run_program
from tinyml_nas.quantize import run_reference
from tinyml_nas.quantize.reference import run_layers
from tinyml_nas.zoo import ZOO, fewest_outputs

DEVICES = ("AlifE3-HE", "AlifE3-HP", "Corstone-300-U65", "HimaxWE2")
KINDS: tuple[Callable[[int], Network], ...] = (random_chain, random_cells, random_dilated)


def npu_of(device: str) -> EthosU:
    npu = load_device(device).npu
    assert isinstance(npu, EthosU)
    return npu


def noise(network: Network, count: int = 3) -> Int8:
    """Random windows (N, C, L), and both ends of the range."""
    shape = network.input_shape
    random = np.random.default_rng(5).integers(-128, 128, (count, *shape)).astype(np.int8)
    return np.concatenate([random, np.full((1, *shape), -128, np.int8)])


def executed(net: IntNetwork, npu: EthosU, refused: frozenset[str] = frozenset()) -> int:
    """Compile and run ``net``; how many outputs were compared, all of them equal."""
    compiled, x = program_of(net, npu, refused), noise(net.network)
    assert compiled.program is not None, compiled.why
    tensors = EthosUStream(net, compiled.program, compiled.split, npu).run(x)
    truth = run_reference(net, x)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, truth[name], name)
    assert net.network.output in tensors
    return tensors[net.network.output].size


def drawn(number: int) -> Network:
    """A random network; one that is none is left for the next number."""
    kind = KINDS[number % len(KINDS)]
    for seed in range(number, number + 100):
        with contextlib.suppress(ValueError):
            return kind(seed)
    raise AssertionError(f"no network from {number} on")


@pytest.mark.parametrize("number", range(20))
def test_a_random_network_gives_the_bits_of_the_reference(number: int) -> None:
    network = drawn(number)
    net, _ = integer_model(network, number, ADD_TERMS)
    assert executed(net, npu_of(DEVICES[number % len(DEVICES)]))


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(20, 320))
def test_three_hundred_random_networks_do(number: int) -> None:
    network = drawn(number)
    net, _ = integer_model(network, number, ADD_TERMS)
    assert executed(net, npu_of(DEVICES[number % len(DEVICES)]))
    assert executed(placeholder(network), npu_of(DEVICES[number % len(DEVICES)]))


@pytest.mark.nightly
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ZOO)
def test_a_network_of_the_zoo_does(name: str, device: str) -> None:
    model = ZOO[name]
    for shape in (Shape(1, 128), Shape(3, 100)):
        try:
            network = model.build(shape, max(3, fewest_outputs(model.task)))
        except ValueError:
            continue  # it reads inputs of another shape
        npu = npu_of(device)
        if not split(network, npu).rest:
            assert executed(placeholder(network), npu)


@pytest.mark.parametrize("number", range(4))
def test_a_layer_that_is_forced_to_the_core_leaves_the_rest_to_it(number: int) -> None:
    npu, network = npu_of("AlifE3-HE"), random_chain(number)
    net, _ = integer_model(network, number, ADD_TERMS)
    refused = frozenset({network.nodes[len(network.nodes) // 2].name})
    parts = split(network, npu, refused)
    assert parts.taken
    assert refused <= {*parts.rest}
    x = noise(network)
    handed = run_reference(head_of(net, len(parts.taken)), x)[parts.taken[-1]]
    rest = run_layers(net, {parts.taken[-1]: handed}, parts.rest)
    np.testing.assert_array_equal(rest[network.output], run_reference(net, x)[network.output])
    assert executed(net, npu, refused)


def test_a_tensor_that_the_rest_also_reads_is_never_cut_off() -> None:
    nodes = (
        Node("a", Conv(8, 3, 1, (1, 1)), (INPUT,)),
        Node("b", Conv(8, 3, 1, (1, 1)), ("a",)),
        Node("c", Add(), ("a", "b")),
        Node("d", MaxPool(2, 2), ("c",)),
    )
    network, npu = Network("n", Shape(1, 32), nodes), npu_of("AlifE3-HE")
    assert split(network, npu, frozenset({"d"})).taken == ("a", "b", "c")
    assert split(network, npu, frozenset({"c"})).taken == ("a",)
    assert split(network, npu, frozenset({"a"})).taken == ()


@pytest.mark.parametrize(
    ("source", "length", "taken"), [(32, 128, True), (13, 25, True), (64, 65, False)]
)
def test_what_the_lint_says_of_an_interpolation_holds(
    source: int, length: int, taken: bool
) -> None:
    network = Network("n", Shape(4, source), (Node("up", Interpolate(length), (INPUT,)),))
    (placed,) = place(network, npu_of("AlifE3-HE")).placements
    assert placed.on_npu == taken
    if taken:
        assert executed(placeholder(network), npu_of("AlifE3-HE"))
    else:
        assert "common divisor" in placed.reason
        assert "frame_size" in placed.mend


@pytest.mark.parametrize(("seed", "minus"), [(0, False), (1, True)])
def test_an_addition_is_exact_for_all_pairs_of_values(seed: int, minus: bool) -> None:
    """Both inputs are channels of one, so that 256 windows of 256 steps have all 65,536 pairs."""
    nodes = (
        Node("a", Conv(1, 1, relu=False, norm=False), (INPUT,)),
        Node("b", Conv(1, 1, relu=False, norm=False), (INPUT,)),
        Node("sum", Add(relu=False, minus=minus), ("a", "b")),
    )
    network = Network("n", Shape(2, 256), nodes)
    net, _ = integer_model(network, seed, ADD_TERMS)
    pairs = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    x = pairs.transpose(1, 0, 2).astype(np.int8)
    assert len(np.unique(x.transpose(0, 2, 1).reshape(-1, 2), axis=0)) == 1 << 16
    npu = npu_of("AlifE3-HE")
    compiled = program_of(net, npu)
    assert compiled.program is not None
    found = run_program(compiled.program, x, network.shapes["sum"])
    truth = run_reference(net, x)["sum"]
    np.testing.assert_array_equal(found, truth)
    assert len(np.unique(truth)) > 50


@pytest.mark.parametrize(
    "layer",
    [
        layer
        for before, after in ((127, 255), (128, 0), (0, 256))
        for layer in (
            Conv(8, 260, 2, (before, after)),
            MaxPool(260, 2, (before, after)),
            Conv(8, 40, 1, (4 * before, 4 * after), dilation=4),  # in rows of four steps
        )
    ],
)
def test_padding_beyond_a_register_is_written_out(layer: Conv | MaxPool) -> None:
    """Vela 5.2.0 lets these registers overflow, and says nothing."""
    network = Network("n", Shape(8, 300), (Node("layer", layer, (INPUT,)),))
    assert executed(placeholder(network), npu_of("AlifE3-HE"))


@pytest.mark.parametrize("cache", [2 << 10, 8 << 10, 64 << 10])
def test_the_cache_of_an_ethos_u_is_as_large_as_its_device_says(cache: int) -> None:
    mode = {"memory_mode": "dedicated_sram", "cache_bytes": cache}
    npu = npu_of("Corstone-300-U65").model_copy(update=mode)
    net = placeholder(ZOO["CLS_55k"].build(Shape(1, 1024), 3))
    compiled = program_of(net, npu)
    assert compiled.program is not None
    assert 0 < compiled.program.fast_scratch.size_bytes <= cache
    assert executed(net, npu)


def test_operations_bear_the_names_of_their_layers() -> None:
    """Also where a layer writes into what a sum reads."""
    nodes = (
        Node("a", Conv(8, 3, 1, (1, 1)), (INPUT,)),
        Node("b", Conv(8, 3, 1, (1, 1)), ("a",)),
        Node("c#1", Add(), ("a", "b")),
    )
    compiled = program_of(placeholder(Network("n", Shape(1, 32), nodes)), npu_of("AlifE3-HE"))
    assert compiled.program is not None
    assert {part.name for part in compiled.program.layers} == {"a", "b", "c#1"}


def test_the_u85_is_compiled_and_not_executed() -> None:
    net = placeholder(random_chain(0))
    compiled = program_of(net, npu_of("AlifE8"))
    assert compiled.program is not None
    carrier = EthosUStream(net, compiled.program, compiled.split)
    with pytest.raises(ToolError, match="compiled, not executed"):
        carrier.run(noise(net.network))


def test_the_compiler_still_writes_half_of_a_tensor_that_is_repeated() -> None:
    """Vela 5.2.0 puts both copies of a tensor that only a RESCALE reads at one address.

    `lowering` goes around it.  Where this fails, a newer Vela has lost the fault: Upsample may be
    written as a concatenation again, if that is cheaper.
    """
    npu, steps = npu_of("AlifE3-HE"), Steps(Graph(INPUT, (1, 1, 16, 1)))
    steps.begin("twice")
    rows = steps.reshape(INPUT, (1, 16, 1, 1))
    y = steps.reshape(steps.concat([rows, rows], LENGTH), (1, 1, 32, 1))
    wide = steps.rescale(y, [1 << 30], [30], (0, 0), DType.INT32)
    total = steps.combine(Op.ADD, wide, wide)
    rule = Requantize(np.array([1 << 30], np.int32), np.array([31], np.int8), -128, 127)
    steps.graph.rename(steps.requantize(total, rule, 0), "twice")
    program = compile_tosa(steps.graph.serialize("twice"), npu)
    x = np.random.default_rng(1).integers(-128, 128, (1, 1, 16)).astype(np.int8)
    try:
        found = run_program(program, x, Shape(1, 32))
    except ParityError as error:
        assert "nothing has written" in str(error)  # noqa: PT017
    else:
        assert (found != x.repeat(2, axis=2)).any(), "Vela has lost the fault: see above"
