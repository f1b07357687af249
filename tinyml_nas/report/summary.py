"""The closing table of a run, and the sentence that says whether the search paid."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinyml_nas.report import format as fmt
from tinyml_nas.report.schema import Model, Parity, Results, parse_results

CORES = ("cortex-m0", "cortex-m4", "cortex-m33")


def summary_rows(results: dict[str, Any]) -> list[list[str]]:
    """Rows of text, the header first: a metric a row, a model a column."""
    return summary_table(parse_results(results))


def verdict(results: dict[str, Any]) -> str:
    """One or two plain sentences on the main model against the baseline."""
    return verdict_of(parse_results(results))


def summary_table(results: Results) -> list[list[str]]:
    """:func:`summary_rows` of a checked record."""
    core = linked_core(results)
    rows: list[tuple[str, Callable[[Model], str]]] = [
        ("Accuracy float (test)", lambda m: fmt.percent(m.accuracy.float.test)),
        ("Accuracy int8 (test)", lambda m: fmt.percent(m.accuracy.int8.test)),
        ("Parameters", lambda m: fmt.count(m.cost.parameters)),
        ("MACs", lambda m: fmt.count(m.cost.macs)),
        (f"Flash ({flash_origin(core)})", lambda m: fmt.size(flash_bytes(m, core))),
        ("Peak RAM (arena)", lambda m: fmt.size(m.cost.ram_bytes)),
        *(
            (f"Instructions {fmt.core_title(c)}", _instructions_on(c))
            for c in measured_cores(results) or CORES
        ),
        ("Bit-exact carriers", lambda m: carriers_text(m.parity)),
    ]
    header = ["", *(f"{model.name} ({model.role})" for model in results.models)]
    return [header, *([label, *map(cell, results.models)] for label, cell in rows)]


def main_model(results: Results) -> Model | None:
    """The model that the run is about: searched, else chosen, else whatever there is."""
    order = ("searched", "chosen", "baseline")
    return min(results.models, key=lambda model: order.index(model.role), default=None)


def baseline_model(results: Results) -> Model | None:
    """The model that the main one is compared with."""
    main = main_model(results)
    return next((m for m in results.models if m.role == "baseline" and m is not main), None)


def measured_cores(results: Results) -> tuple[str, ...]:
    """Cores on which instructions were counted, M0 first."""
    return tuple(sorted({c for m in results.models for c in m.instructions}, key=fmt.core_order))


def linked_core(results: Results) -> str | None:
    """The device's core, where every model was linked for it."""
    core = fmt.code_core(results.device.core)
    return core if all(core in model.linked for model in results.models) else None


def flash_bytes(model: Model, core: str | None) -> int:
    """Flash as linked for ``core``, or as computed from the graph."""
    return model.linked[core].flash_bytes if core else model.cost.flash_bytes


def flash_origin(core: str | None) -> str:
    """Where the figure of :func:`flash_bytes` is from."""
    return f"linked for {fmt.core_title(core)}" if core else "computed"


def carriers_text(parity: Parity | None) -> str:
    """``6 of 6``, with failures and gaps named; never silent on either."""
    if parity is None or not parity.carriers:
        return "not proven"
    counts = dict.fromkeys(("proven", "failed", "not proven"), 0)
    for carrier in parity.carriers:
        counts[carrier.status] += 1
    text = f"{counts['proven']} of {len(parity.carriers)}"
    rest = [f"{counts[status]} {status}" for status in ("failed", "not proven") if counts[status]]
    return ", ".join([text, *rest])


def tested_windows(results: Results, model: Model) -> int:
    """Number of test windows behind the model's accuracy."""
    matrix = model.confusion and (model.confusion.int8 or model.confusion.float)
    return sum(map(sum, matrix)) if matrix else results.data.windows.get("test", 0)


def accuracy_error(p: float, q: float, windows: int) -> float:
    """Standard error of the difference of two accuracies, each binomial over ``windows``."""
    return math.sqrt((p * (1 - p) + q * (1 - q)) / windows)


def verdict_of(results: Results) -> str:
    """:func:`verdict` of a checked record."""
    main, baseline = main_model(results), baseline_model(results)
    if main is None:
        return "No model was trained."
    if baseline is None:
        return (
            f"No baseline was trained beside {main.name}, so there is nothing to compare it with."
        )
    windows = tested_windows(results, main)
    for precision in ("int8", "float"):
        p, q = getattr(main.accuracy, precision).test, getattr(baseline.accuracy, precision).test
        if p is not None and q is not None and windows:
            figures = _figures(p, q, precision, windows)
            return f"{_opening(main, baseline, p, q, windows)}: {figures}. {_costs(main, baseline)}"
    return f"Without test windows, {main.name} and {baseline.name} cannot be compared."


def _opening(main: Model, baseline: Model, p: float, q: float, windows: int) -> str:
    subject = "The searched model" if main.role == "searched" else main.name
    if p == q or abs(p - q) < 2 * accuracy_error(p, q, windows):
        return f"{subject} and the baseline {baseline.name} do not differ beyond noise"
    return f"{subject} {'beats' if p > q else 'loses to'} the baseline {baseline.name}"


def _figures(p: float, q: float, precision: str, windows: int) -> str:
    error = 100 * accuracy_error(p, q, windows)
    return (
        f"{fmt.percent(p)} against {fmt.percent(q)} in {precision} on {windows:,} test windows, "
        f"a difference of {fmt.points(p - q)} points with a standard error of {error:.1f}"
    )


def _costs(main: Model, baseline: Model) -> str:
    parts = [
        f"{_relative(mine, theirs)} {unit}"
        for mine, theirs, unit in (
            (main.cost.parameters, baseline.cost.parameters, "parameters"),
            (main.cost.macs, baseline.cost.macs, "MACs"),
            (main.cost.ram_bytes, baseline.cost.ram_bytes, "peak RAM"),
        )
    ]
    return f"It needs {parts[0]}, {parts[1]} and {parts[2]} of the baseline."


def _relative(mine: int, theirs: int) -> str:
    return f"{mine / theirs:.2f}× the" if theirs else f"{mine:,} against no"


def _instructions_on(core: str) -> Callable[[Model], str]:
    return lambda model: fmt.count(model.instructions.get(core))
