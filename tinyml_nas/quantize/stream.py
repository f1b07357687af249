"""From a stream of int16 samples to labels, in integers: the definition that the C must equal.

Frames of samples become int8 features, features become inputs of the integer model, and its labels
are smoothed: the one that most of the last windows have, where enough of them agree.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.data import WindowSet
from tinyml_nas.data.windows import stretches
from tinyml_nas.features import STEPS, Examples, FixedChain, Frontend, make_frontend
from tinyml_nas.features.integer.fixed import Int64
from tinyml_nas.features.integer.frontend import Int8, Int16, lower_chain
from tinyml_nas.features.signal import Settings
from tinyml_nas.features.steps.concat import last_frames
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.quantize.reference import decide, quantize_input, run_reference
from tinyml_nas.results.export import Agreement
from tinyml_nas.train.checkpoint import load_checkpoint, restoring, save_checkpoint

UNDECIDED = -5
"""Label of a window after which too few of the last ones agree; a status of the C."""
AGREEMENT_WINDOWS = 512
STREAM_INPUTS = 3
"""Model inputs of a stream for the proof, beside the first."""


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


SampledStream = tuple[IntStream, Sequence[Int16]]
"""A stream, and samples [T, C] of some recordings to push through it."""


@dataclass(frozen=True)
class StreamTruth:
    """What a stream of samples gives: the features of every frame, scores and label per window.

    ``stages`` are the frames after each operation; ``last`` numbers the last frame of each window.
    """

    stages: list[Int64]  # [T, C, outputs] each
    features: Int8  # (T, C, F)
    last: NDArray[np.int64]
    scores: Int8  # [M, outputs], time-major
    labels: list[int]


def make_stream(net: IntNetwork, chain: FixedChain, voting: Voting) -> IntStream:
    """The stream whose frontend gives the very integers that ``net`` takes.

    Raises ``NoTwin`` where 64 bits do not hold the products of the last step.
    """
    entry = net.input
    return IntStream(net, make_frontend(chain, entry.mean, entry.scale, entry.zero_point), voting)


def run_stream(stream: IntStream, samples: Int16) -> StreamTruth:
    """What ``samples`` (T, C) give, from an empty stream on."""
    frontend = stream.frontend
    entering, *stages = frontend.stages(np.stack(list(frames(samples, frontend.chain))))
    features = frontend.quantize(stages[-1] if stages else entering)
    inputs, last = frontend.inputs(features)
    outputs = run_reference(stream.net, inputs)[stream.net.network.output]
    scores = outputs.transpose(0, 2, 1).reshape(len(inputs), -1)  # as they lie in memory
    labels = stream.voting.smooth([int(label) for label in decide(stream.net, outputs)])
    return StreamTruth(stages, features, last, scores, labels)


def frames(samples: Int16, chain: FixedChain) -> Iterator[Int16]:
    """The frames (C, L) of samples (T, C)."""
    for start in range(0, len(samples) - chain.frame_length + 1, chain.hop):
        yield samples[start : start + chain.frame_length].T


def agreement(stream: IntStream, windows: WindowSet, floats: Examples) -> Agreement:
    """The first of ``windows`` through the integer chain against ``floats``, their features."""
    chain, net = stream.frontend.chain, stream.net
    last = last_frames(stretches(windows, chain.hop), chain.joined, chain.skip)[:AGREEMENT_WINDOWS]
    features = stream.frontend.run(chain.samples(windows.x[: last.max() + 1]))
    got = stream.frontend.joined(features, last)
    wanted = quantize_input(net, floats.x[: len(got)])
    labels = [decide(net, run_reference(net, q)[net.network.output]) for q in (got, wanted)]
    difference = np.abs(got.astype(np.int16) - wanted)
    return Agreement(
        windows=len(got),
        inputs_equal=float((difference == 0).mean()),
        mean_difference=float(difference.mean()),
        largest_difference=int(difference.max(initial=0)),
        labels_equal=float((labels[0] == labels[1]).mean()),
    )


def sample_streams(windows: WindowSet, chain: FixedChain, count: int) -> list[Int16]:
    """At most ``count`` streams of samples (T, C) out of ``windows`` (N, C, L), spread over them.

    Each is a stretch of one recording, long enough for a few model inputs where it is.
    """
    apart = np.diff(windows.start) != chain.hop
    cuts = np.flatnonzero(apart | (np.diff(windows.recording) != 0)) + 1
    stretches = np.split(np.arange(len(windows)), cuts)
    long = [stretch for stretch in stretches if len(stretch) >= chain.joined] or stretches
    picked = np.unique(np.linspace(0, len(long) - 1, count).astype(int))
    frame_count = chain.joined + STREAM_INPUTS * chain.skip
    return [_samples(windows.x[long[i][:frame_count]], chain) for i in picked]


def _samples(x: NDArray[np.float32], chain: FixedChain) -> Int16:
    """The samples (T, C) under consecutive windows x (N, C, L)."""
    first, rest = chain.samples(x[:1]), chain.samples(x[1:, :, -chain.hop :])
    return np.concatenate([part.T for part in (*first, *rest)])


def save_stream(path: Path, sampled: SampledStream) -> None:
    """Write what makes a stream of its network, and the samples that it was proven on."""
    stream, samples = sampled
    chain = stream.frontend.chain
    state = {
        "steps": [step.name for step in chain.steps],
        "settings": dataclasses.asdict(chain.settings),
        "lsb": chain.lsb,
        "frame_length": chain.frame_length,
        "hop": chain.hop,
        "voting": dataclasses.asdict(stream.voting),
        "samples": list(samples),
    }
    save_checkpoint(path, state)


def load_stream(path: Path, net: IntNetwork) -> SampledStream:
    """What :func:`save_stream` wrote; raises ``ToolError`` when it cannot be read."""
    state = load_checkpoint(path)
    with restoring(path):
        chain = lower_chain(
            [STEPS[name] for name in state["steps"]],
            Settings(**state["settings"]),
            state["lsb"],
            state["frame_length"],
            state["hop"],
        )
        return make_stream(net, chain, Voting(**state["voting"])), state["samples"]
