"""Random streams for tests: every chain of steps, joined frames, voting, samples with extremes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tests.export.random_networks import random_int_network
from tinyml_nas.features import STEPS
from tinyml_nas.features.integer.frontend import Int16, lower_chain, make_frontend
from tinyml_nas.features.signal import Frames, Settings
from tinyml_nas.graph import Shape
from tinyml_nas.quantize.stream import IntStream, Voting, frames

CHAINS: tuple[tuple[str, ...], ...] = (
    (),
    ("CONCAT",),
    ("RAW_FE",),
    ("RAW_FE", "CONCAT"),
    ("WINDOWING", "RAW_FE"),
    ("ABS",),
    ("ABS", "LOG_DB", "CONCAT"),
    ("FFT_FE", "ABS"),
    ("RAW_FE", "FFT_FE", "FFT_POS_HALF", "DC_REMOVE", "ABS", "LOG_DB"),
    ("FFT_FE", "FFT_POS_HALF", "ABS", "DC_REMOVE", "BINNING", "LOG_DB", "CONCAT"),
    ("WINDOWING", "FFT_FE", "NORMALIZE", "FFT_POS_HALF", "ABS", "BINNING", "LOG_DB", "CONCAT"),
)
OTHER_CHAINS: tuple[tuple[str, ...], ...] = (
    ("HAAR", "ABS", "CONCAT"),
    ("WINDOWING", "HADAMARD"),
    ("RAW_FE", "FE_DECIMATE", "CONCAT"),
    ("ECG_NORMALIZE",),
    ("RANGE_NORMALIZE", "CONCAT"),
    ("PIR_FE",),
    ("KURT_FE", "CONCAT"),
    ("ZCR_FE",),
    ("DOM_FE",),
    ("RAW_FE", "SLOPE_FE", "CONCAT"),
    ("ENT_FE",),
    ("ABS", "TO_CHANNELS", "CONCAT"),
)
MFCC_CHAIN = (
    *("WINDOWING", "ZERO_PAD", "FFT_FE", "FFT_POS_HALF", "ABS", "MEL", "LOG_DB", "DCT"),
    *("TO_CHANNELS", "CONCAT"),
)
Q15_CHAIN = ("FFT_Q15", "Q15_SCALE", "Q15_MAG", "DC_REMOVE", "BIN_Q15", "CONCAT")
WHOLE_CHAINS: tuple[tuple[str, ...], ...] = (
    ("ROUND_OFF",),
    ("ROUND_OFF", "TO_Q15", "ABS"),
    ("PIR_FE_Q15", "CONCAT"),
    ("FE_Q15", "CONCAT"),
    Q15_CHAIN,
    ("FE_Q15", "FFT_Q15", "Q15_SCALE", "Q15_MAG", "LOG_DB"),
)
"""Chains that round to whole numbers and are exact from there on."""
LENGTHS = (4, 8, 32, 64, 128, 1024)
Q15_LENGTHS = (32, 64, 128, 512)
WINDOW_STEPS = {"PIR_FE", "PIR_FE_Q15", "KURT_FE", "ZCR_FE", "DOM_FE", "SLOPE_FE", "ENT_FE"}
ODD_LENGTHS = (1, 5, 25, 64)


def random_settings(rng: np.random.Generator, length: int) -> Settings:
    """Settings with which every chain works for frames of ``length`` samples."""
    features = int(rng.choice([size for size in (1, 2, 4, 8) if size <= length // 4] or [1]))
    return Settings(
        frame_size=length,
        feature_size=features,
        frame_concat=int(rng.integers(1, 5)),
        frame_skip=int(rng.integers(1, 4)),
        min_bin=1 if length < 16 else int(rng.choice([1, 2, length // 4])),
        normalize_bin=bool(rng.integers(0, 2)),
        bandwidth=float(rng.choice([1, 2])),
        dc_remove=True,
        log_mul=20.0,
        log_base=10.0,
        log_threshold=float(rng.choice([1e-100, 0.5])),
        stacking=str(rng.choice(["1D", "2D1"])),
        q15_scale_factor=int(rng.choice([5, 1, -1])),
        sampling_rate=31.25,
        stride=0.032,
        window_count=25,
        chunk_size=8,
        fft_size=64,
        resampling_factor=int(rng.choice([k for k in (2, 3, 4) if k <= length] or [1])),
    )


def random_stream(
    seed: int, names: tuple[str, ...], bits: Sequence[int] = (8,)
) -> tuple[IntStream, Int16]:
    """A stream with the chain ``names`` and enough samples [T, C] for its windows.

    The layers of its network draw their weight bits.
    """
    rng = np.random.default_rng(seed)
    length = int(rng.choice(_lengths(set(names))))
    channels, hop = int(rng.choice([1, 2, 3, 7])), int(rng.integers(1, length + 1))
    settings = random_settings(rng, length)
    if "MEL" in names:  # frames of any length, which are padded
        length = int(rng.integers(17, 201))
        hop = int(rng.integers(1, length + 1))
        settings = dataclasses.replace(
            random_settings(rng, length), n_mels=max(1, length // 16), n_mfcc=max(1, length // 32)
        )
    if "FFT_Q15" in names:  # it has no bins beyond N/2
        settings = dataclasses.replace(settings, min_bin=min(settings.min_bin, 2))
    lsb = 10.0 ** rng.uniform(-3, 2, channels)
    chain = lower_chain([STEPS[name] for name in names], settings, lsb, length, hop)
    samples = random_samples(rng, length + hop * int(rng.integers(6, 12)), channels)
    left = float_features(names, settings, np.stack(list(frames(samples, chain))) * lsb[:, None])
    axes = (0, 1, 2) if chain.stacked else (0, 2)
    mean, spread = left.mean(axis=axes), left.std(axis=axes) + 1e-3 * np.abs(left).max() + 1e-9
    features, outputs = chain.left.length, channels * chain.left.parts
    shape = Shape(outputs, features * chain.joined)
    if chain.stacked:
        shape = Shape(1, outputs * features * chain.joined)
    net = random_int_network(seed, 2, ("conv", "avg"), shape, bits)
    entry = dataclasses.replace(
        net.input,
        mean=np.atleast_1d(mean).astype(np.float32),
        scale=np.atleast_1d(spread / 40).astype(np.float32),
    )
    net = dataclasses.replace(net, input=entry)
    windows = int(rng.integers(1, 5))
    voting = Voting.of(windows, float(rng.choice([0, 0.7])))
    frontend = make_frontend(chain, entry.mean, entry.scale, entry.zero_point)
    return IntStream(net, frontend, voting), samples


def _lengths(names: set[str]) -> tuple[int, ...]:
    if names & WINDOW_STEPS:
        return (125,)
    if names & {"FFT_FE", "HAAR", "HADAMARD"}:
        return LENGTHS
    return Q15_LENGTHS if "FFT_Q15" in names else ODD_LENGTHS


def float_features(names: tuple[str, ...], settings: Settings, x: np.ndarray) -> np.ndarray:
    """What the float steps make of frames x [N, C, L], before they are joined."""
    current = Frames(x, np.zeros(len(x), np.int64), np.zeros(len(x), np.int64))
    for name in names:
        if name != "CONCAT":
            current = STEPS[name].apply(current, settings)
    return current.x


def random_samples(rng: np.random.Generator, count: int, channels: int) -> Int16:
    """Tones, noise and stretches at the ends of the range: [count, channels]."""
    time = np.arange(count)[:, None]
    tone = np.sin(time * rng.uniform(0.01, 3, channels)) * 10.0 ** rng.uniform(0, 4.4, channels)
    x = tone + rng.normal(0, 10.0 ** rng.uniform(-1, 3, channels), (count, channels))
    full = rng.random((count, 1)) < 0.02
    x = np.where(full, rng.choice([-32768, 32767, 0], (count, channels)), x)
    x[count // 3 : count // 2] = rng.choice([-32768, 32767])
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)
