"""The pictures of a test that the users of each task look for."""

from __future__ import annotations

from itertools import pairwise

from tinyml_nas.report.drawings.plot import Layer, Plot, plot
from tinyml_nas.results.task import (
    AnomalyTest,
    ClassificationTest,
    RegressionTest,
    Test,
)

SHOWN_TARGETS = 4
BINS = 24


def task_plots(test: Test, classes: list[str]) -> list[Plot]:
    """The plots of one test, in the order in which they are read."""
    match test:
        case ClassificationTest():
            plots = [_class_roc(test, classes)]
        case AnomalyTest():
            plots = [_error_shares(test), _anomaly_roc(test)]
        case RegressionTest(horizon=1):
            outputs = range(min(len(test.targets), SHOWN_TARGETS))
            plots = [p for k in outputs for p in (_against_actual(test, k), _residuals(test, k))]
        case RegressionTest():
            targets = range(min(len(test.targets), SHOWN_TARGETS))
            plots = [p for k in targets for p in (_forecast(test, k), _bands(test, k))]
    return [found for found in plots if found is not None]


def _class_roc(test: ClassificationTest, classes: list[str]) -> Plot | None:
    """One curve for each class against all others; one is enough for two."""
    named = list(zip(classes, test.roc, strict=False))
    shown = named[-1:] if len(named) == 2 else named
    lines = [
        Layer(f"{name} {roc.auc:.3f}", f"series-{i % 6}", [(x, y) for x, y in roc.curve])
        for i, (name, roc) in enumerate(shown)
        if roc.auc is not None and roc.curve
    ]
    if not lines:
        return None
    return plot("ROC", "false positives", "true positives", lines=[_diagonal(0, 1), *lines])


def _diagonal(low: float, high: float) -> Layer:
    return Layer("", "guide", [(low, low), (high, high)])


def _against_actual(test: RegressionTest, output: int) -> Plot | None:
    pairs = [
        (a[output], p[output]) for a, p in zip(test.shown.actual, test.shown.predicted, strict=True)
    ]
    values = [value for pair in pairs for value in pair]
    if not values:
        return None
    return plot(
        f"{test.targets[output]}: predicted against actual",
        "actual",
        "predicted",
        lines=[_diagonal(min(values), max(values))],
        dots=[Layer("test examples", "accent", pairs)],
    )


def _residuals(test: RegressionTest, output: int) -> Plot | None:
    """How often the errors are how large: a histogram as one outline."""
    errors = [
        p[output] - a[output] for a, p in zip(test.shown.actual, test.shown.predicted, strict=True)
    ]
    if not errors or min(errors) == max(errors):
        return None
    low, width = min(errors), (max(errors) - min(errors)) / BINS
    counts = [0] * BINS
    for error in errors:
        counts[min(int((error - low) / width), BINS - 1)] += 1
    edges = [low + width * i for i in range(BINS + 1)]
    steps = [
        (x, 100 * n / len(errors))
        for n, pair in zip(counts, pairwise(edges), strict=True)
        for x in pair
    ]
    return plot(
        f"{test.targets[output]}: residuals",
        "predicted − actual",
        "% of examples",
        areas=[Layer("", "accent", steps, [(x, 0.0) for x, _ in steps])],
        lines=[Layer("", "guide", [(0.0, 0.0), (0.0, max(y for _, y in steps))])],
    )


def _forecast(test: RegressionTest, target: int) -> Plot | None:
    """The last step of the forecast over the test side, with the band of 90 % of the errors."""
    output = (test.horizon - 1) * len(test.targets) + target
    at = test.shown.index
    actual = [(float(i), row[output]) for i, row in zip(at, test.shown.actual, strict=True)]
    predicted = [(float(i), row[output]) for i, row in zip(at, test.shown.predicted, strict=True)]
    if not at:
        return None
    below, above = test.error_quantiles[0][output], test.error_quantiles[-1][output]
    lower = [(i, value - above) for i, value in predicted]
    upper = [(i, value - below) for i, value in predicted]
    return plot(
        f"{test.targets[target]}: forecast {test.horizon} steps ahead",
        "test example",
        "",
        areas=[Layer("90 % of the errors", "band", lower, upper)],
        lines=[Layer("actual", "muted", actual), Layer("forecast", "accent", predicted)],
    )


def _bands(test: RegressionTest, target: int) -> Plot | None:
    """Quantiles of the error over the steps of the forecast."""
    width = len(test.targets)
    steps = [float(step) for step in range(1, test.horizon + 1)]
    rows = [list(zip(steps, row[target::width], strict=True)) for row in test.error_quantiles]
    if len(steps) < 2:
        return None
    return plot(
        f"{test.targets[target]}: errors by step",
        "steps ahead",
        "forecast − actual",
        areas=[
            Layer("90 %", "band", rows[0], rows[-1]),
            Layer("half of them", "accent", rows[1], rows[2]),
        ],
        lines=[Layer("", "guide", [(steps[0], 0.0), (steps[-1], 0.0)])],
    )


def _error_shares(test: AnomalyTest) -> Plot | None:
    """Share of the windows with an error of at most x, normal and not, and the threshold."""
    limit = 3 * test.threshold
    lines = []
    for label, tone, errors in (
        ("normal", "muted", test.errors.normal),
        ("anomalies", "accent", test.errors.anomaly),
    ):
        share = [(min(e, limit), 100 * i / (len(errors) - 1)) for i, e in enumerate(errors)]
        lines += [Layer(label, tone, share)] if share else []
    if not lines:
        return None
    return plot(
        "Reconstruction error",
        "mean squared error",
        "% of windows below",
        lines=[
            *lines,
            Layer("threshold", "limit", [(test.threshold, 0.0), (test.threshold, 100.0)]),
        ],
    )


def _anomaly_roc(test: AnomalyTest) -> Plot | None:
    if not test.roc.curve or test.auc is None:
        return None
    dots = []
    if test.false_alarms is not None and test.recall is not None:
        dots = [Layer("threshold", "limit", [(test.false_alarms, test.recall)])]
    curve = Layer(f"AUC {test.auc:.3f}", "accent", [(x, y) for x, y in test.roc.curve])
    return plot("ROC", "false alarms", "anomalies found", lines=[_diagonal(0, 1), curve], dots=dots)
