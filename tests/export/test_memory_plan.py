"""The arena: every byte is read before it is overwritten, and few bytes are wasted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations

import kernel_walks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_networks import integer_model, random_chain
from random_networks import random_int_network

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.overlap import leads
from tinyml_nas.cost.placement import Span, longest_chain, most_live
from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
    Op,
    Reshape,
    Shape,
    Upsample,
)

pytestmark = pytest.mark.fast


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 32), nodes=st.integers(1, 14))
def test_no_kernel_reads_a_byte_that_was_overwritten(seed: int, nodes: int) -> None:
    net = random_int_network(seed, nodes, bits=(8, 4, 2) if seed % 2 else (8,))
    for backend in kernel_walks.ORDERS:
        assert kernel_walks.overwritten(net, backend) == []


@pytest.mark.parametrize(
    "op",
    [
        Conv(8, 5, 2, (2, 2)),
        Conv(4, 3, 1, (1, 1)),
        Conv(16, 5, 2, (1, 2)),
        Conv(12, 4, 3),
        Conv(8, 5, 2, (2, 2), weight_bits=4),
        Conv(6, 3, 1, (1, 1), weight_bits=2),
        Conv(8, 3, 1, (8, 0), dilation=4),  # its windows are gathered
        Conv(6, 3, 1, (1, 1), weight_bits=4, dilation=3),  # in taps
        Linear(8),
        MaxPool(3, 1, (1, 1)),
        MaxPool(5, 2, (3, 1)),
        AvgPool(3, 1, (1, 1)),
        AvgPool(4, 4),
        GlobalAvgPool(),
        Add(),
        Concat(),
        Concat("length"),
        Reshape(4),
        Upsample(2),
        Interpolate(70),
    ],
    ids=str,
)
def test_an_output_can_begin_so_high_and_no_word_higher(
    op: Op, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = isinstance(op, Add | Concat)
    other = () if not binary else (Node("other", Conv(8, 1), (INPUT,)),)
    nodes = (*other, Node("layer", op, (INPUT, *(node.name for node in other))))
    net, _ = integer_model(Network("one", Shape(8, 31), nodes), 0)

    def read_too_late(word: int) -> list[str]:
        def place(spans: Mapping[str, Span], gaps: Mapping[tuple[str, str], int]) -> dict[str, int]:
            offsets = {INPUT: 2000, "other": 4000, "layer": 2000 - gaps["layer", INPUT] + word}
            offsets["weights of layer"] = offsets["windows of layer"] = 5000
            return {name: offsets[name] for name in spans}

        monkeypatch.setattr("tinyml_nas.cost.arena.place", place)
        return kernel_walks.overwritten(net, "two_rows")

    assert read_too_late(0) == []
    assert read_too_late(4) == ["layer"]


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 32), nodes=st.integers(1, 14))
def test_every_tensor_lies_in_the_arena(seed: int, nodes: int) -> None:
    network = random_int_network(seed, nodes).network
    plan = plan_memory(network)
    assert set(plan.buffers) == set(network.shapes)
    for name, buffer in plan.buffers.items():
        assert buffer.offset >= 0
        assert buffer.offset + buffer.size_bytes <= plan.arena_bytes
        assert (buffer.row_bytes, buffer.rows) == tuple(network.shapes[name])
    for index, node in enumerate(network.nodes):
        assert all(plan.buffers[name].last >= index for name in node.inputs)


def problem(network: Network) -> tuple[dict[str, Span], dict[tuple[str, str], int]]:
    """What is placed: aligned bytes, lives, and by how much outputs begin below inputs."""
    buffers = plan_memory(network).buffers
    spans = {n: Span(aligned(b.size_bytes), b.first, b.last) for n, b in buffers.items()}
    margin = {name: b.margin_left * b.row_bytes for name, b in buffers.items()}
    gaps = {
        (node.name, name): min(
            spans[node.name].size, aligned(margin[node.name] + lead - margin[name])
        )
        for index, node in enumerate(network.nodes)
        for name, lead in leads(network, node).items()
        if buffers[name].last == index
    }
    return spans, gaps


def aligned(size_bytes: int) -> int:
    return -(-size_bytes // 4) * 4


def least_arena(spans: dict[str, Span], gaps: dict[tuple[str, str], int]) -> int:
    """The optimum: by placing each as low as it can be, some order of all leads to it."""

    def arena(order: Iterable[str]) -> int:
        placed: dict[str, int] = {}
        for name in order:
            size, first, last = spans[name]
            busy = sorted(
                (
                    at - gaps.get((name, other), size),
                    at + gaps.get((other, name), spans[other].size),
                )
                for other, at in placed.items()
                if spans[other].first <= last and first <= spans[other].last
            )
            offset = 0
            for start, end in busy:
                if offset <= start:
                    break
                offset = max(offset, end)
            placed[name] = offset
        return max(at + spans[name].size for name, at in placed.items())

    return min(map(arena, permutations(spans)))


@pytest.mark.parametrize("seed", range(40))
def test_small_networks_get_the_optimum(seed: int) -> None:
    network = random_int_network(seed, nodes=4, dilations=(1,)).network  # 720 orders
    spans, gaps = problem(network)
    read_in_words = 4
    least = least_arena(spans, gaps)
    assert least <= plan_memory(network).arena_bytes <= least + read_in_words
    assert most_live(spans, gaps) <= least
    assert longest_chain(spans, gaps, least + 4) <= least


@pytest.mark.parametrize("seed", range(30))
def test_no_arena_of_a_chain_can_be_smaller(seed: int) -> None:
    network = random_chain(seed)
    spans, gaps = problem(network)
    arena = max(b.offset + spans[name].size for name, b in plan_memory(network).buffers.items())
    assert arena <= max(most_live(spans, gaps), longest_chain(spans, gaps, arena))


def test_a_tensor_that_nobody_reads_gets_its_own_place_while_it_is_written() -> None:
    nodes = (
        Node("a", Conv(4, 1), (INPUT,)),
        Node("dead", Conv(4, 1), ("a",)),
        Node("sum", Add(), ("a", "a")),
    )
    network = Network("dead end", Shape(4, 16), nodes)
    a, dead = (plan_memory(network).buffers[name] for name in ("a", "dead"))
    assert dead.last == 1
    assert dead.offset + dead.size_bytes <= a.offset or a.offset + a.size_bytes <= dead.offset
