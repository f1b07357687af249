"""Weight sharing: one set of superkernels that every network of the chain space cuts its own from.

A superkernel is as wide and as long as the largest choice of its node.  A network takes the first
channels and the middle taps of it, so convolutions with 3, 5 and 7 taps and all widths learn from
each other's steps.  Linear layers behind a pool keep one superkernel for each kind of pool, those
that read every step another one, whose middle steps a shorter signal takes.  The
largest kernel decides the scale of the initial weights: norms take it out again, and behind the
classifier small logits do no harm.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tinyml_nas import interrupts
from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.graph import Concat, Conv, DepthwiseConv, Linear, Network, Node
from tinyml_nas.search.evaluator import train_module
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.train.builder import NetworkModule
from tinyml_nas.train.recipe import Recipe
from tinyml_nas.train.seeding import generator

STEPS = "steps"
"""Name of the input of a linear layer that no pool precedes, whichever layer that input is."""
KernelShape = tuple[int, ...]
"""Output channels, input channels, taps."""


class Supernet(nn.Module):
    """The superkernels and norms of ``space``."""

    def __init__(self, space: ChainSpace, generator: torch.Generator) -> None:
        super().__init__()
        self.shared = nn.ParameterDict()
        self.statistics: dict[str, Tensor] = {}
        for key, shape in _largest(space).items():
            kernel = nn.init.kaiming_normal_(
                torch.empty(shape), nonlinearity="relu", generator=generator
            )
            node, width = key.partition("<")[0], shape[0]
            self.shared[key] = nn.Parameter(kernel)
            self.shared[f"{node}/bias"] = nn.Parameter(torch.zeros(width))
            self.shared[f"{node}/scale"] = nn.Parameter(torch.ones(width))
            self.statistics[f"{node}/mean"] = torch.zeros(width)
            self.statistics[f"{node}/var"] = torch.ones(width)

    def weights(self, network: Network) -> dict[str, Tensor]:
        """Parameters and statistics of ``network``'s module by their names there, all views."""
        weights: dict[str, Tensor] = {}
        for node in network.nodes:
            pieces = [_cut(self.shared[key], shape) for key, shape in _pieces(network, node)]
            if not pieces:
                continue
            name, width = node.name, pieces[0].shape[0]
            weights[f"{name}.conv.weight"] = pieces[0] if len(pieces) == 1 else torch.cat(pieces, 1)
            bias = self.shared[f"{name}/bias"][:width]
            if isinstance(node.op, Linear) or not node.op.norm:  # type: ignore[attr-defined]
                weights[f"{name}.conv.bias"] = bias
                continue
            weights[f"{name}.norm.weight"] = self.shared[f"{name}/scale"][:width]
            weights[f"{name}.norm.bias"] = bias
            weights[f"{name}.norm.running_mean"] = self.statistics[f"{name}/mean"][:width]
            weights[f"{name}.norm.running_var"] = self.statistics[f"{name}/var"][:width]
        return weights

    def inherited(self, network: Network) -> NetworkModule:
        """``network`` as a module of its own, with a copy of its part of the weights."""
        module = _skeleton(network).to_empty(device="cpu")
        own = {name: value.detach().clone() for name, value in self.weights(network).items()}
        counters = {n: torch.tensor(0) for n in module.state_dict() if n not in own}
        module.load_state_dict({**own, **counters})
        return module


class SinglePath(nn.Module):
    """The supernet along one of ``networks``, drawn uniformly anew for every batch."""

    def __init__(
        self, supernet: Supernet, networks: Sequence[Network], draw: random.Random
    ) -> None:
        super().__init__()
        self.supernet = supernet
        self._skeletons = [_skeleton(network) for network in networks]
        self._draw = draw

    def forward(self, x: Tensor) -> Tensor:
        interrupts.check()
        skeleton = self._draw.choice(self._skeletons)
        logits: Tensor = functional_call(skeleton, self.supernet.weights(skeleton.network), (x,))
        return logits


def warm_up(
    supernet: Supernet,
    networks: Sequence[Network],
    share: Examples,
    features: FeatureSet,
    recipe: Recipe,
    draw: random.Random,
    seed: int,
) -> None:
    """Train ``supernet`` in place on ``share``, each batch along one of ``networks``."""
    if len(share) > 1:
        train_module(SinglePath(supernet, networks, draw), share, features, recipe, seed)


def share_of(examples: Examples, level: float, seed: int) -> Examples:
    """A random ``level`` of the examples: none at 0, all at 1; a smaller share is part of a larger.

    Every epoch of a warm-up passes through this same share.
    """
    order = torch.randperm(len(examples), generator=generator(seed, "supernet", "share"))
    return examples.taken(order[: round(level * len(examples))].numpy())


def _skeleton(network: Network) -> NetworkModule:
    """The module of ``network`` without weights, to be called with others'."""
    with torch.device("meta"):
        return NetworkModule(network).train()


def _largest(space: ChainSpace) -> dict[str, KernelShape]:
    """By name the superkernels of ``space``: each as large as its node can get."""
    choices = {decision.name: decision.choices for decision in space.decisions}
    wide = {name: max(c) for name, c in choices.items() if not isinstance(c[0], str)}
    long = {name: min(c) for name, c in choices.items() if "stride" in name}
    blocks = [block for block in choices["block1"] if not str(block).startswith("pool")]
    shapes: dict[str, KernelShape] = {}
    for stem, block, head, hidden in itertools.product(
        choices["stem"], blocks, choices["head"], choices["hidden"]
    ):
        kinds = {name: block for name in choices if name.startswith("block")}
        genome = {**wide, **long, **kinds, "stem": stem, "head": head, "hidden": hidden}
        network = space.network(genome, "largest")
        for node in network.nodes:
            for key, shape in _pieces(network, node):
                known = shapes.get(key, shape)
                shapes[key] = tuple(max(pair) for pair in zip(known, shape, strict=True))
    return shapes


def _pieces(network: Network, node: Node) -> list[tuple[str, KernelShape]]:
    """Superkernels that ``node`` cuts its weights from, with its sizes.

    Several where the input of a linear layer is a concat: each part has its own.
    """
    width = network.shapes[node.name].channels
    match node.op:
        case DepthwiseConv() as op:
            return [(node.name, (width, 1, op.kernel))]
        case Conv() as op:
            return [(node.name, (width, network.input_shapes(node)[0].channels, op.kernel))]
        case Linear():
            parts = {part: network.shapes[part] for part in _parts(network, node.inputs[0])}
            return [
                (f"{node.name}<{STEPS if shape.length > 1 else part}", (width, *shape))
                for part, shape in parts.items()
            ]
    return []


def _parts(network: Network, name: str) -> tuple[str, ...]:
    """The tensors that ``name`` concatenates; itself where it is no concat."""
    inputs = [n.inputs for n in network.nodes if n.name == name and isinstance(n.op, Concat)]
    return inputs[0] if inputs else (name,)


def _cut(kernel: Tensor, shape: KernelShape) -> Tensor:
    """First channels, middle taps."""
    start = (kernel.shape[2] - shape[2]) // 2
    return kernel[: shape[0], : shape[1], start : start + shape[2]]
