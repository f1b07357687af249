"""Anomalies injected into normal windows, to choose models by where real ones must not be seen.

After Goswami et al., "Unsupervised model selection for time-series anomaly detection" (ICLR 2023),
appendix: each window gets one kind of change on a random stretch of one or more channels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Random = np.random.Generator
SEED = 2023
SHORTEST, LONGEST = 0.125, 0.5
"""Shares of a window that a change may cover."""


def _spike(x: Values, rng: Random) -> Values:
    """One sample far off."""
    changed = x.copy()
    changed[rng.integers(len(x))] += rng.choice([-1, 1]) * rng.uniform(2, 5)
    return changed


def _flip(x: Values, rng: Random) -> Values:
    """The stretch backwards."""
    return x[::-1].copy()


def _speed(x: Values, rng: Random) -> Values:
    """The stretch at half or twice the pace."""
    pace = rng.choice([0.5, 2.0])
    at = (np.arange(len(x)) * pace) % max(len(x) - 1, 1)
    return np.asarray(np.interp(at, np.arange(len(x)), x), np.float32)


def _noise(x: Values, rng: Random) -> Values:
    """Noise of about the channel's own deviation."""
    return x + rng.normal(0, rng.uniform(0.3, 1.0), len(x)).astype(np.float32)


def _cutoff(x: Values, rng: Random) -> Values:
    """A dead sensor: one value all along."""
    return np.full_like(x, rng.uniform(x.min(), x.max()) if len(x) else 0)


def _average(x: Values, rng: Random) -> Values:
    """A moving average: the details are gone."""
    width = min(len(x), int(rng.integers(3, 9)))
    return np.asarray(np.convolve(x, np.ones(width) / width, mode="same"), np.float32)


def _scale(x: Values, rng: Random) -> Values:
    """The swing around the mean larger or smaller."""
    factor = rng.choice([rng.uniform(0.0, 0.5), rng.uniform(1.5, 3.0)])
    return np.asarray((x - x.mean()) * factor + x.mean(), np.float32)


def _wander(x: Values, rng: Random) -> Values:
    """A drift that was not there."""
    drift = rng.choice([-1, 1]) * rng.uniform(0.5, 2.0)
    return x + np.linspace(0, drift, len(x), dtype=np.float32)


KINDS: tuple[Callable[[Values, Random], Values], ...] = (
    _spike, _flip, _speed, _noise, _cutoff, _average, _scale, _wander,
)  # fmt: skip


def inject(x: Values, mean: Values, std: Values) -> Values:
    """Windows x (N, C, L) with one anomaly each; ``mean`` and ``std`` (C,) are the channels' own.

    The same windows always get the same anomalies, so that all models face equal ones.
    """
    rng = np.random.default_rng(SEED)
    changed = (x - mean[:, None]) / std[:, None]
    channels, length = x.shape[1:]
    for index, window in enumerate(changed):
        kind = KINDS[index % len(KINDS)]
        size = max(2, int(rng.uniform(SHORTEST, LONGEST) * length))
        start = int(rng.integers(0, max(1, length - size + 1)))
        affected = rng.permutation(channels)[: rng.integers(1, channels + 1)]
        for channel in affected:
            stretch = slice(start, start + size)
            window[channel, stretch] = kind(window[channel, stretch], rng)
    return np.asarray(changed * std[:, None] + mean[:, None], np.float32)
