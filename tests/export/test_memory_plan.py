"""The arena: no two tensors that live at the same time share a byte, dead ones included."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import random_int_network

from tinyml_nas.graph import INPUT, Add, Conv, Network, Node, Shape, plan_memory

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


def test_a_tensor_that_nobody_reads_gets_its_own_place_while_it_is_written() -> None:
    nodes = (
        Node("a", Conv(4, 1), (INPUT,)),
        Node("dead", Conv(4, 1), ("a",)),
        Node("sum", Add(), ("a", "a")),
    )
    network = Network("dead end", Shape(4, 16), nodes)
    assert overlapping(network) == []
    assert plan_memory(network).buffers["dead"].last == 1
