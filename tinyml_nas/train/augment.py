"""Augmentation of training windows, on the fly and for training only.

Rotation acts on physical units (a sensor worn askew turns the raw vector, gravity included), so a
batch is rotated first, then normalized, then warped, shifted, scaled, offset, jittered and masked.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """Strengths, all 0 = off.

    ``jitter``: standard deviation of added noise, in units of the channel's own deviation;
    ``scale``: standard deviation of a gain around 1, one per window; ``shift``: largest circular
    shift as a share of the window; ``rotation``: largest angle in degrees about a random axis,
    applied to each triple of channels in ``rotation_groups`` with one rotation per window;
    ``offset``: standard deviation of a constant added to each channel of a window; ``warp``:
    largest change of the tempo, about the middle of a window; ``mask``: largest share of a window
    that is set to the mean (Park et al., "SpecAugment", 2019).
    """

    jitter: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    rotation: float = 0.0
    rotation_groups: tuple[tuple[int, int, int], ...] = ()
    offset: float = 0.0
    warp: float = 0.0
    mask: float = 0.0

    def raw(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """``x`` (N, C, L) in physical units, rotated."""
        if not self.rotation or not self.rotation_groups:
            return x
        matrices = _rotations(len(x), self.rotation, generator)
        out = x.clone()
        for group in self.rotation_groups:
            out[:, list(group)] = matrices @ x[:, list(group)]
        return out

    def normalized(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """``x`` (N, C, L) in normalized units: warped, shifted, scaled, offset, noisy, masked."""
        n, channels, length = x.shape
        if self.warp:
            x = _warped(x, 1 + self.warp * (2 * torch.rand(n, 1, generator=generator) - 1))
        if self.shift:
            reach = int(self.shift * length)
            by = torch.randint(-reach, reach + 1, (n, 1, 1), generator=generator)
            index = (torch.arange(length) - by) % length
            x = torch.gather(x, 2, index.expand_as(x))
        if self.scale:
            x = x * (1 + self.scale * torch.randn(n, 1, 1, generator=generator))
        if self.offset:
            x = x + self.offset * torch.randn(n, channels, 1, generator=generator)
        if self.jitter:
            x = x + self.jitter * torch.randn(x.shape, generator=generator)
        if self.mask:
            width = self.mask * length * torch.rand(n, 1, 1, generator=generator)
            start = torch.rand(n, 1, 1, generator=generator) * (length - width)
            time = torch.arange(length)
            x = x.masked_fill((time >= start) & (time < start + width), 0.0)
        return x


def _warped(x: Tensor, tempo: Tensor) -> Tensor:
    """``x`` (N, C, L) at ``tempo`` (N, 1), interpolated linearly; its ends are held."""
    _, channels, length = x.shape
    middle = (length - 1) / 2
    place = ((torch.arange(length) - middle) * tempo + middle).clamp(0, length - 1)
    before = place.floor().long().clamp(max=max(length - 2, 0))
    after = (before + 1).clamp(max=length - 1)
    left, right = (
        torch.gather(x, 2, index[:, None].expand(-1, channels, -1)) for index in (before, after)
    )
    return left + (right - left) * (place - before)[:, None]


def _rotations(n: int, degrees: float, generator: torch.Generator) -> Tensor:
    """(n, 3, 3) rotations about random axes by up to ``degrees``: Rodrigues' formula."""
    axis = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)
    angle = (2 * torch.rand(n, 1, 1, generator=generator) - 1) * torch.pi * degrees / 180
    x, y, z = axis.unbind(1)
    zero = torch.zeros_like(x)
    k = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(n, 3, 3)
    return torch.eye(3) + angle.sin() * k + (1 - angle.cos()) * (k @ k)
