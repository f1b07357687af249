"""The ordered chain of steps: known by name, checked before any data is read.

The user's order is the order in which the steps run.  Lists in which TI's tools write their chains
without meaning the order are put into the order that those tools execute, and it is said.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from types import MappingProxyType

from tinyml_nas.console import Console
from tinyml_nas.errors import ConfigError
from tinyml_nas.features.signal import Settings, Shape, Step
from tinyml_nas.features.steps.bands import BINNING, LOG_DB
from tinyml_nas.features.steps.concat import CONCAT
from tinyml_nas.features.steps.decimate import FE_DECIMATE
from tinyml_nas.features.steps.last import LAST_REMOVE
from tinyml_nas.features.steps.mel import DCT, MEL, TO_CHANNELS, ZERO_PAD
from tinyml_nas.features.steps.q15 import (
    BIN_Q15,
    FE_Q15,
    FFT_Q15,
    Q15_MAG,
    Q15_SCALE,
    TO_Q15,
)
from tinyml_nas.features.steps.ranges import ECG_NORMALIZE, RANGE_NORMALIZE
from tinyml_nas.features.steps.spectrum import (
    ABS,
    DC_REMOVE,
    FFT_FE,
    FFT_POS_HALF,
    NORMALIZE,
)
from tinyml_nas.features.steps.time import RAW_FE, WINDOWING
from tinyml_nas.features.steps.wavelets import HAAR, HADAMARD
from tinyml_nas.features.steps.whole import ROUND_OFF
from tinyml_nas.features.steps.windows import (
    DOM_FE,
    ENT_FE,
    KURT_FE,
    PIR_FE,
    PIR_FE_Q15,
    SLOPE_FE,
    ZCR_FE,
)

_IN_STANDARD_ORDER: tuple[Step, ...] = (
    WINDOWING,
    RAW_FE,
    ZERO_PAD,
    LAST_REMOVE,
    ECG_NORMALIZE,
    RANGE_NORMALIZE,
    FE_DECIMATE,
    FE_Q15,
    TO_Q15,
    HAAR,
    HADAMARD,
    FFT_Q15,
    Q15_SCALE,
    Q15_MAG,
    FFT_FE,
    NORMALIZE,
    ROUND_OFF,
    FFT_POS_HALF,
    ABS,
    KURT_FE,
    ENT_FE,
    ZCR_FE,
    DOM_FE,
    SLOPE_FE,
    PIR_FE,
    PIR_FE_Q15,
    DC_REMOVE,
    BIN_Q15,
    BINNING,
    MEL,
    LOG_DB,
    DCT,
    TO_CHANNELS,
    CONCAT,
)
STEPS = MappingProxyType({step.name: step for step in _IN_STANDARD_ORDER})
"""Every step by its name, in the order that always works."""

USUAL_ORDER = f"A chain is a selection from {', '.join(STEPS)}."

TI_ARC_LIST = (
    "FFT_FE",
    "FFT_POS_HALF",
    "WINDOWING",
    "BINNING",
    "NORMALIZE",
    "ABS",
    "LOG_DB",
    "CONCAT",
)
TI_LISTS = frozenset({TI_ARC_LIST, TI_ARC_LIST[:-1]})
"""Lists in TI's configurations that cannot run as written."""


def resolve_chain(
    names: Sequence[str], shape: Shape, settings: Settings, console: Console
) -> tuple[Step, ...]:
    """The steps in the order in which they run, checked on the shape of a frame."""
    steps = [_step(name) for name in names]
    _check_known_use(names, settings)
    try:
        check_chain(steps, shape, settings)
    except ConfigError as error:
        ordered = sorted(steps, key=_IN_STANDARD_ORDER.index)
        if ordered == steps:
            raise ConfigError(error.message, hint=error.hint or USUAL_ORDER) from None
        check_chain(ordered, shape, settings)
        order = ", ".join(step.name for step in ordered)
        if tuple(names) not in TI_LISTS:
            raise ConfigError(
                f"feat_ext_transform cannot run in this order: {error.message}",
                hint=f"This order works: {order}.",
            ) from None
        console.warning(f"feat_ext_transform is run in the order that TI's tools use: {order}.")
        return tuple(ordered)
    return tuple(steps)


def _step(name: str) -> Step:
    if name in STEPS:
        return STEPS[name]
    near = difflib.get_close_matches(name, STEPS, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(
        f"feat_ext_transform names {name!r}, which is no feature step.{guess}",
        hint=f"The steps are {', '.join(STEPS)}.",
    )


def _check_known_use(names: Sequence[str], settings: Settings) -> None:
    """Raise for steps given twice, and for frames that nothing would join."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ConfigError(
            f"feat_ext_transform names {', '.join(twice)} twice.", hint="Name each step once."
        )
    if settings.frame_concat > 1 and CONCAT.name not in names:
        raise ConfigError(
            f"num_frame_concat is {settings.frame_concat}, but no CONCAT joins the frames.",
            hint="Add CONCAT at the end of feat_ext_transform, or set num_frame_concat to 1.",
        )


def check_chain(steps: Sequence[Step], shape: Shape, settings: Settings) -> Shape:
    """The shape of a model input; a ConfigError names the step that cannot come where it is."""
    for step in steps:
        shape = step.check(shape, settings)
    if shape.domain.endswith("spectrum"):
        raise ConfigError(
            "feat_ext_transform ends with complex numbers.",
            hint="Add ABS after FFT_FE, Q15_MAG after FFT_Q15.",
        )
    return shape


def channel_names(
    steps: Sequence[Step], names: tuple[str, ...], shape: Shape, settings: Settings
) -> tuple[str, ...]:
    """The names of the channels of a model input, out of those of samples of ``shape``."""
    for step in steps:
        names = step.channel_names(names, shape, settings)
        shape = step.check(shape, settings)
    return names
