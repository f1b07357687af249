"""The mixed operations of all edges that leave one state, as a few large matrix products.

Plain DARTS computes ``sum_k w_k * op_k(x)`` operation by operation; small one-dimensional nets
then spend their time in the overhead of hundreds of tiny kernels.  This module computes the very
same sum with a few large ones.  Tensors are laid out ``(channels, batch, length)``, so that a state
is a matrix of ``C`` rows and ``N * L`` columns:

1. The *rows* of a state are a row of ones, its shifted copies from the center outwards, and its
   running maxima: ``8 C + 1`` rows, gathered once for all edges and primitives.
2. The convolutions of one kernel size, on all edges, are one *branch*: one product with the first
   ``size * C`` copies.  The row of ones subtracts the mean of the output, which is the kernel times
   the mean of the rows; so batch norm is left with one pass for the variance.
3. Average pool, maximum pool and skip are sums of whole copies with one factor for each edge: a
   product of a matrix with as many rows as there are edges.

Where one operation is sampled for each edge, a branch takes only the edges that drew it.  All of
it is one autograd function with a backward written out, since at these sizes autograd's own
bookkeeping would cost as much as the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.cells.primitives import CONV_KERNELS, PRIMITIVES

NORM_EPSILON = 1e-5
_AVERAGE, _MAXIMUM, _SKIP = (
    PRIMITIVES.index(name) for name in ("avg_pool_3x1", "max_pool_3x1", "skip_connect")
)
_CENTRE_OUT = (0, -1, 1, -2, 2, -3, 3)
"""Shifts of the copies in the order of the rows: a kernel of ``size`` taps reads the first."""
_BASIS = torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0.0], [0, 0, 0, 1.0], [1.0, 0, 0, 0]])
"""Average, maximum and skip as factors of the first three copies and of the running maxima."""


@dataclass(frozen=True)
class Branch:
    """Convolutions of one kernel size; a skip at stride 2 is one of one tap, without ReLU."""

    primitive: int
    size: int
    rectified: bool = True


CONVOLUTIONS = tuple(Branch(PRIMITIVES.index(n), size) for n, size in CONV_KERNELS.items())
STRIDED_SKIP = Branch(_SKIP, 1, rectified=False)


@dataclass(frozen=True)
class Selection:
    """What is computed: branches, the edges of each (``None``: all), and how many copies it takes.

    ``linear`` says whether a pool or a skip takes part.
    """

    stride: int
    branches: tuple[Branch, ...]
    edges: tuple[tuple[int, ...] | None, ...]
    copies: int = 7
    linear: bool = True


@dataclass(frozen=True)
class Mixer:
    """The ``edges`` edges that leave one state of ``channels`` channels."""

    edges: int
    channels: int
    stride: int

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Everything that has weights."""
        return CONVOLUTIONS if self.stride == 1 else (*CONVOLUTIONS, STRIDED_SKIP)

    @property
    def shapes(self) -> Iterator[tuple[int, int]]:
        """Shape ``(edges * C, size * C)`` of each branch's kernels, edge by edge.

        Columns follow the copies: shift by shift, channel by channel.
        """
        rows = self.edges * self.channels
        return ((rows, branch.size * self.channels) for branch in self.branches)

    def __call__(
        self,
        state: Tensor,
        kernels: Sequence[Tensor],
        mixture: Tensor,
        sample: tuple[int, ...] | None = None,
    ) -> Tensor:
        """Mixed operations ``(edges, C, N, L')`` of ``state`` ``(C, N, L)``.

        ``mixture`` ``(edge, primitive)`` weighs the operations and is never negative; with a
        ``sample``, one primitive for each edge, only those are computed.
        """
        chosen = _everything(self) if sample is None else _drawn(self, sample)
        pools = [_AVERAGE, _MAXIMUM, *([_SKIP] if self.stride == 1 else [])]
        if sample is not None:  # a primitive that was not drawn passes no gradient, pools as well
            mixture = mixture * F.one_hot(torch.tensor(sample), len(PRIMITIVES))
        linear = mixture[:, pools] @ _BASIS[: len(pools)]
        parts, shares = [], []
        for branch, edges in zip(chosen.branches, chosen.edges, strict=True):
            kernel = kernels[self.branches.index(branch)]
            share = mixture[:, branch.primitive]
            if edges is not None:
                kernel = kernel.view(self.edges, self.channels, -1)[list(edges)].flatten(0, 1)
                share = share[list(edges)]
            parts.append(kernel)
            shares.append(share)
        share = torch.cat(shares) if shares else mixture.new_empty(0)
        mixed: Tensor = _Mix.apply(state, linear, share, chosen, *parts)  # type: ignore[no-untyped-call]
        return mixed.view(self.edges, self.channels, state.shape[1], -1)


@cache
def _everything(mixer: Mixer) -> Selection:
    return Selection(mixer.stride, mixer.branches, (None,) * len(mixer.branches))


