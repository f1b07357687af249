"""Quantization-aware training: the integer model as a differentiable torch module.

The forward pass computes the very integers of the contract: convolutions in float32 on integer
values (exact below 2^24) and rule R1 in int64.  The backward pass sees the real-valued layer
with its clamp instead: the straight-through estimator (Bengio et al., 2013).  Between layers
travel ``q - zero_point``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyml_nas.graph import INPUT, Node
from tinyml_nas.graph.integer import (
    IntAdd,
    IntAvgPool,
    IntConcat,
    IntConv,
    IntInterpolate,
    IntMaxPool,
    IntReshape,
    IntUpsample,
    Requantize,
)
from tinyml_nas.graph.ops import interpolation
from tinyml_nas.quantize.lower import Parameters, Scales, lower_node
from tinyml_nas.quantize.scheme import QMAX, QMIN, weight_scales
from tinyml_nas.train.builder import ConvBlock, NetworkModule, reshaped


class _StraightThrough(torch.autograd.Function):
    """Value of ``exact``, gradient of ``soft``."""

    @staticmethod
    def forward(ctx: Any, soft: Tensor, exact: Tensor) -> Tensor:
        return exact.to(soft.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _straight_through(soft: Tensor, exact: Tensor) -> Tensor:
    value: Tensor = _StraightThrough.apply(soft, exact)  # type: ignore[no-untyped-call]
    return value


class _RuleR1(torch.autograd.Function):
    """Rule R1 on ``product``, in its memory; the gradient is that of ``soft`` and its clamp.

    A seventh of a step went into the clamp's own gradient and into fresh int64 tensors.
    """

    @staticmethod
    def forward(
        ctx: Any, soft: Tensor, product: Tensor, shift: Tensor, low: int, high: int
    ) -> Tensor:
        ctx.save_for_backward(soft.clamp(low, high).eq_(soft))  # 1 inside, 0 outside, in float
        half = torch.ones_like(shift) << (shift - 1)
        shifted = product.add_(half).__irshift__(shift)
        return shifted.to(soft.dtype).clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None, None


class QuantizedModule(nn.Module):
    """A folded network with fixed activation scales; maps normalized (N, C, L) to logits.

    ``bits`` are those of a weight, by layer, where they differ from the network's; ``add_terms`` as
    in ``lower``.
    """

    def __init__(
        self,
        folded: NetworkModule,
        scales: Scales,
        bits: Mapping[str, int] | None = None,
        add_terms: int | None = None,
    ) -> None:
        super().__init__()
        self.folded = folded
        self.network = folded.network.with_weight_bits(bits or {})
        self.scales = scales
        self.add_terms = add_terms

    def forward(self, x: Tensor) -> Tensor:
        return self.real_tensors(x)[self.network.output].flatten(1)

    def real_tensors(self, x: Tensor) -> dict[str, Tensor]:
        """Every activation as the real number that its integer stands for."""
        entry = self.scales[INPUT]
        soft = (x / float(entry.scale)).clamp(QMIN - entry.zero_point, QMAX - entry.zero_point)
        centered = self.tensors(_straight_through(soft, soft.detach().round()))
        return {name: value * float(self.scales[name].scale) for name, value in centered.items()}

    def tensors(self, centered: Tensor) -> dict[str, Tensor]:
        """Every activation as integer-valued ``q - zero_point``, from that of the input."""
        tensors = {INPUT: centered}
        parameters = self.parameters_by_node()
        for node in self.network.nodes:
            inputs = [tensors[name] for name in node.inputs]
            tensors[node.name] = self._layer(node, inputs, parameters)
        return tensors

    def parameters_by_node(self) -> Parameters:
        """Folded weights and biases as the lowering takes them."""
        return folded_parameters(self.folded)

    def _layer(self, node: Node, inputs: list[Tensor], parameters: Parameters) -> Tensor:
        op = lower_node(self.network, node, parameters, self.scales, self.add_terms).op
        match op:
            case IntConv():
                return self._conv(node, op, inputs[0])
            case IntAvgPool():
                acc = _window_sums(_padded(inputs[0], op.pad), op.kernel, op.stride)
                soft = acc * (self._ratio(node, node.inputs[0]) / op.kernel)
                product = acc.detach().long().mul_(int(op.requantize.multiplier[0]))
                return self._rule_r1(node, op.requantize, soft, product)
            case IntMaxPool():
                padded = _padded(inputs[0], op.pad, -torch.inf)
                return F.max_pool1d(padded, op.kernel, op.stride)
            case IntAdd():
                return self._add(node, op, inputs)
            case IntConcat():
                return torch.cat(inputs, dim=1 if op.axis == "channels" else 2)
            case IntReshape():
                return reshaped(inputs[0], op.channels)
            case IntUpsample():
                return inputs[0].repeat_interleave(op.factor, dim=2)
            case IntInterpolate():
                return self._interpolate(node, op, inputs[0])

    def _conv(self, node: Node, op: IntConv, x: Tensor) -> Tensor:
        block = self.folded.get_submodule(node.name)
        assert isinstance(block, ConvBlock)
        assert block.conv.bias is not None
        weight, bias = block.conv.weight, block.conv.bias
        input_scale = float(self.scales[node.inputs[0]].scale)
        scales = weight_scales(_array(weight), _array(bias), input_scale, op.weight_bits)
        w_scale = torch.from_numpy(scales)
        w_scale = w_scale.to(weight.device)
        q_weight = _straight_through(
            weight / w_scale.view(-1, 1, 1), _tensor(op.weight.transpose(0, 2, 1), weight)
        )
        q_bias = _straight_through(bias / (input_scale * w_scale), _tensor(op.bias, bias))
        padded = _padded(x, op.pad)
        acc = F.conv1d(padded, q_weight, q_bias, op.stride, 0, op.dilation, op.groups)
        soft = acc * (w_scale * self._ratio(node, node.inputs[0])).view(-1, 1)
        product = acc.detach().long().mul_(_int64(op.requantize.multiplier, x))
        return self._rule_r1(node, op.requantize, soft, product)

    def _interpolate(self, node: Node, op: IntInterpolate, x: Tensor) -> Tensor:
        points = torch.tensor(interpolation(x.shape[2], op.length), device=x.device).T
        whole, weight = 2 * op.length, points[2].to(x.dtype)
        acc = x[:, :, points[0]] * (whole - weight) + x[:, :, points[1]] * weight
        soft = acc * (self._ratio(node, node.inputs[0]) / whole)
        product = acc.detach().long().mul_(int(op.requantize.multiplier[0]))
        return self._rule_r1(node, op.requantize, soft, product)

    def _add(self, node: Node, op: IntAdd, inputs: list[Tensor]) -> Tensor:
        ratios = [self._ratio(node, name) for name in node.inputs]
        if op.requantize.multiplier[1] < 0:
            ratios[1] = -ratios[1]
        soft = torch.stack([x * ratio for x, ratio in zip(inputs, ratios, strict=True)]).sum(0)
        multipliers = [int(m) for m in op.requantize.multiplier]
        products = [x.detach().long().mul_(m) for x, m in zip(inputs, multipliers, strict=True)]
        return self._rule_r1(node, op.requantize, soft, torch.stack(products).sum(0))

    def _rule_r1(self, node: Node, r1: Requantize, soft: Tensor, product: Tensor) -> Tensor:
        zero_point = self.scales[node.name].zero_point
        low, high = r1.lower - zero_point, r1.upper - zero_point
        value: Tensor = _RuleR1.apply(  # type: ignore[no-untyped-call]
            soft, product, _int64(r1.shift, product), low, high
        )
        return value

    def _ratio(self, node: Node, source: str) -> float:
        return float(self.scales[source].scale) / float(self.scales[node.name].scale)


def folded_parameters(folded: NetworkModule) -> Parameters:
    """Weight (out, in, kernel) and bias (out,) of every convolution and linear layer."""
    return {
        name: (_array(block.conv.weight), _array(block.conv.bias))
        for name, block in folded.named_children()
        if isinstance(block, ConvBlock)
    }


def _padded(x: Tensor, pad: tuple[int, int], value: float = 0.0) -> Tensor:
    return F.pad(x, pad, value=value) if any(pad) else x


def _window_sums(x: Tensor, kernel: int, stride: int) -> Tensor:
    if kernel == x.shape[2]:  # unfolding would cost its gradient a scatter
        return x.sum(2, keepdim=True)
    return x.unfold(2, kernel, stride).sum(-1)


def _array(parameter: Tensor | None) -> np.ndarray[Any, np.dtype[np.float32]]:
    assert parameter is not None
    array: np.ndarray[Any, np.dtype[np.float32]] = parameter.detach().cpu().float().numpy()
    return array


def _tensor(array: np.ndarray[Any, Any], like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(like.device, like.dtype)


def _int64(array: np.ndarray[Any, Any], like: Tensor) -> Tensor:
    return torch.from_numpy(array.astype(np.int64)).to(like.device).view(-1, 1)
