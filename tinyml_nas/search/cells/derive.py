"""From a genotype to the network that is trained, quantized and shipped.

A ``skip_connect`` at stride 1 is only a second name of its source, so it makes no node, and a state
that reaches no output is dropped.  Two names of one tensor may meet in a concatenation, which then
repeats its channels: the 1x1 convolution behind it has the inputs the genotype asked for.
"""

from __future__ import annotations

from tinyml_nas.graph import INPUT, Concat, GlobalAvgPool, Linear, Network, Node
from tinyml_nas.search.cells.genotype import Genotype
from tinyml_nas.search.cells.plan import CellPlan, SearchSpace


def derive(genotype: Genotype, space: SearchSpace, name: str = "darts") -> Network:
    """The discrete network of ``genotype`` in ``space``."""
    nodes = [Node("stem", space.stem, (INPUT,))]
    tensor = "stem"
    for cell in space.cells:
        tensor = _append_cell(nodes, cell, genotype, tensor)
    nodes.append(Node("pool", GlobalAvgPool(), (tensor,)))
    nodes.append(Node("classifier", Linear(space.classes), ("pool",)))
    return Network(name, space.input_shape, _reaching_output(nodes))


def _append_cell(nodes: list[Node], cell: CellPlan, genotype: Genotype, tensor: str) -> str:
    """Add the nodes of ``cell`` and return the tensor that leaves it."""
    prefix = f"cell{cell.index}"
    nodes.append(Node(f"{prefix}_entry", cell.entry, (tensor,)))
    states = [f"{prefix}_entry"]
    for number, (primitive, source) in enumerate(
        genotype.reduce if cell.reduction else genotype.normal
    ):
        op, _ = cell.edge(source, primitive)
        if op is None:
            states.append(states[source])
            continue
        nodes.append(Node(f"{prefix}_node{number}", op, (states[source],)))
        states.append(nodes[-1].name)
    leaving = tuple(states[state] for state in genotype.concat)
    if len(leaving) == 1:
        return leaving[0]
    nodes.append(Node(f"{prefix}_concat", Concat(), leaving))
    return nodes[-1].name


def _reaching_output(nodes: list[Node]) -> tuple[Node, ...]:
    alive: list[Node] = []
    read = {nodes[-1].name}
    for node in reversed(nodes):
        if node.name in read:
            alive.append(node)
            read.update(node.inputs)
    return tuple(reversed(alive))