def _drawn(mixer: Mixer, sample: tuple[int, ...]) -> Selection:
    """Only what ``sample`` drew."""
    drawn = {
        branch: tuple(e for e, primitive in enumerate(sample) if primitive == branch.primitive)
        for branch in mixer.branches
        if branch.primitive in sample
    }
    linear = any(p in sample for p in (_AVERAGE, _MAXIMUM)) or (
        mixer.stride == 1 and _SKIP in sample
    )
    edges = tuple(None if len(e) == mixer.edges else e for e in drawn.values())
    longest = max((branch.size for branch in drawn), default=1)
    return Selection(
        mixer.stride, tuple(drawn), edges, max(3, longest) if linear else longest, linear
    )


class _Mix(torch.autograd.Function):
    """State, linear factors ``(edges, 4)``, shares and kernels to ``(edges * C, N * L')``.

    ``shares`` has one entry for each edge of each branch.  Names below: ``y`` are the outputs of
    all branches, less their means, ``inverse`` one over their standard deviations, ``through`` the
    gradient that passed the ReLU, ``d_x`` the gradient of ``x``.
    """

    @staticmethod
    def forward(
        ctx: Any, state: Tensor, linear: Tensor, shares: Tensor, chosen: Selection, *kernels: Tensor
    ) -> Tensor:
        channels, ctx.chosen = len(state), chosen
        rows = _rows(state, chosen)
        result = _linear(linear, rows, channels, chosen)
        if not kernels:
            ctx.save_for_backward(state, linear, rows)
            return result
        mean = rows.mean(1)
        y = rows.new_empty(len(shares) * channels, rows.shape[1])
        for kernel, part in _parts(kernels):
            taps = 1 + kernel.shape[1]
            centered = torch.cat([-(kernel @ mean[1:taps])[:, None], kernel], dim=1)
            torch.mm(centered, rows[:taps], out=y[part])
        power = torch.linalg.vector_norm(y, dim=1).square_().div_(y.shape[1])
        inverse = power.add_(NORM_EPSILON).rsqrt_()
        scale = (shares.repeat_interleave(channels) * inverse)[:, None]
        rectified = _rectified(chosen, kernels)
        _add(result, y[:rectified].relu(), scale[:rectified], chosen, channels)
        if rectified < len(y):
            _add(result, y[rectified:], scale[rectified:], chosen, channels, skip=True)
        ctx.save_for_backward(state, linear, rows, y, inverse, scale, *kernels)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        state, linear, rows, *rest = ctx.saved_tensors
        chosen, channels = ctx.chosen, len(state)
        d_rows = torch.empty_like(rows)
        d_linear = _linear_backward(grad, linear, rows, d_rows, channels, ctx)
        if not rest:
            return _rows_backward(d_rows, rows, state, chosen), d_linear, None, None
        y, inverse, scale, *kernels = rest
        through = _through(grad, y, chosen, kernels, channels)
        dots = torch.linalg.vecdot(through, y)
        # Batch norm: what the standard deviation and the mean take back.
        center = through.mean(1, keepdim=True)
        through.addcmul_(y, (dots * inverse.square()).div_(-y.shape[1])[:, None])
        through.sub_(center)
        d_kernels: list[Tensor | None] = []
        for number, (kernel, part) in enumerate(_parts(kernels)):
            taps = slice(1, 1 + kernel.shape[1])
            d_rows[taps].addmm_((kernel * scale[part]).t(), through[part])
            needed = ctx.needs_input_grad[4 + number]
            d_kernel = (through[part] @ rows[taps].t()).mul_(scale[part]) if needed else None
            d_kernels.append(d_kernel)
        d_shares = (dots * inverse).view(-1, channels).sum(1)
        d_state = _rows_backward(d_rows, rows, state, chosen)
        return d_state, d_linear, d_shares, None, *d_kernels


def _parts(kernels: Sequence[Tensor]) -> Iterator[tuple[Tensor, slice]]:
    """Each branch's kernels and the rows of its outputs."""
    start = 0
    for kernel in kernels:
        yield kernel, slice(start, start + len(kernel))
        start += len(kernel)


def _rectified(chosen: Selection, kernels: Sequence[Tensor]) -> int:
    """How many rows of the outputs pass a ReLU; a strided skip comes last."""
    pairs = zip(chosen.branches, kernels, strict=True)
    return sum(len(kernel) for branch, kernel in pairs if branch.rectified)


def _edges(chosen: Selection, *, skip: bool) -> tuple[int, ...] | None:
    """The edges of all convolutions in turn, or of the strided skip; ``None`` where it is all."""
    pairs = zip(chosen.branches, chosen.edges, strict=True)
    lists = [edges for branch, edges in pairs if branch.rectified != skip]
    if any(edges is None for edges in lists):
        return None
    return tuple(edge for edges in lists if edges is not None for edge in edges)


