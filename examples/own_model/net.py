"""A network as somebody might have written it long before, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ArcNet(nn.Module):
    """Normalizes its input by itself; a residual block, a join, and class probabilities."""

    def __init__(self, channels: int = 1, classes: int = 2) -> None:
        super().__init__()
        self.entry = nn.BatchNorm1d(channels)
        self.stem = nn.Sequential(
            nn.Conv1d(channels, 8, 5, stride=2, padding=2), nn.BatchNorm1d(8), nn.ReLU()
        )
        self.block = nn.Sequential(nn.Conv1d(8, 8, 3, padding=1), nn.BatchNorm1d(8))
        self.last = nn.Sequential(nn.Conv1d(16, 16, 3, stride=2), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, L) -> (N, classes)
        x = self.stem(self.entry(x))
        y = torch.relu(x + self.block(x))
        x = self.last(torch.cat([x, y], dim=1))
        return torch.softmax(self.head(x.mean(dim=2)), dim=1)
