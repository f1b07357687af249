"""The features stage: windows in, model inputs out, and the normalization fitted on training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.config.sections.common import Task
from tinyml_nas.console import Console
from tinyml_nas.data import SIDES, DataSplits, WindowSet
from tinyml_nas.data.windows import stretches
from tinyml_nas.errors import ConfigError, DataError, listed
from tinyml_nas.features.chain import channel_names, check_chain, resolve_chain
from tinyml_nas.features.check import check_lsb, misfit
from tinyml_nas.features.gain import with_gains
from tinyml_nas.features.integer.fixed import NoTwin
from tinyml_nas.features.integer.frontend import (
    FixedChain,
    choose_lsb,
    lower_chain,
)
from tinyml_nas.features.signal import Frames, Misfit, Settings, Shape, Step, settings_of
from tinyml_nas.features.steps.q15 import warn_of_fractions

CONSTANT = 1e-6
"""A channel that spreads less than this share of its mean is constant."""
BLOCK = 2048
"""Windows that pass at once through steps that need no neighbors: bounds the memory."""


@dataclass(frozen=True)
class Examples:
    """Model inputs x (N, C, L), not yet normalized; label, group and recording of each.

    Labels are class numbers y (N,), or the values of targets y (N, K).  Examples of one group must
    stay on one side of every further split; see ``WindowSet``.  Where no recordings are given, each
    group is one.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    group: NDArray[np.int64]
    recording: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if len(self.recording) != len(self):
            object.__setattr__(self, "recording", self.group)

    @property
    def strata(self) -> NDArray[np.int64]:
        """What every part of a division should have its share of: the classes, where there are."""
        return self.y if self.y.ndim == 1 else np.zeros(len(self.y), np.int64)

    def __len__(self) -> int:
        return len(self.y)

    def taken(self, indices: NDArray[np.int64]) -> Examples:
        """The examples at ``indices``."""
        return Examples(*(part[indices] for part in vars(self).values()))

    def joined(self, other: Examples) -> Examples:
        """These examples, then those of ``other``."""
        parts = zip(vars(self).values(), vars(other).values(), strict=True)
        return Examples(*(np.concatenate(part) for part in parts))


@dataclass(frozen=True)
class Normalization:
    """Per channel, the model sees (x - mean) / std; fitted on the training side only, std > 0."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


@dataclass(frozen=True)
class Targets:
    """What a regression or a forecast gives: ``horizon`` values of each named target.

    ``mean`` and ``std`` (horizon * names,) are those of the training side, ordered by step, then by
    name; std > 0.  Those of a ``relative`` forecast are of the changes from the last known value.
    ``spread`` (names,) is the standard deviation of the values themselves.
    """

    names: tuple[str, ...]
    horizon: int
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    spread: NDArray[np.float32]
    relative: bool = False


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
    task: Task = "classification"
    targets: Targets | None = None

    def known(self) -> Examples:
        """Training and validation examples: all that may be looked at before the test."""
        return self.train.joined(self.validation)

    def for_choices(self) -> FeatureSet:
        """The features as every choice sees them, and as they travel to workers.

        There is no test side to look at, and nothing that only the export reads.
        """
        return replace(self, test=self.test.taken(np.arange(0)), fixed=None)

    @property
    def outputs(self) -> int:
        """Number of values that a network is to give."""
        if self.task == "anomaly":
            return int(self.train.x[0].size)
        return len(self.class_names) if self.targets is None else len(self.targets.mean)

    @property
    def output_names(self) -> tuple[str, ...]:
        """What each value of a network is, in order; the classes that its scores are of."""
        targets = self.targets
        if targets is None:
            return self.class_names
        if self.task != "forecasting":
            return targets.names
        kind = "change of " if targets.relative else ""
        steps = range(1, targets.horizon + 1)
        return tuple(f"{kind}{name} +{step}" for step in steps for name in targets.names)


def extract_features(data: DataSplits, config: Config, console: Console) -> FeatureSet:
    """The features of all windows, in the chain's order."""
    _, channels, length = data.train.x.shape
    settings = settings_of(config, length)
    shape = Shape("samples", channels, length)
    wanted = config.data_processing_feature_extraction.feat_ext_transform
    try:
        steps = resolve_chain(wanted, shape, settings, console)
    except Misfit as error:
        raise misfit(error, config, shape) from None
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
        _check_examples(examples, data, side)
    names = channel_names(steps, data.channel_names, shape, settings)
    chain = tuple(step.name for step in steps)
    console.info(f"{' → '.join(chain) or 'samples as they are'}: {final.channels} × {final.length}")
    normalization = fit_normalization(train.x)
    fixed = _fixed_chain(steps, settings, data, config, console)
    return FeatureSet(
        train,
        validation,
        test,
        normalization,
        data.class_names,
        names,
        chain,
        fixed,
        data.task,
        fit_targets(train, data, config),
    )


