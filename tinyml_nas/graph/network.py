"""``Network``: a frozen graph of named operations, with shape inference and a JSON form."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tinyml_nas.graph.ops import MOVING, OPS, Op, Shape

INPUT = "input"
"""Name of the tensor that enters a network."""


@dataclass(frozen=True)
class Node:
    """One operation; its name is also the name of the tensor that it produces."""

    name: str
    op: Op
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """Nodes in an order that can be executed; the last one is the output.

    Raises ``ValueError`` on a repeated name, an unknown input or shapes that do not fit.
    """

    name: str
    input_shape: Shape
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not self.nodes:
            raise ValueError(f"network {self.name!r} has no nodes")
        _ = self.shapes

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of every tensor, the input included."""
        shapes = {INPUT: self.input_shape}
        for node in self.nodes:
            if node.name in shapes:
                raise ValueError(f"network {self.name!r} has two tensors named {node.name!r}")
            if unknown := [name for name in node.inputs if name not in shapes]:
                raise ValueError(f"node {node.name!r} reads {unknown[0]!r} before it exists")
            try:
                shapes[node.name] = node.op.output_shape(tuple(shapes[n] for n in node.inputs))
            except ValueError as error:
                raise ValueError(f"node {node.name!r}: {error}") from None
        return shapes

    @cached_property
    def scale_groups(self) -> tuple[tuple[str, ...], ...]:
        """Tensors that must share one scale when quantized, each tensor in exactly one group."""
        group_of: dict[str, set[str]] = {name: {name} for name in self.shapes}
        for node in self.nodes:
            if isinstance(node.op, MOVING):
                merged = set.union(*(group_of[name] for name in (node.name, *node.inputs)))
                group_of |= dict.fromkeys(merged, merged)
        return tuple(sorted({tuple(sorted(group)) for group in group_of.values()}))

    @cached_property
    def lifted(self) -> frozenset[str]:
        """ReLU layers whose zero is not the lowest int8, for a tensor of their scale has a sign."""
        signed = {INPUT: True}
        for node in self.nodes:
            relu = getattr(node.op, "relu", None)
            passes = any(signed[name] for name in node.inputs)
            signed[node.name] = passes if relu is None else not relu
        with_sign = (group for group in self.scale_groups if any(signed[name] for name in group))
        return frozenset(name for group in with_sign for name in group if not signed[name])

    @property
    def output(self) -> str:
        """Name of the tensor that leaves the network."""
        return self.nodes[-1].name

    def input_shapes(self, node: Node) -> tuple[Shape, ...]:
        """Shapes of the tensors that ``node`` reads."""
        return tuple(self.shapes[name] for name in node.inputs)

    def with_weight_bits(self, bits: Mapping[str, int]) -> Network:
        """The same network with other bits per weight in the layers that ``bits`` names."""
        nodes = tuple(
            dataclasses.replace(
                node,
                op=dataclasses.replace(node.op, weight_bits=bits[node.name]),  # type: ignore[type-var]
            )
            if node.name in bits
            else node
            for node in self.nodes
        )
        return dataclasses.replace(self, nodes=nodes)

    def to_json(self) -> dict[str, Any]:
        """A plain record that :meth:`from_json` reads back."""
        return {
            "name": self.name,
            "input_shape": list(self.input_shape),
            "nodes": [
                {
                    "name": node.name,
                    "op": node.op.kind,
                    "inputs": list(node.inputs),
                    **dataclasses.asdict(node.op),  # type: ignore[call-overload]
                }
                for node in self.nodes
            ],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Network:
        """The network that :meth:`to_json` described."""
        nodes = []
        for item in record["nodes"]:
            fields = {k: v for k, v in item.items() if k not in ("name", "op", "inputs")}
            if "pad" in fields:
                fields["pad"] = tuple(fields["pad"])
            nodes.append(Node(item["name"], OPS[item["op"]](**fields), tuple(item["inputs"])))
        return cls(record["name"], Shape(*record["input_shape"]), tuple(nodes))
