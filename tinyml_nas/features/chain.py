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
from tinyml_nas.features.signal import Domain, Misfit, Settings, Shape, Step
from tinyml_nas.features.steps.bands import BINNING, LOG_DB
from tinyml_nas.features.steps.concat import CONCAT
from tinyml_nas.features.steps.decimate import FE_DECIMATE
from tinyml_nas.features.steps.frame_step import FRAME_SIZE, require
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
    """The steps in the order in which they run; says so where that is not the order written."""
    steps = in_order(names, shape, settings)
    if (note := order_note(names, steps)) is not None:
        console.warning(note)
    return steps


def in_order(names: Sequence[str], shape: Shape, settings: Settings) -> tuple[Step, ...]:
    """The steps in the order in which they run; raises ``Misfit`` where frames of ``shape`` cannot.

    The order is that of ``names``, but for lists of TI's that cannot run as they are written.
    """
    steps = [_step(name) for name in names]
    check_known_use(names, settings)
    try:
        check_chain(steps, shape, settings)
    except Misfit as error:
        ordered = sorted(steps, key=_IN_STANDARD_ORDER.index)
        if ordered == steps:
            error.hint = error.hint or USUAL_ORDER
            raise
        check_chain(ordered, shape, settings)
        if tuple(names) not in TI_LISTS:
            raise Misfit(
                f"feat_ext_transform cannot run in this order: {error.message}",
                hint=f"This order works: {_listed(ordered)}.",
                step=error.step,
            ) from None
        return tuple(ordered)
    return tuple(steps)


def order_note(names: Sequence[str], steps: Sequence[Step]) -> str | None:
    """What there is to say where ``steps`` run in another order than ``names`` have."""
    if tuple(names) == tuple(step.name for step in steps):
        return None
    return f"feat_ext_transform is run in the order that TI's tools use: {_listed(steps)}."


def _listed(steps: Sequence[Step]) -> str:
    return ", ".join(step.name for step in steps)


def _step(name: str) -> Step:
    if name in STEPS:
        return STEPS[name]
    near = difflib.get_close_matches(name, STEPS, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(
        f"feat_ext_transform names {name!r}, which is no feature step.{guess}",
        hint=f"The steps are {', '.join(STEPS)}.",
    )


def check_known_use(names: Sequence[str], settings: Settings) -> None:
    """Raise ``Misfit`` for steps given twice, and for frames that nothing would join."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise Misfit(
            f"feat_ext_transform names {', '.join(twice)} twice.",
            hint="Name each step once.",
            step=twice[0],
        )
    if settings.frame_concat > 1 and CONCAT.name not in names:
        raise Misfit(
            f"num_frame_concat is {settings.frame_concat}, but no CONCAT joins the frames.",
            hint="Add CONCAT at the end of feat_ext_transform, or set num_frame_concat to 1.",
            keys=("num_frame_concat",),
        )


def check_chain(steps: Sequence[Step], shape: Shape, settings: Settings) -> Shape:
    """The shape of a model input; a ``Misfit`` names the step that cannot come where it is."""
    for step in steps:
        shape = _after(step, shape, settings)
    _check_end(shape.domain)
    return shape


def _after(step: Step, shape: Shape, settings: Settings) -> Shape:
    try:
        return step.check(shape, settings)
    except Misfit as error:
        raise error.at(step.name) from None


def check_domains(names: Sequence[str]) -> None:
    """Raise ``Misfit`` where the chain cannot run on frames of any length, as far as order tells.

    Steps that need frames ask for a ``frame_size``.
    """
    domain: Domain = "samples"
    for step in map(_step, names):
        try:
            require(step.name, step.accepts, domain)
        except Misfit as error:
            raise Misfit(error.message, hint=USUAL_ORDER, step=step.name) from None
        if step.framed:
            raise Misfit(
                f"{step.name} needs a frame_size of 2 samples or more.",
                hint=FRAME_SIZE,
                step=step.name,
                keys=("frame_size",),
            )
        domain = step.leaves or domain
    _check_end(domain)


def domain_after(names: Sequence[str]) -> Domain:
    """What the steps called ``names`` leave of samples."""
    left = (STEPS[name].leaves for name in reversed(names))
    return next((domain for domain in left if domain is not None), "samples")


def _check_end(domain: Domain) -> None:
    if domain.endswith("spectrum"):
        raise Misfit(
            "feat_ext_transform ends with complex numbers.",
            hint="Add ABS after FFT_FE, Q15_MAG after FFT_Q15.",
        )


def channel_names(
    steps: Sequence[Step], names: tuple[str, ...], shape: Shape, settings: Settings
) -> tuple[str, ...]:
    """The names of the channels of a model input, out of those of samples of ``shape``."""
    for step in steps:
        names = step.channel_names(names, shape, settings)
        shape = step.check(shape, settings)
    return names
