"""Unusual channels of the training windows: dead, doubled, clipped, spiky, or a label."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.results.exploration import Finding

Windows = NDArray[np.float32]

TWIN = 0.999
"""Correlation from which one of two channels says nothing new."""
CLIPPED_SHARE = 0.005
"""Share of samples at the very largest or smallest value from which a channel looks clipped."""
ROW = 0.5
"""Share of those samples that are followed by another one: a wave only touches its peak."""
PILE = 4
"""So many times the samples at the next value: more than at the peak of a slow, coarse wave."""
FEW_LEVELS = 32
"""A channel with fewer different values is a switch, not a clipped wave."""
SPIKE = 50.0
"""Standard deviations from which one extreme sample wastes the range of int8."""
PURE, LEVELS_PER_CLASS = 0.9, 4
"""A column with few values is the label if so large a share of windows has its value's class."""
EVEN = 0.95
"""Share of equal steps from which a rising channel is a clock."""
MOST_SAMPLES = 200_000


def channel_findings(x: Windows, names: tuple[str, ...]) -> list[Finding]:
    """What stands out in windows x (N, C, L), channel by channel."""
    findings: list[Finding] = []
    dead = []
    for index, name in enumerate(names):
        channel = x[:, index].astype(np.float64)
        if channel.size and np.ptp(channel) == 0:
            dead.append(index)
            what = f"Channel {name!r} is constant in the training windows."
            findings.append(Finding("warning", what, name, "Leave it out of variables."))
        else:
            findings += [*_clock(channel, name), *_clipped(channel, name), *_spiky(channel, name)]
    alive = [index for index in range(len(names)) if index not in dead]
    return findings + _twins(x[:, alive], tuple(names[index] for index in alive))


def _clock(channel: NDArray[np.float64], name: str) -> list[Finding]:
    """Whether nearly all steps are the same; the others are gaps, where lines were removed."""
    steps = np.diff(channel, axis=1)
    usual = float(np.median(steps)) if steps.size else 0.0
    rounding = 4 * float(np.finfo(np.float32).eps) * float(np.abs(channel).max(initial=0))
    even = np.abs(steps - usual) <= max(1e-3 * usual, rounding)
    if usual <= rounding or even.mean() < EVEN:
        return []
    what = f"Channel {name!r} rises evenly like a clock; is it a time column?"
    return [Finding("error", what, name, "Leave it out of variables.")]


def _clipped(channel: NDArray[np.float64], name: str) -> list[Finding]:
    """Stretches at an end of the range; a rest at zero is none."""
    if len(np.unique(channel.ravel()[:MOST_SAMPLES])) < FEW_LEVELS:
        return []
    findings = []
    for side, end in (("largest", channel.max()), ("smallest", channel.min())):
        at_end = channel == end
        share, inner = float(at_end.mean()), at_end[:, :-1]
        in_row = float(at_end[:, 1:][inner].mean()) if inner.any() else 0.0
        if end != 0 and share >= CLIPPED_SHARE and in_row >= ROW and _piled(channel, end):
            what = (
                f"Channel {name!r} stays at its {side} value {end:g} for {share:.1%} of the "
                "samples: it looks clipped."
            )
            mend = "Lower the gain of the sensor, or record with a larger range."
            findings.append(Finding("warning", what, name, mend))
    return findings


def _piled(channel: NDArray[np.float64], end: float) -> bool:
    """Whether samples pile up at an end: a slow wave of few levels is at the next one as often."""
    inner = channel[channel != end]
    beside = inner[np.abs(inner - end).argmin()]
    return bool((channel == end).sum() >= PILE * (channel == beside).sum())


def _spiky(channel: NDArray[np.float64], name: str) -> list[Finding]:
    spread = float(channel.std())
    largest = float(np.abs(channel - channel.mean()).max())
    if not spread or largest < SPIKE * spread:
        return []
    what = (
        f"Channel {name!r} has samples {largest / spread:.0f} standard deviations from its mean, "
        "which spends the range of int8 on them."
    )
    return [Finding("warning", what, name, "Remove such samples, or set calibration: percentile.")]


def _twins(x: Windows, names: tuple[str, ...]) -> list[Finding]:
    """Pairs of channels that are the same, up to offset and scale."""
    if len(names) < 2 or x.shape[0] * x.shape[2] < 3:
        return []
    samples = np.swapaxes(x, 0, 1).reshape(len(names), -1).astype(np.float64)
    samples = samples[:, :: -(-samples.shape[1] // MOST_SAMPLES)]
    if (samples.std(axis=1) == 0).any():
        return []
    r = np.asarray(np.corrcoef(samples))
    findings = []
    for a, b in zip(*np.nonzero(np.triu(np.abs(r) > TWIN, 1)), strict=True):
        same = (
            "are the same"
            if np.array_equal(samples[a], samples[b])
            else f"go as one (r {r[a, b]:.4f})"
        )
        what = f"Channels {names[a]!r} and {names[b]!r} {same}: one of them costs and adds nothing."
        where = f"{names[a]}, {names[b]}"
        findings.append(Finding("warning", what, where, "Leave one out of variables."))
    return findings


def label_leaks(
    x: Windows, y: NDArray[np.int64], names: tuple[str, ...], class_names: tuple[str, ...]
) -> list[Finding]:
    """Channels whose value alone tells every class, so that they may be the label itself.

    A channel that keeps one value within each window, and hardly shares it between classes, is one;
    a channel whose means lie apart for every class may be a recording's offset instead.
    """
    findings = []
    for index, name in enumerate(names):
        channel = x[:, index]
        still = bool((np.ptp(channel, axis=1) == 0).all())
        means = channel.mean(axis=1, dtype=np.float64)
        if np.ptp(means) == 0:
            continue
        if still and _numbers_classes(means, y, len(class_names)):
            what = f"Channel {name!r} has one value for each class: it looks like the label."
            findings.append(Finding("error", what, name, "Leave it out of variables."))
        elif _apart(means, y, len(class_names)):
            what = f"The mean of channel {name!r} alone tells all classes apart."
            mend = "If that is an offset of the sensor and not of the class, add RAW_FE."
            findings.append(Finding("hint", what, name, mend))
    return findings


def _numbers_classes(values: NDArray[np.float64], y: NDArray[np.int64], classes: int) -> bool:
    """Whether few values stand for nearly one class each, and not all for the same one."""
    different, code = np.unique(values, return_inverse=True)
    if len(different) > LEVELS_PER_CLASS * classes:
        return False
    table = np.zeros((len(different), classes), dtype=np.int64)
    np.add.at(table, (code, y), 1)
    favorites = {int(label) for label in table.argmax(axis=1)}
    return len(favorites) == len(np.unique(y)) and table.max(axis=1).sum() >= PURE * len(y)


def _apart(values: NDArray[np.float64], y: NDArray[np.int64], classes: int) -> bool:
    """Whether the ranges of the classes do not meet."""
    present = [values[y == label] for label in range(classes) if (y == label).any()]
    ranges = sorted((float(v.min()), float(v.max())) for v in present)
    return len(ranges) > 1 and all(low[1] < high[0] for low, high in pairwise(ranges))
