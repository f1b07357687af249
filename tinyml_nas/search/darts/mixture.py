"""The mixed operations of all edges that leave one state, as one matrix product.

Plain DARTS computes ``sum_k w_k * op_k(x)`` operation by operation; small one-dimensional nets
then spend their time in the overhead of hundreds of tiny kernels.  This module computes the very
same sum with a few large ones.  Tensors are laid out ``(channels, batch, length)``, so that a state
is a matrix of ``C`` rows and ``N * L`` columns:

1. The *rows* of a state are, for each channel, its seven shifted copies, then a row of ones, then
   its running maxima: ``8 C + 1`` rows.  Every primitive is linear in them, up to a ReLU.
2. Batch norm of a linear map needs no pass over its output: mean and variance follow from the
   second moments of the rows, one small Gram matrix.  They are folded into the kernels, and so are
   the weights of the mixture, for ``w * relu(y) = relu(w * y)`` where ``w >= 0``.
3. One product serves the three kernel sizes of all edges (a 3- or 5-tap kernel is a 7-tap one with
   masked taps); after the ReLU the kernel sizes are summed and the linear primitives (average
   pool, maximum pool, skip) added, whose matrix is the mixture itself.

All of it is one autograd function with a backward written out, since at these sizes autograd's own
bookkeeping would cost as much as the arithmetic.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.cells.primitives import CONV_KERNELS, PRIMITIVES

TAPS = 7
NORM_EPSILON = 1e-5
_AVERAGE, _MAXIMUM, _SKIP = (
    PRIMITIVES.index(name) for name in ("avg_pool_3x1", "max_pool_3x1", "skip_connect")
)
_CONVS = [PRIMITIVES.index(name) for name in CONV_KERNELS]


class Mixer:
    """The ``edges`` edges that leave one state of ``channels`` channels.

    At stride 2 a skip is a convolution with one tap and batch norm, without ReLU: a fourth kernel
    size.
    """

    def __init__(self, edges: int, channels: int, stride: int) -> None:
        self.edges, self.channels, self.stride = edges, channels, stride
        sizes = [*CONV_KERNELS.values(), *([1] if stride == 2 else [])]
        centre = torch.arange(TAPS) - TAPS // 2
        masks = torch.stack([(centre.abs() <= size // 2).float() for size in sizes])
        self.mask = masks.repeat_interleave(edges * channels, dim=0).repeat(1, channels)
        self.convs = _CONVS if stride == 1 else [*_CONVS, _SKIP]
        self.linear = [_AVERAGE, _MAXIMUM] if stride == 2 else [_AVERAGE, _MAXIMUM, _SKIP]
        self.basis = _linear_basis(channels)[: len(self.linear)].flatten(1)

    def spread(self, mixture: Tensor) -> tuple[Tensor, Tensor]:
        """Weights ``(edges, primitives)`` laid out for :meth:`__call__`.

        One factor for each row of the kernels, and the matrix of the linear primitives.
        """
        shares = mixture[:, self.convs].t().flatten().repeat_interleave(self.channels)
        linear = mixture[:, self.linear] @ self.basis
        return shares, linear.view(self.edges * self.channels, -1)

    def __call__(self, state: Tensor, kernels: Tensor, shares: Tensor, linear: Tensor) -> Tensor:
        """Mixed operations ``(edges, C, N, L')`` of ``state`` ``(C, N, L)``.

        ``kernels`` has the shape of ``mask`` and is zero where that is; no share is negative.
        """
        mixed: Tensor = _Mix.apply(state, kernels, shares, linear, self.stride)  # type: ignore[no-untyped-call]
        return mixed.view(self.edges, self.channels, state.shape[1], -1)


def _linear_basis(channels: int) -> Tensor:
    """Rows that a linear primitive takes: ``(average, maximum, skip; C; 8 C + 1)``."""
    basis = torch.zeros(3, channels, 8 * channels + 1)
    for channel in range(channels):
        centre = TAPS * channel + TAPS // 2
        basis[0, channel, centre - 1 : centre + 2] = 1 / 3
        basis[1, channel, TAPS * channels + 1 + channel] = 1.0
        basis[2, channel, centre] = 1.0
    return basis


class _Mix(torch.autograd.Function):
    """State, kernels, shares and linear matrix to ``(edges * C, N * L')``.

    Names below: ``taps`` are the rows that convolutions read (shifted copies and ones), ``through``
    is the gradient that passed the ReLU, ``d_x`` the gradient of ``x``.
    """

    @staticmethod
    def forward(
        ctx: Any, state: Tensor, kernels: Tensor, shares: Tensor, linear: Tensor, stride: int
    ) -> Tensor:
        rows = _rows(state, stride)
        taps = rows[: kernels.shape[1] + 1]
        gram = (taps @ taps.t()) / taps.shape[1]
        mean = gram[-1, :-1]
        by_covariance = kernels @ (gram[:-1, :-1] - torch.outer(mean, mean))
        variance = (by_covariance * kernels).sum(1).clamp_min_(0)
        inverse = torch.rsqrt(variance + NORM_EPSILON)
        scaled = kernels * (shares * inverse)[:, None]
        folded = torch.cat([scaled, -(scaled @ mean)[:, None]], dim=1)
        rectified = folded[: 3 * len(linear)]
        if stride == 2:
            linear = linear.clone()
            linear[:, : folded.shape[1]] += folded[3 * len(linear) :]
        positive = (rectified @ taps).relu_()
        result = positive.view(3, len(linear), -1).sum(0).addmm_(linear, rows)
        ctx.stride = stride
        ctx.save_for_backward(
            state, kernels, shares, rows, mean, by_covariance, inverse, rectified, linear, positive
        )
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        state, kernels, shares, rows, mean, by_covariance, inverse, rectified, linear, positive = (
            ctx.saved_tensors
        )
        taps = rows[: rectified.shape[1]]
        through = torch.ops.aten.threshold_backward(
            grad.expand(3, *grad.shape), positive.view(3, *grad.shape), 0
        ).view(positive.shape)
        d_folded = through @ taps.t()
        d_linear = None
        if ctx.needs_input_grad[3] or ctx.stride == 2:
            d_linear = grad @ rows.t()
            if ctx.stride == 2:
                d_folded = torch.cat([d_folded, d_linear[:, : len(taps)]])

        d_bias = d_folded[:, -1]
        d_scaled = torch.addr(d_folded[:, :-1], d_bias, mean, alpha=-1)
        scale = shares * inverse
        d_scale = (d_scaled * kernels).sum(1)
        d_variance = -0.5 * inverse**3 * shares * d_scale
        weighted = kernels * d_variance[:, None]
        d_kernels = None
        if ctx.needs_input_grad[1]:
            d_kernels = d_scaled * scale[:, None] + 2 * d_variance[:, None] * by_covariance

        d_gram = torch.zeros(len(taps), len(taps))  # already plus its transpose
        d_covariance = torch.mm(kernels.t(), weighted, out=d_gram[:-1, :-1])
        d_mean = -(kernels.t() @ (scale * d_bias)) - 2 * (d_covariance @ mean)
        d_covariance *= 2
        d_gram[-1, :-1] = d_gram[:-1, -1] = d_mean
        d_rows = linear.t() @ grad
        d_rows[: len(taps)].addmm_(rectified.t(), through)
        d_rows[: len(taps)].addmm_(d_gram, taps, alpha=1 / taps.shape[1])
        d_state = _rows_backward(d_rows, rows, state, ctx.stride)
        return d_state, d_kernels, d_scale * inverse, d_linear, None


def _rows(x: Tensor, stride: int) -> Tensor:
    """``(C, N, L)`` to ``(8 C + 1, N * L')``: shifted copies, ones, running maxima of three."""
    channels, batch, length = x.shape
    out_length = -(-length // stride)
    padded = F.pad(x, (TAPS // 2, TAPS // 2))
    rows = x.new_empty(8 * channels + 1, batch, out_length)
    shifted = padded.as_strided(
        (channels, TAPS, batch, out_length), (padded.stride(0), 1, padded.stride(1), stride)
    )
    rows[: TAPS * channels].view(shifted.shape).copy_(shifted)
    rows[TAPS * channels] = 1.0
    left, centre, right = _neighbours(x, stride)
    torch.maximum(torch.maximum(left, centre), right, out=rows[TAPS * channels + 1 :])
    return rows.view(len(rows), -1)


def _rows_backward(d_rows: Tensor, rows: Tensor, x: Tensor, stride: int) -> Tensor:
    """Gradient of ``x``: each copy shifted back, each maximum's given to the sample that won."""
    channels, batch, length = x.shape
    d_taps, _, d_maximum = d_rows.view(len(rows), batch, -1).split_with_sizes(
        [TAPS * channels, 1, channels]
    )
    maximum = rows[TAPS * channels + 1 :].view(d_maximum.shape)
    left, centre, _ = _neighbours(x, stride)
    to_centre = torch.where(centre == maximum, d_maximum, 0.0)
    d_maximum = d_maximum - to_centre
    to_left = torch.where(left == maximum, d_maximum, 0.0)
    shares = {2: to_left, 3: to_centre, 4: d_maximum - to_left}
    result = x.new_zeros(channels, batch, length + TAPS - 1)
    span = (maximum.shape[2] - 1) * stride + 1
    by_tap = d_taps.view(channels, TAPS, batch, -1).unbind(1)
    for tap in range(TAPS):
        window = result[:, :, tap : tap + span : stride]
        window += by_tap[tap]
        if tap in shares:
            window += shares[tap]
    return result[:, :, TAPS // 2 : TAPS // 2 + length]


def _neighbours(x: Tensor, stride: int) -> list[Tensor]:
    """Left neighbour, sample and right neighbour of every output; padding never wins."""
    padded = F.pad(x, (1, 1), value=-torch.inf)
    span = (-(-x.shape[2] // stride) - 1) * stride + 1
    return [padded[:, :, shift : shift + span : stride] for shift in range(3)]
