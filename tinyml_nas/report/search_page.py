"""What the page says on the search: its budget, its candidates, its front, its cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyml_nas.report.drawings.axes import Chart, Series, line_chart
from tinyml_nas.report.drawings.cells import draw_cells, edge_plots
from tinyml_nas.report.drawings.front import front_charts
from tinyml_nas.report.drawings.versus import versus
from tinyml_nas.report.genome import genome_words
from tinyml_nas.report.resources import RESOURCES, binding_text, budget_lines, refusals
from tinyml_nas.results import format as fmt
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.run import Results
from tinyml_nas.results.search import Cells, Limits, Search

NEAR = 2.0  # a limit further than this above a curve would only flatten it


def search_context(results: Results) -> dict[str, Any]:
    """Names for the templates of the search and of the comparison."""
    search, comparison, metric = results.search, results.comparison, Metric(results.metric)
    return {
        "versus": versus(comparison, results.verdicts, metric) if comparison else None,
        **(_overview(search, metric) if search else {}),
        **(
            _cells(search.cells, search.budget, metric)
            if search and search.cells
            else {"cells": []}
        ),
    }


def _overview(search: Search, metric: Metric) -> dict[str, Any]:
    chosen = search.chosen_point
    return {
        "budget_lines": budget_lines(search),
        "binding": binding_text(search),
        "refusals": refusals(search),
        "front_charts": front_charts(search, metric),
        "front": sorted(search.front, key=lambda point: (-point.score, point.flash_bytes)),
        "genome": genome_words(chosen.genome) if chosen else [],
    }


def _cells(cells: Cells, budget: Limits, metric: Metric) -> dict[str, Any]:
    kinds = (("Normal cell", "normal"), ("Reduction cell", "reduce"))
    plots = [(title, edge_plots(cells, kind)) for title, kind in kinds]
    return {
        "cells": draw_cells(cells),
        "cell_charts": _cell_charts(cells, budget, metric),
        "alphas": [(title, edges) for title, edges in plots if edges],
    }


def _cell_charts(cells: Cells, budget: Limits, metric: Metric) -> list[Chart]:
    history = cells.history
    if not history:
        return []
    epochs = [epoch.epoch for epoch in history]
    loss = [
        Series("training", [e.train_loss for e in history], "muted"),
        Series("validation", [e.validation_loss for e in history], "accent"),
    ]
    validation = [Series("supernet", [e.validation_score for e in history], "accent")]
    score = [Series("compared by the rule", [e.score for e in history], "accent")]
    entropy = [Series("of the alphas, 1 is undecided", [e.entropy for e in history], "accent")]
    skips = [Series("share of the derived cell", [e.skip_share for e in history], "accent")]

    def chart(title: str, series: list[Series], tick: Callable[[float], str]) -> Chart | None:
        return line_chart(title, epochs, series, tick, best_epoch=cells.best_epoch)

    charts = [
        chart("Loss", loss, fmt.plain),
        chart(f"Validation {metric.name}", validation, metric.tick),
        _cost_chart(cells, epochs, "parameters", "Parameters", fmt.thousands, None),
        *(
            _cost_chart(cells, epochs, key, r.title, r.tick, getattr(budget, key))
            for key, r in RESOURCES.items()
        ),
        chart("Entropy", entropy, fmt.plain),
        chart("Skip connections", skips, fmt.whole_percent),
        chart("Score", score, fmt.plain),
    ]
    return [chart for chart in charts if chart is not None]


def _cost_chart(
    cells: Cells,
    epochs: list[int],
    key: str,
    title: str,
    tick: Callable[[float], str],
    limit: float | None,
) -> Chart | None:
    """The cost expected over the alphas and that of the derived network, below the budget."""
    expected = [getattr(epoch, f"expected_{key}") for epoch in cells.history]
    derived = [getattr(epoch, key) for epoch in cells.history]
    series = [
        Series("expected in the supernet", expected, "muted"),
        Series("derived network", derived, "accent"),
    ]
    known = [value for value in (*expected, *derived) if value is not None]
    if not any(known):  # a cost that the device's model does not know
        return None
    if limit is not None and limit <= NEAR * max(known):
        series.append(Series("budget", [limit] * len(epochs), "limit"))
    return line_chart(title, epochs, series, tick, best_epoch=cells.best_epoch)
