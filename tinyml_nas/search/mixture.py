"""The mixed operations of all edges that leave one state, as one matrix product.

Plain DARTS computes ``sum_k w_k * op_k(x)`` operation by operation; small one-dimensional nets
then spend their time in the overhead of hundreds of tiny kernels.  This module computes the very
same sum with a few large ones.  Tensors are laid out ``(channels, batch, length)``, so that a state
is a matrix of ``C`` rows and ``N * L`` columns:

1. :func:`columns` stacks, for each channel, its seven shifted copies, then a row of ones, then its
   running maxima: ``8 C + 1`` rows.  Every primitive is now linear in these rows, up to a ReLU.
2. Batch norm of a linear map needs no pass over its output: mean and variance follow from the
   second moments of the rows (:func:`moments`, one small Gram matrix).  They are folded into the
   kernels, and so are the weights of the mixture, for ``w * relu(y) = relu(w * y)`` where ``w >=
   0``.
3. :func:`mix` multiplies once for the three kernel sizes of all edges (a 3- or 5-tap kernel is a
   7-tap one with masked taps), applies the ReLU, sums over kernel sizes and adds the linear
   primitives (average pool, maximum pool, skip), whose weights are the mixture itself.

The functions with a ``backward`` of their own are those where generic autograd would copy.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.primitives import CONV_KERNELS, PRIMITIVES

TAPS = 7
NORM_EPSILON = 1e-5
_AVERAGE, _MAXIMUM, _SKIP = (
    PRIMITIVES.index(name) for name in ("avg_pool_3x1", "max_pool_3x1", "skip_connect")
)
_CONVS = [PRIMITIVES.index(name) for name in CONV_KERNELS]


class Mixer:
    """Folds kernels and mixture weights of ``edges`` edges of one state into matrices.

    At stride 2 a skip is a convolution with one tap and batch norm, without ReLU: a fourth kernel
    size.
    """

    def __init__(self, edges: int, channels: int, stride: int) -> None:
        self.edges, self.channels, self.stride = edges, channels, stride
        sizes = [*CONV_KERNELS.values(), *([1] if stride == 2 else [])]
        centre = torch.arange(TAPS) - TAPS // 2
        masks = torch.stack([(centre.abs() <= size // 2).float() for size in sizes])
        self.kernel_shape = (len(sizes) * edges * channels, TAPS * channels)
        self.mask = masks.repeat_interleave(edges * channels, dim=0).repeat(1, channels)
        self.convs = _CONVS if stride == 1 else [*_CONVS, _SKIP]
        self.linear = [_AVERAGE, _MAXIMUM] if stride == 2 else [_AVERAGE, _MAXIMUM, _SKIP]
        self.basis = _linear_basis(channels)[: len(self.linear)].flatten(1)

    def __call__(self, state: Tensor, kernels: Tensor, mixture: Tensor) -> Tensor:
        """Mixed operations ``(edges, C, N, L')`` of ``state`` ``(C, N, L)``.

        ``kernels`` has ``kernel_shape``; ``mixture`` is ``(edges, primitives)``, not negative.
        """
        rows = columns(state, self.stride)
        gram = moments(rows, TAPS * self.channels + 1)
        rectified, linear = self._fold(kernels * self.mask, mixture, gram)
        mixed = mix(rectified, linear, rows)
        return mixed.view(self.edges, self.channels, state.shape[1], -1)

    def _fold(self, kernels: Tensor, mixture: Tensor, gram: Tensor) -> tuple[Tensor, Tensor]:
        mean = gram[-1, :-1]
        covariance = gram[:-1, :-1] - torch.outer(mean, mean)
        variance = ((kernels @ covariance) * kernels).sum(1).clamp_min(0)
        shares = mixture[:, self.convs].t().flatten().repeat_interleave(self.channels)
        scaled = kernels * (shares * torch.rsqrt(variance + NORM_EPSILON))[:, None]
        folded = torch.cat([scaled, -(scaled @ mean)[:, None]], dim=1)
        linear = (mixture[:, self.linear] @ self.basis).view(self.edges * self.channels, -1)
        if self.stride == 1:
            return folded, linear
        rectified, skip = torch.split_with_sizes(folded, [3 * len(linear), len(linear)])
        return rectified, linear + F.pad(skip, (0, self.channels))


def _linear_basis(channels: int) -> Tensor:
    """Rows that a linear primitive takes: ``(average, maximum, skip; C; 8 C + 1)``."""
    basis = torch.zeros(3, channels, 8 * channels + 1)
    for channel in range(channels):
        centre = TAPS * channel + TAPS // 2
        basis[0, channel, centre - 1 : centre + 2] = 1 / 3
        basis[1, channel, TAPS * channels + 1 + channel] = 1.0
        basis[2, channel, centre] = 1.0
    return basis


class _Columns(torch.autograd.Function):
    """``(C, N, L)`` to ``(8 C + 1, N * L')``: shifted copies, ones, running maxima of three."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, stride: int) -> Tensor:
        channels, batch, length = x.shape
        out_length, half = -(-length // stride), TAPS // 2
        padded = F.pad(x, (half, half))
        rows = x.new_empty(8 * channels + 1, batch, out_length)
        shifted = padded.as_strided(
            (channels, TAPS, batch, out_length),
            (padded.stride(0), 1, padded.stride(1), stride),
        )
        rows[: TAPS * channels].view(shifted.shape).copy_(shifted)
        rows[TAPS * channels] = 1.0
        left, centre, right = _neighbours(x, stride)
        torch.maximum(torch.maximum(left, centre), right, out=rows[TAPS * channels + 1 :])
        ctx.save_for_backward(x, rows)
        ctx.stride = stride
        return rows.view(len(rows), -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, rows = ctx.saved_tensors
        stride: int = ctx.stride
        channels, batch, length = x.shape
        grad = grad.view(rows.shape)
        by_tap = grad[: TAPS * channels].view(channels, TAPS, batch, -1)
        of_maximum, maximum = grad[TAPS * channels + 1 :], rows[TAPS * channels + 1 :]
        left, centre, _ = _neighbours(x, stride)
        from_centre = of_maximum * (centre == maximum)
        from_left = (of_maximum - from_centre) * (left == maximum)
        shares = {2: from_left, 3: from_centre, 4: of_maximum - from_centre - from_left}
        result = x.new_zeros(channels, batch, length + TAPS - 1)
        span = (rows.shape[2] - 1) * stride + 1
        for tap in range(TAPS):
            window = result[:, :, tap : tap + span : stride]
            window += by_tap[:, tap]
            if tap in shares:
                window += shares[tap]
        return result[:, :, TAPS // 2 : TAPS // 2 + length], None


def _neighbours(x: Tensor, stride: int) -> list[Tensor]:
    """Left neighbour, sample and right neighbour of every output; padding never wins."""
    padded = F.pad(x, (1, 1), value=-torch.inf)
    span = (-(-x.shape[2] // stride) - 1) * stride + 1
    return [padded[:, :, shift : shift + span : stride] for shift in range(3)]


class _Moments(torch.autograd.Function):
    """Second moments of the first ``count`` rows, the row of ones (so the means) included."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.count = count
        return (rows[:count] @ rows[:count].t()) / rows.shape[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        count: int = ctx.count
        result = torch.empty_like(rows)
        torch.mm((grad + grad.t()) / rows.shape[1], rows[:count], out=result[:count])
        result[count:] = 0.0
        return result, None


class _Mix(torch.autograd.Function):
    """``sum over kernel sizes of relu(rectified @ rows) + linear @ rows``."""

    @staticmethod
    def forward(ctx: Any, rectified: Tensor, linear: Tensor, rows: Tensor) -> Tensor:
        taps = rows[: rectified.shape[1]]
        positive = (rectified @ taps).relu_()
        result = positive.view(3, len(linear), -1).sum(0).addmm_(linear, rows)
        ctx.save_for_backward(rectified, linear, rows, positive)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rectified, linear, rows, positive = ctx.saved_tensors
        count = rectified.shape[1]
        through = torch.ops.aten.threshold_backward(
            grad.expand(3, *grad.shape), positive.view(3, *grad.shape), 0
        ).view(positive.shape)
        to_rows = linear.t() @ grad
        to_rows[:count].addmm_(rectified.t(), through)
        return through @ rows[:count].t(), grad @ rows.t(), to_rows


def columns(state: Tensor, stride: int) -> Tensor:
    """The ``8 C + 1`` rows of ``state``; see :class:`_Columns`."""
    rows: Tensor = _Columns.apply(state, stride)  # type: ignore[no-untyped-call]
    return rows


def moments(rows: Tensor, count: int) -> Tensor:
    """Second moments of the first ``count`` rows; see :class:`_Moments`."""
    gram: Tensor = _Moments.apply(rows, count)  # type: ignore[no-untyped-call]
    return gram


def mix(rectified: Tensor, linear: Tensor, rows: Tensor) -> Tensor:
    """The weighted sum of all primitives; see :class:`_Mix`."""
    mixed: Tensor = _Mix.apply(rectified, linear, rows)  # type: ignore[no-untyped-call]
    return mixed
