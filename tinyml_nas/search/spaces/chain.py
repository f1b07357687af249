"""The chain space: a strided stem, a few stages one after the other, and a pooled head.

Chains run fast on small cores and accelerators, need little RAM and train in seconds.  For a device
with an accelerator every choice that its rules forbid is left out, so all networks of the space are
legal by construction (the first convolution excepted where the signal itself has a number of
channels that no rule allows: it then runs on the core).  What is taken but never pays is left out
likewise.

How much of the window a chain sees is one decision, ``reach``, from which the dilation of every
stage follows: each stage looks twice as far as the one before.  Strides and pools look farther
by themselves, so behind them less dilation does the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tinyml_nas.config import Config
from tinyml_nas.cost.npu.suited import LayerChoices
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
from tinyml_nas.zoo.tcn import MOST_STEPS

MAX_STAGES = 4
REACHES = (0.0, 0.25, 0.5, 1.0)
"""Shares of the window that a chain should see; at 0 no stage is dilated."""
MOST_APART = 8
"""Largest dilation of the first stage: farther apart its taps would skip what the stem saw."""
WIDTHS = (4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128)
KERNELS = (3, 5, 7)
STRIDES = (1, 2, 4, 8)
STEM_KERNELS = (3, 5, 7, 9, 11)
BLOCKS = ("conv", "dwsep", "pool_conv", "pool_dwsep", "residual")
MIN_LENGTH = 2
SKELETON_REACHES = (0.5, 1.0, 0.25)
"""Reaches of the TCNs to begin with, the one that most often won first."""


@dataclass(frozen=True)
class ChainSpace:
    """Chains for inputs of ``input_shape`` and so many ``outputs``, legal under ``npu`` if given.

    Heads of ``positional`` chains may also read every step by itself, because a value often depends
    on where in the window something is.  ``extra`` decisions, of the training recipe, ride along
    and never change the network.
    """

    input_shape: Shape
    outputs: int
    npu: LayerChoices | None = None
    extra: tuple[Decision, ...] = ()
    positional: bool = False

    name = "chain"

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Stem, number of stages, each stage, reach, head; then ``extra``."""
        widths, costly = self._widths(), self.npu.costly_blocks if self.npu else ()
        blocks = tuple(block for block in BLOCKS if block not in costly)
        decisions = [
            Decision("stem", ("conv",) if self.npu else ("conv", "dwsep")),
            Decision("stem_kernel", self._first_kernels()),
            Decision("stem_stride", self._strides()),
            Decision("stem_width", widths),
            Decision("stages", tuple(range(1, MAX_STAGES + 1))),
        ]
        for stage in range(1, MAX_STAGES + 1):
            decisions += [
                Decision(f"block{stage}", blocks),
                Decision(f"kernel{stage}", KERNELS),
                Decision(f"stride{stage}", tuple(s for s in self._strides() if s <= 2)),
                Decision(f"width{stage}", widths),
            ]
        if self.npu is None or self.npu.dilation:
            decisions.append(Decision("reach", REACHES))
        heads: tuple[str, ...] = ("avg", "max", "avg_max")
        if self.npu is not None and not self.npu.concat:
            heads = ("avg",)
        heads = (*heads, "flat") if self.positional else heads
        return (*decisions, Decision("head", heads), Decision("hidden", (0, 16, 32)), *self.extra)

    @cached_property
    def skeletons(self) -> tuple[tuple[Genome, ...], ...]:
        """A TCN for each reach: a strided stem, four stages of three taps or fewer, and a mean.

        On 32 sets of the UCR archive one of them was 5 points above an undilated chain of its size.
        Those that are narrower or stride more cost less.
        """
        choices = {decision.name: decision.choices for decision in self.decisions}
        if "reach" not in choices:
            return ()
        *_, longest = strides = self._strides()[1:]
        enough = [s for s in strides if self.input_shape.length <= s * MOST_STEPS] or [longest]
        stages = range(MAX_STAGES, 0, -1) if self.npu and self.npu.few_layers else (MAX_STAGES,)
        widths = (width for width in (16, 12, 8, 4) if width in choices["stem_width"])
        sizes = itertools.product(stages, widths, enough)
        versions = [self._skeleton(*size) for size in sizes]
        return tuple(
            tuple(self.canonical({**version, "reach": reach}) for version in versions)
            for reach in SKELETON_REACHES
        )

    def canonical(self, genome: Genome) -> dict[str, Value]:
        """Unused stages, and the width and stride of a residual stage, at their first choice.

        Of reaches that lead to the same dilations the first.  Where an accelerator gains nothing by
        a separable convolution, it is a plain one.
        """
        result = {d.name: genome.get(d.name, d.choices[0]) for d in self.decisions}
        first = {d.name: d.choices[0] for d in self.decisions}
        for stage in range(1, MAX_STAGES + 1):
            unused = stage > int(result["stages"])
            residual = result[f"block{stage}"] == "residual"
            for part in ("block", "kernel", "stride", "width"):
                if unused or (residual and part in ("stride", "width")):
                    result[f"{part}{stage}"] = first[f"{part}{stage}"]
        result |= self._without_loss(result)
        if result.get("reach"):
            own = self.dilations(result)
            same = (r for r in REACHES if self.dilations({**result, "reach": r}) == own)
            result["reach"] = next(same)
        return result

    def dilations(self, genome: Genome) -> tuple[int, ...]:
        """Dilation of each stage: what brings the chain closest to its share of the window.

        The taps of stage i lie d * 2^i steps behind the stem apart, as those of a TCN (Bai et al.,
        "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
        Modeling", 2018).  Undilated and all d to ``MOST_APART`` are tried; of equals the nearer.
        """
        sights = self._sights(genome)
        plain = (1,) * len(sights.stages)
        wanted = float(genome.get("reach", 0)) * self.input_shape.length
        if not wanted:
            return plain
        dilated = (sights.dilations(apart) for apart in range(1, MOST_APART + 1))

        def miss(dilations: tuple[int, ...]) -> float:
            seen = min(sights.reach(dilations), self.input_shape.length)
            return abs(math.log(seen / wanted))

        return min((plain, *dilated), key=miss)

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
        for stage, dilation in enumerate(self.dilations(genome), 1):
            block, kernel = str(genome[f"block{stage}"]), int(genome[f"kernel{stage}"])
            if block == "residual":
                chain.residual(f"stage{stage}", kernel, dilation)
                continue
            if block.startswith("pool"):
                chain.pool(f"stage{stage}_pool")
            chain.conv(
                f"stage{stage}",
                block.endswith("dwsep"),
                int(genome[f"width{stage}"]),
                kernel,
                int(genome[f"stride{stage}"]),
                dilation,
            )
        chain.head(str(genome["head"]), int(genome["hidden"]), self.outputs)
        return Network(name, self.input_shape, tuple(chain.nodes))

    def _without_loss(self, genome: Genome) -> dict[str, Value]:
        """The separable stages that pay nothing on the accelerator, as plain ones."""
        least, plain = self.npu.separable_from if self.npu else 0, dict[str, Value]()
        entry = int(genome["stem_width"])
        for stage in range(1, int(genome["stages"]) + 1):
            block = str(genome[f"block{stage}"])
            leave = entry if block == "residual" else int(genome[f"width{stage}"])
            if min(entry, leave) < least:
                plain[f"block{stage}"] = block.replace("dwsep", "conv")
            entry = leave
        return plain

    def _sights(self, genome: Genome) -> _Sights:
        step = stem_stride = int(genome["stem_stride"])
        reach, stages = int(genome["stem_kernel"]), []
        for stage in range(1, int(genome["stages"]) + 1):
            block = str(genome[f"block{stage}"])
            if block.startswith("pool"):
                reach, step = reach + step, 2 * step
            stages.append((int(genome[f"kernel{stage}"]) - 1, step))
            step *= 1 if block == "residual" else int(genome[f"stride{stage}"])
        return _Sights(reach, stem_stride, tuple(stages))

    def _skeleton(self, stages: int, width: int, stride: int) -> dict[str, Value]:
        """What of a TCN is not the first choice, but for its reach."""
        kernel = 5 if stride == 2 else 9
        return {
            "stem_kernel": max(k for k in self._first_kernels() if k <= kernel),
            "stem_stride": stride,
            "stages": stages,
            "stem_width": width,
            **{f"width{stage}": width for stage in range(1, stages + 1)},
        }

    def _strides(self) -> tuple[int, ...]:
        known = self.npu.strides if self.npu else STRIDES
        return tuple(s for s in known if s <= (4 if self.input_shape.length <= 256 else 8))

    def _first_kernels(self) -> tuple[int, ...]:
        longest = min(self.input_shape.length, self.npu.first_max_kernel if self.npu else 11)
        return tuple(k for k in STEM_KERNELS if k <= longest) or (1,)

    def _widths(self) -> tuple[int, ...]:
        multiple = self.npu.channel_multiple if self.npu else 1
        return tuple(width for width in WIDTHS if width % multiple == 0)


