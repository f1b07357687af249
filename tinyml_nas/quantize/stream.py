"""From a stream of int16 samples to labels, in integers: the definition that the C must equal.

Frames of samples become int8 features, features become inputs of the integer model, and its labels
are smoothed: the one that most of the last windows have, where enough of them agree.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinyml_nas.features import Frontend, make_frontend
from tinyml_nas.features.frontend import FixedChain, Int8, Int16
from tinyml_nas.quantize.integer import IntNetwork
from tinyml_nas.quantize.reference import run_reference

UNDECIDED = -5
"""Label of a window after which too few of the last ones agree; a status of the C."""


@dataclass(frozen=True)
class Voting:
    """The most frequent label of the last ``windows``, of equals the lowest.

    There is none unless ``agreeing`` of them have it.
    """

    windows: int = 1
    agreeing: int = 1

    @classmethod
    def of(cls, windows: int, share: float) -> Voting:
        """The voting in which a ``share`` of ``windows`` must agree, one at least."""
        return cls(windows, max(1, math.ceil(share * windows)))

    def smooth(self, labels: list[int]) -> list[int]:
        """The label after each window, or ``UNDECIDED``."""
        recent: deque[int] = deque(maxlen=self.windows)
        smoothed = []
        for label in labels:
            recent.append(label)
            votes = np.bincount(recent)
            smoothed.append(int(votes.argmax()) if votes.max() >= self.agreeing else UNDECIDED)
        return smoothed


@dataclass(frozen=True)
class IntStream:
    """The integer model with its frontend before it and the voting behind it."""

    net: IntNetwork
    frontend: Frontend
    voting: Voting


@dataclass(frozen=True)
class StreamTruth:
    """What a stream of samples gives: the features of every frame, scores and label per window.

    ``last`` numbers the last frame of each window.
    """

    features: Int8  # [T, C, F]
    last: np.ndarray
    scores: Int8  # [M, classes]
    labels: list[int]


def make_stream(net: IntNetwork, chain: FixedChain, voting: Voting) -> IntStream:
    """The stream whose frontend gives the very integers that ``net`` takes.

    Raises ``NoTwin`` where 64 bits do not hold the products of the last step.
    """
    entry = net.input
    return IntStream(net, make_frontend(chain, entry.mean, entry.scale, entry.zero_point), voting)


def run_stream(stream: IntStream, samples: Int16) -> StreamTruth:
    """What ``samples`` [T, C] give, from an empty stream on."""
    frontend = stream.frontend
    features = frontend.run(np.stack(list(frames(samples, frontend.chain))))
    inputs, last = frontend.inputs(features)
    scores = run_reference(stream.net, inputs)[stream.net.network.output].reshape(len(inputs), -1)
    labels = stream.voting.smooth([int(label) for label in scores.argmax(axis=1)])
    return StreamTruth(features, last, scores, labels)


def frames(samples: Int16, chain: FixedChain) -> Iterator[Int16]:
    """The frames [C, L] of samples [T, C]."""
    for start in range(0, len(samples) - chain.frame_length + 1, chain.hop):
        yield samples[start : start + chain.frame_length].T