def _add(
    result: Tensor, y: Tensor, scale: Tensor, chosen: Selection, channels: int, skip: bool = False
) -> None:
    """Add the scaled rows of branches to the rows of their edges."""
    edges = _edges(chosen, skip=skip)
    if edges is None:
        for start in range(0, len(y), len(result)):
            part = slice(start, start + len(result))
            result.addcmul_(y[part], scale[part])
    elif edges:
        flat = result.view(len(result) // channels, -1)
        flat.index_add_(0, torch.tensor(edges), (y * scale).view(len(edges), -1))


def _through(
    grad: Tensor, y: Tensor, chosen: Selection, kernels: Sequence[Tensor], channels: int
) -> Tensor:
    """The gradient of each row of ``y``, before its scale, where it passed the ReLU."""
    rectified = _rectified(chosen, kernels)
    through = torch.empty_like(y)
    for skip, part in ((False, slice(rectified)), (True, slice(rectified, None))):
        edges, active = _edges(chosen, skip=skip), through[part]
        if not len(active):
            continue
        if edges is None:
            shape = len(active) // len(grad), *grad.shape
            received, outputs, active = grad.expand(shape), y[part].view(shape), active.view(shape)
        else:
            by_edge = grad.view(len(grad) // channels, -1)
            received, outputs = by_edge[list(edges)].view(active.shape), y[part]
        if skip:
            active.copy_(received)
        else:
            torch.ops.aten.threshold_backward.grad_input(received, outputs, 0, grad_input=active)
    return through


def _linear(linear: Tensor, rows: Tensor, channels: int, chosen: Selection) -> Tensor:
    """Pools and skips: ``(edges * C, N * L')``."""
    shape = len(linear) * channels, rows.shape[1]
    if not chosen.linear:
        return rows.new_zeros(shape)
    result = linear[:, :3] @ rows[1 : 1 + 3 * channels].view(3, -1)
    return result.addmm_(linear[:, 3:], rows[-channels:].view(1, -1)).view(shape)


def _linear_backward(
    grad: Tensor, linear: Tensor, rows: Tensor, d_rows: Tensor, channels: int, ctx: Any
) -> Tensor | None:
    """Fill ``d_rows`` with what pools and skips pass back; the gradient of ``linear``."""
    copies, maxima = slice(1, 1 + 3 * channels), slice(len(rows) - channels, None)
    if not ctx.chosen.linear:
        d_rows.zero_()
        return None
    d_rows[1 + 3 * channels : len(rows) - channels].zero_()
    by_edge = grad.view(len(linear), -1)
    torch.mm(linear[:, :3].t(), by_edge, out=d_rows[copies].view(3, -1))
    torch.mm(linear[:, 3:].t(), by_edge, out=d_rows[maxima].view(1, -1))
    if not ctx.needs_input_grad[1]:
        return None
    taken = (rows[copies].view(3, -1), rows[maxima].view(1, -1))
    return torch.cat([by_edge @ row.t() for row in taken], dim=1)


def _rows(x: Tensor, chosen: Selection) -> Tensor:
    """``(C, N, L)`` to rows of ``N * L'``: ones, shifted copies, and maxima of three."""
    channels, batch, length = x.shape
    stride, copies = chosen.stride, chosen.copies
    out_length = -(-length // stride)
    padded = F.pad(x, (copies // 2, copies // 2))
    span = (out_length - 1) * stride + 1
    count = 1 + (copies + chosen.linear) * channels
    rows = x.new_empty(count, batch, out_length)
    rows[0] = 1.0
    for number, shift in enumerate(_CENTRE_OUT[:copies]):
        start = copies // 2 + shift
        copy = padded[:, :, start : start + span : stride]
        rows[1 + number * channels : 1 + (number + 1) * channels] = copy
    if chosen.linear:
        left, center, right = _neighbors(x, stride)
        torch.maximum(torch.maximum(left, center), right, out=rows[-channels:])
    return rows.view(count, -1)


def _rows_backward(d_rows: Tensor, rows: Tensor, x: Tensor, chosen: Selection) -> Tensor:
    """Gradient of ``x``: each copy shifted back, each maximum's given to the sample that won."""
    channels, batch, length = x.shape
    stride, copies = chosen.stride, chosen.copies
    by_copy = list(d_rows[1 : 1 + copies * channels].view(copies, channels, batch, -1))
    if chosen.linear:
        maximum = rows[-channels:].view(channels, batch, -1)
        d_maximum = d_rows[-channels:].view(maximum.shape)
        left, center, _ = _neighbors(x, stride)
        to_center = torch.where(center == maximum, d_maximum, 0.0)
        d_maximum -= to_center
        to_left = torch.where(left == maximum, d_maximum, 0.0)
        d_maximum -= to_left
        for gradient, share in zip(by_copy, (to_center, to_left, d_maximum), strict=False):
            gradient += share
    margin = copies // 2
    result = x.new_zeros(channels, batch, length + 2 * margin)
    span = (by_copy[0].shape[2] - 1) * stride + 1
    for shift, gradient in zip(_CENTRE_OUT, by_copy, strict=False):
        start = margin + shift
        result[:, :, start : start + span : stride] += gradient
    return result[:, :, margin : margin + length]


def _neighbors(x: Tensor, stride: int) -> list[Tensor]:
    """Left neighbor, sample and right neighbor of every output; padding never wins."""
    padded = F.pad(x, (1, 1), value=-torch.inf)
    span = (-(-x.shape[2] // stride) - 1) * stride + 1
    return [padded[:, :, shift : shift + span : stride] for shift in range(3)]