class _Sights(NamedTuple):
    """What a chain sees of the window, in samples.

    ``others`` is what stem and pools see.  Of each stage: its taps less one, and the samples from
    one step of its input to the next.
    """

    others: int
    stem_stride: int
    stages: tuple[tuple[int, int], ...]

    def reach(self, dilations: Sequence[int]) -> int:
        """Samples that one value before the head depends on, as ``graph.reach_of`` says."""
        more = zip(self.stages, dilations, strict=True)
        return self.others + sum(taps * step * dilation for (taps, step), dilation in more)

    def dilations(self, apart: int) -> tuple[int, ...]:
        """Of each stage, where the taps of the first lie ``apart`` steps behind the stem apart."""
        first = apart * self.stem_stride
        return tuple(max(1, (first << i) // step) for i, (_, step) in enumerate(self.stages))


class _Chain:
    """Nodes as they are added; ``shape`` is the last one's."""

    def __init__(self, shape: Shape, npu: LayerChoices | None) -> None:
        self.nodes: list[Node] = []
        self.npu = npu
        self.tensor, self.shape = INPUT, shape

    def add(self, name: str, op: Conv | DepthwiseConv | MaxPool | AvgPool) -> None:
        self.nodes.append(Node(name, op, (self.tensor,)))
        self.tensor, self.shape = name, op.output_shape((self.shape,))
        if self.shape.length < MIN_LENGTH:
            raise ValueError(f"{name} leaves a length of {self.shape.length}")

    def conv(
        self, name: str, separable: bool, width: int, kernel: int, stride: int, dilation: int = 1
    ) -> None:
        """A convolution, or a depthwise one and a pointwise one behind it."""
        pad = same_padding(kernel, dilation)
        if separable:
            self.add(f"{name}_depthwise", DepthwiseConv(kernel, stride, pad, dilation=dilation))
            self.add(f"{name}_pointwise", Conv(width, 1))
        else:
            self.add(name, Conv(width, kernel, stride, pad, dilation=dilation))

    def residual(self, name: str, kernel: int, dilation: int) -> None:
        """The sum of the tensor and a convolution of it."""
        before, width = self.tensor, self.shape.channels
        pad = same_padding(kernel, dilation)
        self.add(f"{name}_conv", Conv(width, kernel, 1, pad, relu=False, dilation=dilation))
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
    features: FeatureSet, config: Config, npu: LayerChoices | None, extra: tuple[Decision, ...]
) -> Space:
    """The chains for the data at hand; those that suit an accelerator where ``npu`` is given."""
    shape, positional = Shape(*features.train.x.shape[1:]), features.targets is not None
    return ChainSpace(shape, features.outputs, npu, extra, positional=positional)
