"""What ``results.json`` says of a model's test, task by task."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tinyml_nas.results.record import Count, Fraction, Matrix, Record, Score


class Roc(Record):
    """Points [false positives, true positives]; no area where a side has no examples."""

    auc: Fraction | None = None
    curve: list[tuple[Fraction, Fraction]] = []


class ClassificationTest(Record):
    """Test counts; rows of ``confusion`` are true classes, columns predicted ones.

    ``roc`` has one curve for each class against all others.
    """

    examples: Count
    f1: Fraction
    confusion: Matrix
    roc: list[Roc] = []


class Shown(Record):
    """Some of the test examples: their number, what they were and what was predicted."""

    index: list[Count]
    actual: list[list[float]]
    predicted: list[list[float]]


class RegressionTest(Record):
    """Errors by output, in the units of the targets; outputs go by step, then by target.

    ``mse_normalized`` is in units of the targets' variance in training.  ``error_quantiles`` are
    the errors' 5, 25, 75 and 95 %.  ``naive_mae`` is that of a forecast that repeats the last
    value, ``mase`` what the model's is of it.
    """

    examples: Count
    targets: list[str]
    horizon: Count
    r2: list[Score]
    rmse: list[float]
    mae: list[float]
    mse_normalized: float
    smape: float
    error_quantiles: list[list[float]]
    shown: Shown
    naive_mae: float | None = None
    mase: float | None = None


class Errors(Record):
    """Quantiles of the reconstruction error, evenly spaced from the least to the largest."""

    normal: list[float]
    anomaly: list[float]


class Detection(Record):
    """What a threshold flags: rows of ``confusion`` are normal windows, then anomalies.

    The threshold is the mean error of normal windows and ``sigmas`` standard deviations.
    """

    threshold: float
    sigmas: float
    confusion: Annotated[Matrix, Field(min_length=2, max_length=2)]
    precision: Fraction | None
    recall: Fraction | None
    f1: Fraction | None
    false_alarms: Fraction | None


class AnomalyTest(Detection):
    """The shipped threshold among others; ``auc`` is empty without anomalies in the test."""

    examples: Count
    auc: Fraction | None
    errors: Errors
    roc: Roc
    thresholds: list[Detection] = []


Test = AnomalyTest | RegressionTest | ClassificationTest


class Tests(Record):
    """The test before and after quantization; empty where none was run."""

    float: Test | None = None
    int8: Test | None = None
