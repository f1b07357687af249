"""The chain space: a strided stem, a few stages one after the other, and a pooled head.

Chains run fast on small cores and accelerators, need little RAM and train in seconds.  For a device
with an accelerator every choice that its rules forbid is left out, so all networks of the space are
legal by construction (the first convolution excepted where the signal itself has a number of
channels that no rule allows: it then runs on the core).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyml_nas.config import Config
from tinyml_nas.devices.device import NpuRules
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
    Op,
    Shape,
)
from tinyml_nas.graph.ops import same_padding
from tinyml_nas.search.spaces.space import Decision, Genome, Space, Value

MAX_STAGES = 4
WIDTHS = (4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128)
KERNELS = (3, 5, 7)
STEM_KERNELS = (3, 5, 7, 9, 11)
BLOCKS = ("conv", "dwsep", "pool_conv", "pool_dwsep", "residual")
MIN_LENGTH = 2


@dataclass(frozen=True)
class ChainSpace:
    """Chains for inputs of ``input_shape`` and so many ``outputs``, legal under ``npu`` if given.

    Heads of ``positional`` chains may also read every step by itself, because a value often depends
    on where in the window something is.  ``extra`` decisions, of the training recipe, ride along
    and never change the network.
    """

    input_shape: Shape
    outputs: int
    npu: NpuRules | None = None
    extra: tuple[Decision, ...] = ()
    positional: bool = False

    name = "chain"

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Stem, number of stages, each stage, head; then ``extra``."""
        strides = self._legal((1, 2, 4) if self.input_shape.length <= 256 else (1, 2, 4, 8))
        widths = self._widths()
        first_kernels = self._first_kernels()
        decisions = [
            Decision("stem", ("conv",) if self.npu else ("conv", "dwsep")),
            Decision("stem_kernel", first_kernels),
            Decision("stem_stride", strides),
            Decision("stem_width", widths),
            Decision("stages", tuple(range(1, MAX_STAGES + 1))),
        ]
        for stage in range(1, MAX_STAGES + 1):
            decisions += [
                Decision(f"block{stage}", BLOCKS),
                Decision(f"kernel{stage}", KERNELS),
                Decision(f"stride{stage}", self._legal((1, 2))),
                Decision(f"width{stage}", widths),
            ]
        unsupported = self.npu.unsupported if self.npu else ()
        heads = ("avg",) if "concat" in unsupported else ("avg", "max", "avg_max")
        heads = (*heads, "flat") if self.positional else heads
        return (*decisions, Decision("head", heads), Decision("hidden", (0, 16, 32)), *self.extra)

    def canonical(self, genome: Genome) -> dict[str, Value]:
        """Unused stages, and the width and stride of a residual stage, at their first choice."""
        result = {d.name: genome.get(d.name, d.choices[0]) for d in self.decisions}
        first = {d.name: d.choices[0] for d in self.decisions}
        for stage in range(1, MAX_STAGES + 1):
            unused = stage > int(result["stages"])
            residual = result[f"block{stage}"] == "residual"
            for part in ("block", "kernel", "stride", "width"):
                if unused or (residual and part in ("stride", "width")):
                    result[f"{part}{stage}"] = first[f"{part}{stage}"]
        return result

    def network(self, genome: Genome, name: str) -> Network:
        """The chain of ``genome``.

        Raises ``ValueError`` where its strides leave no signal, or its head too few values for the
        accelerator.
        """
        chain = _Chain(self.input_shape, self.npu)
        chain.conv(
            "stem",
            str(genome["stem"]) == "dwsep",
            int(genome["stem_width"]),
            int(genome["stem_kernel"]),
            int(genome["stem_stride"]),
        )
        for stage in range(1, int(genome["stages"]) + 1):
            block, kernel = str(genome[f"block{stage}"]), int(genome[f"kernel{stage}"])
            if block == "residual":
                chain.residual(f"stage{stage}", kernel)
                continue
            if block.startswith("pool"):
                chain.pool(f"stage{stage}_pool")
            chain.conv(
                f"stage{stage}",
                block.endswith("dwsep"),
                int(genome[f"width{stage}"]),
                kernel,
                int(genome[f"stride{stage}"]),
            )
        chain.head(str(genome["head"]), int(genome["hidden"]), self.outputs)
        return Network(name, self.input_shape, tuple(chain.nodes))

    def _legal(self, strides: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(s for s in strides if self.npu is None or s in self.npu.strides)

    def _first_kernels(self) -> tuple[int, ...]:
        longest = min(self.input_shape.length, self.npu.first_max_kernel if self.npu else 11)
        return tuple(k for k in STEM_KERNELS if k <= longest) or (1,)

    def _widths(self) -> tuple[int, ...]:
        multiple = self.npu.channel_multiple if self.npu else 1
        return tuple(width for width in WIDTHS if width % multiple == 0)


class _Chain:
    """Nodes as they are added; ``shape`` is the last one's."""

    def __init__(self, shape: Shape, npu: NpuRules | None) -> None:
        self.nodes: list[Node] = []
        self.npu = npu
        self.tensor, self.shape = INPUT, shape

    def add(self, name: str, op: Conv | DepthwiseConv | MaxPool | AvgPool) -> None:
        self.nodes.append(Node(name, op, (self.tensor,)))
        self.tensor, self.shape = name, op.output_shape((self.shape,))
        if self.shape.length < MIN_LENGTH:
            raise ValueError(f"{name} leaves a length of {self.shape.length}")

    def conv(self, name: str, separable: bool, width: int, kernel: int, stride: int) -> None:
        """A convolution, or a depthwise one and a pointwise one behind it."""
        pad = same_padding(kernel)
        if separable:
            self.add(f"{name}_depthwise", DepthwiseConv(kernel, stride, pad))
            self.add(f"{name}_pointwise", Conv(width, 1))
        else:
            self.add(name, Conv(width, kernel, stride, pad))

    def residual(self, name: str, kernel: int) -> None:
        """The sum of the tensor and a convolution of it."""
        before, width = self.tensor, self.shape.channels
        self.add(f"{name}_conv", Conv(width, kernel, 1, same_padding(kernel), relu=False))
        self.nodes.append(Node(f"{name}_add", Add(relu=True), (before, self.tensor)))
        self.tensor = f"{name}_add"

    def pool(self, name: str) -> None:
        """Every second sample: the larger of each pair."""
        self.add(name, MaxPool(2, 2))

    def head(self, kind: str, hidden: int, outputs: int) -> None:
        """Pooled over time, or as it is; then one or two fully connected layers."""
        ops: dict[str, Op] = {"avg": GlobalAvgPool(), "max": MaxPool(self.shape.length, 1)}
        parts = {"avg_max": ["avg", "max"], "flat": []}.get(kind, [kind])
        self._require_legal_head(parts)
        for part in parts:
            self.nodes.append(Node(f"{part}_pool", ops[part], (self.tensor,)))
        self.tensor = self.nodes[-1].name
        if len(parts) > 1:
            self.nodes.append(Node("pools", Concat(), tuple(f"{part}_pool" for part in parts)))
            self.tensor = "pools"
        if hidden:
            self.nodes.append(Node("hidden", Linear(hidden, relu=True), (self.tensor,)))
            self.tensor = "hidden"
        self.nodes.append(Node("classifier", Linear(outputs), (self.tensor,)))

    def _require_legal_head(self, parts: Sequence[str]) -> None:
        if self.npu is None:
            return
        if "avg" in parts and self.shape.length < self.npu.mean_min_inputs:
            raise ValueError(f"a mean of {self.shape.length} values stays on the core")
        inputs = self.shape.channels if parts else self.shape.size
        if inputs < self.npu.linear_min_inputs:
            raise ValueError(f"a linear layer of {inputs} inputs stays on the core")


def make_space(
    features: FeatureSet, config: Config, npu: NpuRules | None, extra: tuple[Decision, ...]
) -> Space:
    """The chains for the data at hand that an accelerator with the rules ``npu`` takes whole."""
    shape, positional = Shape(*features.train.x.shape[1:]), features.targets is not None
    return ChainSpace(shape, features.outputs, npu, extra, positional=positional)
