"""The search space as plain numbers: which cells there are, how wide, how long, which strides.

A stem of ``stem_multiplier`` x ``channels`` is followed by ``layers`` one-input cells.  The cells
at a third and at two thirds of the depth are reduction cells: they double the channels and take
stride 2 on the edges that leave the cell's input; the cell after one enters with stride 2 as well,
so that each reduction divides the length by four.  A stride that would leave fewer than
``MIN_LENGTH`` samples is not taken: short feature vectors keep their length and only grow wider.

A cell's states are numbered from its input (0); node ``i`` is state ``i + 1`` and reads one of the
states before it.  Edges are ordered by node, then by source.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinyml_nas.graph import Conv, Op, Shape
from tinyml_nas.graph.ops import same_padding
from tinyml_nas.search.cells.primitives import primitive_op

MIN_LENGTH = 4


@dataclass(frozen=True)
class CellPlan:
    """Geometry of one cell.

    ``entry_stride`` belongs to the 1x1 convolution that brings ``input_shape`` to ``channels``;
    ``stride`` to the edges that leave state 0.
    """

    index: int
    reduction: bool
    input_shape: Shape
    channels: int
    entry_stride: int
    stride: int

    @property
    def entry(self) -> Conv:
        """The 1x1 convolution before the states; linear, so that a lone channel keeps its sign."""
        return Conv(self.channels, 1, self.entry_stride, relu=False)

    @property
    def entry_shape(self) -> Shape:
        """Shape of state 0."""
        return self.entry.output_shape((self.input_shape,))

    @property
    def node_shape(self) -> Shape:
        """Shape of every state after state 0."""
        return Shape(self.channels, -(-self.entry_shape.length // self.stride))

    def edge(self, source: int, primitive: str) -> tuple[Op | None, Shape]:
        """Operation of ``primitive`` on an edge that leaves ``source``, and the shape it reads."""
        stride = self.stride if source == 0 else 1
        shape = self.entry_shape if source == 0 else self.node_shape
        return primitive_op(primitive, self.channels, stride), shape


@dataclass(frozen=True)
class SearchSpace:
    """All that the presets and customization keys fix, for one input shape and class count."""

    input_shape: Shape
    classes: int
    layers: int
    nodes: int
    channels: int
    stem_multiplier: int
    fanout: int

    def __post_init__(self) -> None:
        for name in ("layers", "nodes", "channels", "stem_multiplier", "fanout"):
            if getattr(self, name) < 1:
                raise ValueError(f"the search space needs at least one of {name}")
        if self.fanout > self.nodes:
            raise ValueError(f"{self.fanout} nodes cannot leave a cell that has {self.nodes}")

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """``(source state, node)`` of every row of an alpha table."""
        return tuple((source, node) for node in range(self.nodes) for source in range(node + 1))

    @property
    def concat(self) -> tuple[int, ...]:
        """States that leave a cell, side by side."""
        return tuple(range(self.nodes + 1 - self.fanout, self.nodes + 1))

    @property
    def stem(self) -> Conv:
        """The first convolution."""
        return Conv(self.stem_multiplier * self.channels, 3, pad=same_padding(3))

    @cached_property
    def cells(self) -> tuple[CellPlan, ...]:
        """Every cell from the stem to the classifier."""
        cells: list[CellPlan] = []
        shape = self.stem.output_shape((self.input_shape,))
        channels, after_reduction = self.channels, False
        for index in range(self.layers):
            reduction = index in (self.layers // 3, 2 * self.layers // 3)
            channels *= 2 if reduction else 1
            entry_stride = _stride(shape.length, after_reduction)
            stride = _stride(-(-shape.length // entry_stride), reduction)
            cells.append(CellPlan(index, reduction, shape, channels, entry_stride, stride))
            shape = Shape(self.fanout * channels, cells[-1].node_shape.length)
            after_reduction = reduction
        return tuple(cells)

    @property
    def output_shape(self) -> Shape:
        """Shape that enters the global average pool."""
        last = self.cells[-1]
        return Shape(self.fanout * last.channels, last.node_shape.length)


def _stride(length: int, wanted: bool) -> int:
    return 2 if wanted and -(-length // 2) >= MIN_LENGTH else 1