def _fixed_chain(
    steps: tuple[Step, ...], settings: Settings, data: DataSplits, config: Config, console: Console
) -> FixedChain | None:
    """The chain for the C; only training windows say how large samples become."""
    _, channels, length = data.train.x.shape
    unit = 1 / (config.data_processing_feature_extraction.scale or 1)
    written = config.compilation.sample_lsb
    check_lsb(config, channels)
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
    owners = np.zeros((2, stretch.max(initial=0) + 1), dtype=np.int64)
    owners[:, stretch] = windows.group, windows.recording
    return Examples(x, joined.y, *owners[:, joined.recording])


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
    """Mean and standard deviation of each channel over examples and positions of x (N, C, F)."""
    wide = x.astype(np.float64)
    mean, std = wide.mean(axis=(0, 2)), wide.std(axis=(0, 2))
    constant = std <= CONSTANT * np.abs(mean)
    return Normalization(mean.astype(np.float32), np.where(constant, 1.0, std).astype(np.float32))


def fit_targets(train: Examples, data: DataSplits, config: Config) -> Targets | None:
    """Scale of what is to be learned, or None where that is no number."""
    names = data.target_names
    if not names:
        return None
    if data.task == "regression":
        scale = fit_normalization(train.y[:, :, None])
        return Targets(names, 1, scale.mean, scale.std, scale.std)
    last, future = train.y[:, : len(names)], train.y[:, len(names) :]
    horizon = future.shape[1] // len(names)
    spread = fit_normalization(last[:, :, None]).std
    relative = _relative(data, config)
    if relative:
        future = future - np.tile(last, (1, horizon))
    scale = fit_normalization(future[:, :, None])
    steps = scale.std.reshape(horizon, -1).astype(np.float64)
    pooled = np.sqrt((steps**2).mean(axis=0))  # all steps count by their errors alike
    std = np.tile(pooled, horizon).astype(np.float32)
    return Targets(names, horizon, scale.mean, std, spread, relative)


def _relative(data: DataSplits, config: Config) -> bool:
    """Whether a forecast tells changes; it can where the last values are known."""
    wanted = config.data_processing_feature_extraction.forecast_as
    if wanted is None and config.training.own_model and config.training.own_weights:
        return False  # a network that has learned elsewhere tells values
    known = set(data.target_names) <= set(data.channel_names)
    if wanted == "change" and not known:
        raise ConfigError(
            "forecast_as: change needs the targets among the variables: "
            f"{listed(sorted(set(data.target_names) - set(data.channel_names)))} is not read.",
            hint="add it to data_processing_feature_extraction.variables, or write forecast_as: "
            "value",
        )
    return wanted != "value" and known


def _check_examples(examples: Examples, data: DataSplits, side: str) -> None:
    """Raise for a class whose frames were too few to be joined."""
    if data.target_names:
        missing, absent = ["any kind"], not len(examples)
    else:
        counts = np.bincount(examples.y, minlength=len(data.class_names))
        missing = [name for name, n in zip(data.class_names, counts, strict=True) if not n]
        if data.task == "anomaly":
            missing = missing if data.class_names[0] in missing else []
        absent = bool(missing) and (side == "train" or len(missing) == len(data.class_names))
    if absent:
        raise DataError(
            f"No {side} example of {listed(missing)} is left after joining frames.",
            hint="Lower num_frame_concat or frame_skip, or record longer.",
        )
