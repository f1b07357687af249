"""Keys of the features, checked by the code of the run on the shape that the configuration tells.

What only the data tell, such as the length of recordings that are one window each, is left to the
run.  The same functions tell the plan what a model will see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml_nas.config import Config
from tinyml_nas.config.sections.processing import CHAIN, FEATURES
from tinyml_nas.data.check import told_channels
from tinyml_nas.data.windows import WHOLE_RECORDING
from tinyml_nas.errors import ConfigError, DataError
from tinyml_nas.features.chain import (
    check_chain,
    check_domains,
    check_known_use,
    in_order,
    order_note,
)
from tinyml_nas.features.integer.fixed import Float64, NoTwin
from tinyml_nas.features.integer.frontend import lower_chain
from tinyml_nas.features.signal import Misfit, Shape, Step, settings_of
from tinyml_nas.located.draft import Draft

LSB = "compilation.sample_lsb"
LIKELY_LSB = (1.0, 2.0**-14)
"""What a count of a sample stands for in whole recordings, and in those from -1 to 1."""


def told_window(config: Config) -> Shape | None:
    """The windows (C, L) of a run; None where only the data tell their channels or their length."""
    features, channels = config.data_processing_feature_extraction, told_channels(config)
    whole = "SimpleWindow" not in features.data_proc_transforms
    if channels is None or (whole and features.frame_size == WHOLE_RECORDING):
        return None
    return Shape("samples", channels, features.frame_size)


def told_input(config: Config) -> Shape | None:
    """What a model will see (C, L); None where only the data tell it.  Raises ``Misfit``."""
    if (window := told_window(config)) is None:
        return None
    settings = settings_of(config, window.length)
    names = config.data_processing_feature_extraction.feat_ext_transform
    return check_chain(in_order(names, window, settings), window, settings)


def check_features(draft: Draft, config: Config) -> None:
    """Run every check of the feature stage on ``config``, which is what ``draft`` says so far."""
    if any(path.startswith(FEATURES) for path in draft.wrong):
        return
    _check_counts(draft, config)
    _check_change(draft, config)
    features = config.data_processing_feature_extraction
    names, window = features.feat_ext_transform, told_window(config)
    if window is None and features.frame_size != WHOLE_RECORDING:
        window = Shape("samples", 1, features.frame_size)  # no step needs a number of channels
    settings = settings_of(config, features.frame_size)
    try:
        if window is None:
            check_known_use(names, settings)
            check_domains(names)
            return
        steps = in_order(names, window, settings)
    except Misfit as error:
        _report(draft, error, names)
        return
    if (note := order_note(names, steps)) is not None:
        draft.warn(note[:-1], CHAIN)
    if draft.problems:
        return
    if (lost := _without_twin(steps, config, window)) is not None:
        draft.warn(f"The C will start at the features, not at samples: {lost}", CHAIN)


def misfit(error: Misfit, config: Config, window: Shape) -> ConfigError | DataError:
    """The error of a run that has read ``window``: the data's, where only they tell its shape."""
    if told_window(config) == window:
        return error
    found = f"Windows of {window.channels} x {window.length} samples do not suit the features"
    return DataError(f"{found}: {error.message}", hint=error.hint)


def check_lsb(config: Config, channels: int) -> None:
    """Raise where ``sample_lsb`` has neither one value nor one for each channel."""
    written = config.compilation.sample_lsb
    if written is not None and len(written) not in (1, channels):
        raise ConfigError(
            f"{LSB} has {len(written)} values for {channels} variables.",
            hint="Write one value, or one for each variable.",
        )


def _check_counts(draft: Draft, config: Config) -> None:
    try:
        check_lsb(config, told_channels(config) or len(config.compilation.sample_lsb or ()))
    except ConfigError as error:
        draft.error(LSB, error.message, hint=error.hint, also=[f"{FEATURES}.variables"])


def _check_change(draft: Draft, config: Config) -> None:
    """A forecast of changes needs every target as an input; names beside numbers stay unchecked."""
    features = config.data_processing_feature_extraction
    if config.common.task != "forecasting" or features.forecast_as != "change":
        return
    read, targets = features.variables, features.target_variables
    known = set(range(read)) if isinstance(read, int) else set(read)
    missing = [target for target in targets if target not in known]
    if missing and {type(name) for name in (*known, *targets)} in ({int}, {str}):
        draft.error(
            f"{FEATURES}.forecast_as",
            f"{FEATURES}: forecast_as 'change' needs every target as an input; {missing[0]} is not "
            "among the variables.",
            hint=f"add it to {FEATURES}.variables, or write forecast_as: value",
            also=[f"{FEATURES}.target_variables", f"{FEATURES}.variables"],
        )


def _report(draft: Draft, error: Misfit, names: Sequence[str]) -> None:
    """The mistake at the first key at fault that is written, else at the step, else at its preset.

    Of a step that is named twice the second one is at fault.
    """
    keys = [f"{FEATURES}.{key}" for key in error.keys]
    steps = [f"{CHAIN}.{i}" for i, name in enumerate(names) if name == error.step][-1:]
    others = [CHAIN, f"{FEATURES}.feature_extraction_name", "dataset.dataset_name"]
    place, *also = [path for path in (*keys, *steps) if draft.given(path)] or [
        next((path for path in others if draft.given(path)), CHAIN)
    ]
    draft.error(place, f"{FEATURES}: {error.message}", hint=error.hint, also=also)


def _without_twin(steps: Sequence[Step], config: Config, window: Shape) -> str | None:
    """Why the chain has no form in integers, whatever the samples are; None where it may have."""
    written = config.compilation.sample_lsb
    unit = 1 / (config.data_processing_feature_extraction.scale or 1)
    likely = [np.full(window.channels, lsb) for lsb in LIKELY_LSB]
    if written is not None:
        likely = [np.broadcast_to(np.asarray(written) * unit, window.channels).copy()]
    reasons = [_lost(steps, config, window.length, lsb) for lsb in likely]
    return reasons[0] if all(reasons) else None


def _lost(steps: Sequence[Step], config: Config, length: int, lsb: Float64) -> str | None:
    try:
        lower_chain(steps, settings_of(config, length), lsb, length, hop=1)
    except NoTwin as error:
        return error.message
    return None
