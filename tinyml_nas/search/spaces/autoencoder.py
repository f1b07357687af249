"""The autoencoder space: strided stages down to a narrow code, and the same way back.

What a network must not be able to do is to copy: so the code has fewer values than the input.  The
way back takes every length that the way down has left, whatever its parity.

For a device with an accelerator of TI every convolution on the way keeps its rules.  What it does
not take stays on the core: making the signal longer again, the last convolution where the signal's
channels break a rule, and the difference to the signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinyml_nas.config import Config
from tinyml_nas.cost.npu.suited import LayerChoices
from tinyml_nas.features import FeatureSet
from tinyml_nas.graph import (
    INPUT,
    Conv,
    DepthwiseConv,
    Interpolate,
    Network,
    Node,
    Op,
    Shape,
    Upsample,
    residual_of,
)
from tinyml_nas.graph.ops import same_padding
from tinyml_nas.search.spaces.space import Decision, Genome, Space, Value

MAX_STAGES = 4
WIDTHS = (4, 8, 12, 16, 24, 32, 48)
KERNELS = (3, 5, 7, 9)
STRIDES = (1, 2, 4)
CODES = (1, 2, 4, 8, 16)
PARTS = ("block", "kernel", "stride", "width")


@dataclass(frozen=True)
class AutoencoderSpace:
    """Autoencoders for windows of ``input_shape``, as far as that goes legal under ``npu``.

    ``extra`` decisions ride along.
    """

    input_shape: Shape
    npu: LayerChoices | None = None
    extra: tuple[Decision, ...] = ()

    name = "autoencoder"
    skeletons = ()

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Number of stages, each stage, the channels of the code; then ``extra``."""
        decisions = [Decision("stages", tuple(range(1, MAX_STAGES + 1)))]
        for stage in range(1, MAX_STAGES + 1):
            decisions += [
                Decision(f"block{stage}", self._blocks(stage)),
                Decision(f"kernel{stage}", self._kernels()),
                Decision(f"stride{stage}", self._strides()),
                Decision(f"width{stage}", self._legal(WIDTHS)),
            ]
        multiple = self.npu.code_multiple if self.npu else 1
        codes = tuple(code for code in CODES if code % multiple == 0)
        return (*decisions, Decision("code", codes), *self.extra)

    def canonical(self, genome: Genome) -> dict[str, Value]:
        """Unused stages at their first choice."""
        result = {d.name: genome.get(d.name, d.choices[0]) for d in self.decisions}
        first = {d.name: d.choices[0] for d in self.decisions}
        for stage in range(int(result["stages"]) + 1, MAX_STAGES + 1):
            result |= {f"{part}{stage}": first[f"{part}{stage}"] for part in PARTS}
        return result

    def network(self, genome: Genome, name: str) -> Network:
        """The autoencoder of ``genome``; raises ``ValueError`` where its code is no narrower."""
        chain = _Chain(self.input_shape)
        lengths, channels = [self.input_shape.length], self.input_shape.channels
        stages = range(1, int(genome["stages"]) + 1)
        for stage in stages:
            chain.conv(f"down{stage}", genome, stage, int(genome[f"width{stage}"]), strided=True)
            lengths.append(chain.shape.length)
        chain.add("code", Conv(int(genome["code"]), 1))
        if chain.shape.size >= self.input_shape.size:
            raise ValueError(f"a code of {chain.shape.size} values could copy the window")
        for stage in reversed(stages):
            chain.stretch(f"stretch{stage}", lengths[stage - 1])
            width = int(genome[f"width{stage - 1}"]) if stage > 1 else int(genome["width1"])
            chain.conv(f"up{stage}", genome, stage, width, strided=False)
        chain.add("reconstruction", Conv(channels, 1, norm=False, relu=False))
        return residual_of(Network(name, self.input_shape, tuple(chain.nodes)))

    def _blocks(self, stage: int) -> tuple[str, ...]:
        legal = stage > 1 or bool(self._legal((self.input_shape.channels,)))
        pays = self.npu is None or not self.npu.separable_from
        return ("conv", "dwsep") if legal and pays else ("conv",)

    def _legal(self, channels: tuple[int, ...]) -> tuple[int, ...]:
        multiple = self.npu.channel_multiple if self.npu else 1
        return tuple(count for count in channels if count % multiple == 0)

    def _kernels(self) -> tuple[int, ...]:
        if self.npu is None:
            return KERNELS
        longest = min(self.npu.first_max_kernel, self.npu.max_kernel)
        return tuple(kernel for kernel in KERNELS if kernel <= longest)

    def _strides(self) -> tuple[int, ...]:
        return tuple(s for s in STRIDES if self.npu is None or s in self.npu.strides)


class _Chain:
    """Nodes as they are added; ``shape`` is the last one's."""

    def __init__(self, shape: Shape) -> None:
        self.nodes: list[Node] = []
        self.tensor, self.shape = INPUT, shape

    def add(self, name: str, op: Op) -> None:
        self.nodes.append(Node(name, op, (self.tensor,)))
        self.tensor, self.shape = name, op.output_shape((self.shape,))

    def conv(self, name: str, genome: Genome, stage: int, width: int, *, strided: bool) -> None:
        """The convolution of a stage, or a depthwise one and a pointwise one behind it."""
        kernel = int(genome[f"kernel{stage}"])
        stride = int(genome[f"stride{stage}"]) if strided else 1
        pad = same_padding(kernel)
        if genome[f"block{stage}"] == "dwsep":
            self.add(f"{name}_depthwise", DepthwiseConv(kernel, stride, pad))
            self.add(f"{name}_pointwise", Conv(width, 1))
        else:
            self.add(name, Conv(width, kernel, stride, pad))

    def stretch(self, name: str, length: int) -> None:
        """As many steps as before the stride."""
        factor, rest = divmod(length, self.shape.length)
        if length != self.shape.length:
            self.add(name, Interpolate(length) if rest else Upsample(factor))


def make_space(
    features: FeatureSet, config: Config, npu: LayerChoices | None, extra: tuple[Decision, ...]
) -> Space:
    """The autoencoders for the data at hand; ``npu`` is what suits an accelerator."""
    return AutoencoderSpace(Shape(*features.train.x.shape[1:]), npu, extra)
