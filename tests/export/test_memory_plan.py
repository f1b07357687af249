"""The arena: no two tensors that live at the same time share a byte, dead ones included."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_networks import random_chain
from random_networks import random_int_network

from tinyml_nas.graph import INPUT, Add, Buffer, Conv, Network, Node, Shape, plan_memory

pytestmark = pytest.mark.fast


def overlapping(network: Network) -> list[tuple[str, str]]:
    plan = plan_memory(network)
    return [
        (a.name, b.name)
        for a, b in combinations(plan.buffers.values(), 2)
        if a.first <= b.last and b.first <= a.last
        if a.offset < b.offset + b.size_bytes and b.offset < a.offset + a.size_bytes
    ]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32), nodes=st.integers(1, 14))
def test_live_buffers_never_overlap(seed: int, nodes: int) -> None:
    network = random_int_network(seed, nodes).network
    plan = plan_memory(network)
    assert overlapping(network) == []
    assert set(plan.buffers) == set(network.shapes)
    for name, buffer in plan.buffers.items():
        assert buffer.offset >= 0
        assert buffer.offset + buffer.size_bytes <= plan.arena_bytes
        assert (buffer.row_bytes, buffer.rows) == tuple(network.shapes[name])
    for index, node in enumerate(network.nodes):
        assert all(plan.buffers[name].last >= index for name in node.inputs)


def least_arena(network: Network) -> int:
    """The optimum: by placing each as low as it can be, some order of all leads to it."""
    buffers = list(plan_memory(network).buffers.values())

    def arena(order: tuple[Buffer, ...]) -> int:
        placed: list[tuple[int, Buffer]] = []
        for buffer in order:
            busy = sorted(
                (at, at + -(-other.size_bytes // 4) * 4)
                for at, other in placed
                if other.first <= buffer.last and buffer.first <= other.last
            )
            offset = 0
            for start, end in busy:
                if offset + buffer.size_bytes <= start:
                    break
                offset = max(offset, end)
            placed.append((offset, buffer))
        return max(at + buffer.size_bytes for at, buffer in placed)

    return min(arena(order) for order in permutations(buffers))


@pytest.mark.parametrize("seed", range(40))
def test_small_networks_get_the_optimum(seed: int) -> None:
    network = random_int_network(seed, nodes=4).network  # 720 orders
    read_in_words = 4
    least = -(-least_arena(network) // 4) * 4
    assert least <= plan_memory(network).arena_bytes <= least + read_in_words


@pytest.mark.parametrize("seed", range(30))
def test_chains_need_no_more_than_what_lives_at_once(seed: int) -> None:
    network = random_chain(seed)
    plan = plan_memory(network)
    sizes = [(-(-b.size_bytes // 4) * 4, b.first, b.last) for b in plan.buffers.values()]
    steps = range(-1, len(network.nodes) + 1)
    least = max(sum(size for size, first, last in sizes if first <= i <= last) for i in steps)
    assert plan.arena_bytes - least <= 4


def test_a_tensor_that_nobody_reads_gets_its_own_place_while_it_is_written() -> None:
    nodes = (
        Node("a", Conv(4, 1), (INPUT,)),
        Node("dead", Conv(4, 1), ("a",)),
        Node("sum", Add(), ("a", "a")),
    )
    network = Network("dead end", Shape(4, 16), nodes)
    assert overlapping(network) == []
    assert plan_memory(network).buffers["dead"].last == 1
