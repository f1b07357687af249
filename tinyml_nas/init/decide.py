"""From what was seen to a configuration: each decision with its reason, for whoever reads it.

No decision looks at how well classes can be told apart: that would be a choice made on the test
side.  Rates, periods and lengths know nothing of labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from tinyml_nas.config.presets.features import FEATURE_PRESETS
from tinyml_nas.config.sections.common import Task
from tinyml_nas.cost.budget import Budget
from tinyml_nas.data.doctor.rhythm import clock_words
from tinyml_nas.devices import load_device
from tinyml_nas.errors import DataError
from tinyml_nas.graph import Shape
from tinyml_nas.init.survey import Column, Survey
from tinyml_nas.init.target import Labels
from tinyml_nas.zoo.default import Default, default_model

PERIODS = 4
"""Periods of the signal in a window: enough to see it repeat whatever its phase."""
SMALLEST, LARGEST, USUAL = 16, 1024, 128
SPECTRAL = 64
"""Samples from which a spectrum has bins enough to tell signals apart."""
SHORT, MANY_RECORDINGS = 512, 60
"""So many recordings of one length up to this are taken as windows."""
FORECAST_LARGEST = 128
"""A forecast looks back at less: every further sample is one that the next value has less of."""
FAST = 0.08
"""Mean frequency in cycles per sample above which a spectrum says more than the samples."""
TEST_SHARE = 0.2
FEW_WINDOWS, MANY_WINDOWS = 300, 20_000
EXAMPLES_PER_MINUTE = 150_000_000
"""Samples (windows × length × channels) that a CLS_4k trains on in a minute of two cores."""
MINUTES = 2.0
ENOUGH_WINDOWS, MANY_CLASSES, FOR_MANY_CLASSES = 32_000, 10, 48_000
"""Windows to be seen in a training, each as often as it comes; ten classes want more of them."""
FEWEST_EPOCHS: Mapping[Task, int] = {"classification": 15}
USUAL_EPOCHS = 60
"""Epochs at least, however many windows there are; the tasks without a figure take the usual."""
DEVICE = "cortex-m4"
"""The target until the user names one."""


@dataclass(frozen=True)
class Choice:
    """A value, and why it was chosen."""

    value: str
    why: str


@dataclass(frozen=True)
class Plan:
    """Everything that the YAML says."""

    task: Task
    task_why: str
    labels: Labels
    variables: tuple[Column, ...]
    left_out: tuple[tuple[Column, str], ...]
    split: Choice
    frame: int
    frame_why: str
    stride: float
    stride_why: str
    preset: str | None
    chain: tuple[str, ...]
    features_why: str
    model: Default
    epochs: int
    batch: int
    epochs_why: str
    windows: int


def decide(survey: Survey, labels: Labels) -> Plan:
    """The plan for ``survey``; raises ``DataError`` where no column can be learned from."""
    variables, left_out = _variables(survey, labels)
    if not variables:
        raise DataError(
            f"{survey.path} has no column of numbers that change.",
            hint="A recording is a table of numbers, one row per sample, one column per channel.",
        )
    split = _split(labels)
    frame, frame_why = _frame(survey, labels, split.value)
    fast = _is_fast(survey, labels, frame)
    stride, stride_why, windows = _stride(labels, frame)
    preset, chain = _features(frame, len(variables)) if fast else (None, ())
    shape = Shape(len(variables), frame)
    epochs, batch, epochs_why = epochs_for(labels.task, windows, shape, len(labels.recordings))
    return Plan(
        task=labels.task,
        task_why=labels.why,
        labels=labels,
        variables=variables,
        left_out=left_out,
        split=split,
        frame=frame,
        frame_why=frame_why,
        stride=stride,
        stride_why=stride_why,
        preset=preset,
        chain=chain,
        features_why=_features_why(survey, labels, fast, frame),
        model=_model(labels, shape, series=not fast),
        epochs=epochs,
        batch=batch,
        epochs_why=epochs_why,
        windows=windows,
    )


def _variables(
    survey: Survey, labels: Labels
) -> tuple[tuple[Column, ...], tuple[tuple[Column, str], ...]]:
    """The columns to learn from, and the others with the reason."""
    used, left_out = [], []
    for column in survey.columns:
        why = labels.columns.get(column.name, "")
        if not why and column.counter:
            why = "counts the rows"
        elif not why and column.clock:
            why = clock_words(column.clock, column.name)
        elif not why and not column.numeric:
            why = "holds text"
        elif not why and column.constant:
            why = f"is always {column.low:g}"
        if why:
            left_out.append((column, why))
        else:
            used.append(column)
    return tuple(used), tuple(left_out)


def _split(labels: Labels) -> Choice:
    if labels.group_by is not None:
        apart = "" if labels.split_groups else ", and nobody may be on two sides of the split"
        return Choice("by_group", f"{labels.group_seen}{apart}")
    fewest = min(labels.recordings.values())
    if fewest >= 4:
        what = "in the smallest class" if len(labels.recordings) > 1 else "in all"
        return Choice("amongst_files", f"{fewest} recordings {what} are enough for three sides")
    of_class = " of a class" if len(labels.recordings) > 1 else ""
    why = f"{fewest} recording{'s' * (fewest > 1)}{of_class} cannot be divided among three sides"
    return Choice("within_files", f"{why}: each one is cut into three stretches of time")


def _frame(survey: Survey, labels: Labels, split: str) -> tuple[int, str]:
    """Samples of a window: some periods, as a power of two, as far as the recordings allow."""
    lengths = sorted(labels.lengths)
    within = split == "within_files"
    alike = lengths[0] == lengths[-1] <= SHORT and len(lengths) >= MANY_RECORDINGS
    if alike and not within and labels.task in ("classification", "anomaly"):
        return lengths[0], f"every recording has {lengths[0]} samples: each one is a window"
    # nine of ten recordings give at least two windows, or a side of each gives one
    tenth = lengths[len(lengths) // 10]
    room = max(2, int(tenth * TEST_SHARE) if within else tenth // 2)
    wanted, why = float(USUAL), "no period was found: the usual length"
    if survey.period is not None:
        few = sum(lengths) < FEW_WINDOWS * PERIODS * survey.period / 4
        periods = PERIODS // 2 if few else PERIODS
        wanted = periods * survey.period
        why = f"about {periods} of the {survey.period:.0f} samples after which the signal repeats"
    elif survey.clock is not None and 2 * survey.clock.rate_hz >= SMALLEST:
        wanted = 2 * survey.clock.rate_hz
        why = "about two seconds; no period was found"
    frame = 2 ** round(log2(max(wanted, 1)))
    largest = FORECAST_LARGEST if labels.task == "forecasting" else LARGEST
    bounded = max(SMALLEST, min(largest, frame))
    if bounded != frame:
        why += f", kept between {SMALLEST} and {largest}"
    if bounded < SPECTRAL <= room and _is_spectral(survey, labels):
        bounded, why = SPECTRAL, f"{why}, raised to {SPECTRAL} for a spectrum"
    if bounded > room:
        bounded = 2 ** int(log2(room))
        why += f", as far as recordings of {tenth} samples allow"
    return bounded, why


def _stride(labels: Labels, frame: int) -> tuple[float, str, int]:
    """Step between windows as a share of a window, why, and how many windows that gives."""

    def count(stride: float) -> int:
        hop = max(1, int(stride * frame + 0.5))
        read = sum((length - frame) // hop + 1 for length in labels.lengths if length >= frame)
        return read * labels.files // max(1, labels.files_read)

    if max(labels.lengths) == frame:
        return 1.0, "windows do not overlap", count(1.0)
    if count(0.5) < FEW_WINDOWS:
        return 0.25, "three quarters overlap, because there are few windows", count(0.25)
    if count(0.5) > MANY_WINDOWS:
        return 1.0, "no overlap, because there are many windows", count(1.0)
    return 0.5, "half a window", count(0.5)


def _is_spectral(survey: Survey, labels: Labels) -> bool:
    return labels.task in ("classification", "anomaly") and survey.frequency > FAST


def _is_fast(survey: Survey, labels: Labels, frame: int) -> bool:
    return _is_spectral(survey, labels) and frame >= SPECTRAL and frame & (frame - 1) == 0


def _features(frame: int, channels: int) -> tuple[str | None, tuple[str, ...]]:
    """A preset that is the spectrum of such frames, or its steps where there is none."""
    for name, preset in FEATURE_PRESETS.items():
        shape = (preset.values.get("frame_size"), preset.values.get("variables"))
        if preset.family == "FFT" and shape == (frame, channels):
            return name, preset.chain
    return None, ("FFT_FE", "FFT_POS_HALF", "ABS", "DC_REMOVE", "LOG_DB")


def _features_why(survey: Survey, labels: Labels, fast: bool, frame: int) -> str:
    if labels.task in ("regression", "forecasting"):
        return "each channel is normalized; that suits values that follow one another"
    period = 1 / max(survey.frequency, 1e-6)
    pace = f"{period:.1f} samples a period" if period < 10 else f"{period:.0f} samples a period"
    if survey.clock is not None:
        rate = survey.clock.rate_hz
        pace = f"{survey.frequency * rate:.3g} Hz, {pace}"
        window = f"a window of {1000 * frame / rate:.3g} ms"
    else:
        window = f"a window of {frame} samples"
    if fast:
        return (
            f"the energy lies around {pace}: a spectrum ignores its phase, and what comes before "
            "what; `explore` compares both"
        )
    if survey.frequency > FAST:
        return f"{window} is too short for a spectrum (energy around {pace}): its shape counts"
    return f"the signal is slow (energy around {pace}): its shape counts; `explore` compares both"


def _model(labels: Labels, shape: Shape, series: bool) -> Default:
    """The zoo's default for windows of ``shape`` or, where not ``series``, for their spectra."""
    device = load_device(DEVICE)
    budget = Budget(device.flash_bytes, device.ram_bytes)
    outputs = len(labels.recordings) if labels.task == "classification" else 1
    return default_model(labels.task, shape, outputs, series, device, budget)


def epochs_for(task: Task, windows: int, shape: Shape, classes: int) -> tuple[int, int, str]:
    """Epochs, batch size, and why: about ``MINUTES`` of two cores for the whole training.

    What counts is how many windows of ``shape`` are seen, hardly in how many steps.
    """
    batch = 64 if windows >= 1000 else 32 if windows >= 300 else 16
    windows = max(1, windows)
    seen = FOR_MANY_CLASSES if classes >= MANY_CLASSES else ENOUGH_WINDOWS
    wanted = max(FEWEST_EPOCHS.get(task, USUAL_EPOCHS), -(-seen // windows))
    affordable = EXAMPLES_PER_MINUTE * MINUTES / (windows * shape.size)
    epochs = int(max(10, min(wanted, affordable)))
    return epochs, batch, f"about {windows:,} windows: minutes on two cores"
