"""The features stage: windows in, model inputs out, and the normalization fitted on training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.data import SIDES, DataSplits, WindowSet
from tinyml_nas.data.windows import stretches
from tinyml_nas.errors import ConfigError, DataError
from tinyml_nas.features.chain import channel_names, check_chain, resolve_chain
from tinyml_nas.features.fixed import NoTwin
from tinyml_nas.features.frontend import FixedChain, choose_lsb, lower_chain
from tinyml_nas.features.gain import with_gains
from tinyml_nas.features.q15_steps import warn_of_fractions
from tinyml_nas.features.signal import Frames, Settings, Shape, Step, settings_of

CONSTANT = 1e-6
"""A channel that spreads less than this share of its mean is constant."""
BLOCK = 2048
"""Windows that pass at once through steps that need no neighbors: bounds the memory."""


@dataclass(frozen=True)
class Examples:
    """Model inputs x [N, C, F], not yet normalized, and the label and group of each.

    Examples of one group must stay on one side of every further split; see ``WindowSet``.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Normalization:
    """Per channel, the model sees (x - mean) / std; fitted on the training side only, std > 0."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


@dataclass(frozen=True)
class FeatureSet:
    """The model inputs of the three sides and what is needed to make more of them.

    ``fixed`` is the chain in integers, None where it has no such form.
    """

    train: Examples
    validation: Examples
    test: Examples
    normalization: Normalization
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    chain: tuple[str, ...]
    fixed: FixedChain | None = None


def extract_features(data: DataSplits, config: Config, console: Console) -> FeatureSet:
    """The features of all windows, in the chain's order."""
    _, channels, length = data.train.x.shape
    settings = settings_of(config, length)
    shape = Shape("samples", channels, length)
    wanted = config.data_processing_feature_extraction.feat_ext_transform
    steps = resolve_chain(wanted, shape, settings, console)
    final = check_chain(steps, shape, settings)
    unit = 1 / (config.data_processing_feature_extraction.scale or 1)
    warn_of_fractions([step.name for step in steps], data.train.x, unit, console)
    train, validation, test = (
        run_chain(steps, windows, settings, data.hop)
        for windows in (
            with_gains(data.train, data.class_names, config),
            data.validation,
            data.test,
        )
    )
    for side, examples in zip(SIDES, (train, validation, test), strict=True):
        _check_classes(examples, data.class_names, side)
    names = channel_names(steps, data.channel_names, shape, settings)
    chain = tuple(step.name for step in steps)
    console.info(f"{' → '.join(chain) or 'samples as they are'}: {final.channels} × {final.length}")
    normalization = fit_normalization(train.x)
    fixed = _fixed_chain(steps, settings, data, config, console)
    return FeatureSet(train, validation, test, normalization, data.class_names, names, chain, fixed)


def _fixed_chain(
    steps: tuple[Step, ...], settings: Settings, data: DataSplits, config: Config, console: Console
) -> FixedChain | None:
    """The chain for the C; only training windows say how large samples become."""
    _, channels, length = data.train.x.shape
    unit = 1 / (config.data_processing_feature_extraction.scale or 1)
    written = config.compilation.sample_lsb
    if written is not None and len(written) not in (1, channels):
        raise ConfigError(
            f"compilation.sample_lsb has {len(written)} values for {channels} variables.",
            hint=f"Write one value, or one for each of {', '.join(data.channel_names)}.",
        )
    if written is None:
        lsb = choose_lsb(data.train.x, unit)
    else:
        lsb = np.broadcast_to(np.asarray(written) * unit, channels).copy()
    try:
        return lower_chain(steps, settings, lsb, length, data.hop)
    except NoTwin as error:
        console.warning(f"The C will start at the features, not at samples: {error.message}.")
        return None


def run_chain(
    steps: tuple[Step, ...], windows: WindowSet, settings: Settings, hop: int
) -> Examples:
    """The model inputs of some windows: float64 inside, float32 at the end."""
    alone = tuple(step for step in steps if step.name != "CONCAT")
    stretch = stretches(windows, hop)
    joined = Frames(_in_blocks(alone, windows, settings), windows.y, stretch)
    for step in steps[len(alone) :]:
        joined = step.apply(joined, settings)
    x = np.ascontiguousarray(joined.x, dtype=np.float32)
    group_of = np.zeros(stretch.max(initial=0) + 1, dtype=np.int64)
    group_of[stretch] = windows.group
    return Examples(x, joined.y, group_of[joined.recording])


def _in_blocks(
    steps: tuple[Step, ...], windows: WindowSet, settings: Settings
) -> NDArray[np.float64]:
    """The windows after steps that treat each one by itself."""
    blocks = []
    for start in range(0, len(windows), BLOCK):
        part = slice(start, start + BLOCK)
        frames = Frames(
            windows.x[part].astype(np.float64), windows.y[part], windows.recording[part]
        )
        for step in steps:
            frames = step.apply(frames, settings)
        blocks.append(frames.x)
    return np.concatenate(blocks)


def fit_normalization(x: NDArray[np.float32]) -> Normalization:
    """Mean and standard deviation of each channel over examples and positions of x [N, C, F]."""
    wide = x.astype(np.float64)
    mean, std = wide.mean(axis=(0, 2)), wide.std(axis=(0, 2))
    constant = std <= CONSTANT * np.abs(mean)
    return Normalization(mean.astype(np.float32), np.where(constant, 1.0, std).astype(np.float32))


def _check_classes(examples: Examples, class_names: tuple[str, ...], side: str) -> None:
    """Raise for a class whose frames were too few to be joined."""
    counts = np.bincount(examples.y, minlength=len(class_names))
    missing = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if missing and (side == "train" or len(missing) == len(class_names)):
        raise DataError(
            f"No {side} example of {', '.join(missing)} is left after joining frames.",
            hint="Lower num_frame_concat or frame_skip, or record longer.",
        )
