"""The one static HTML page of a run: no script, no request, the same bytes for the same results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinyml_nas.errors import ToolError
from tinyml_nas.files import write_whole
from tinyml_nas.report import summary
from tinyml_nas.report.drawings.axes import Chart, Series, line_chart
from tinyml_nas.report.drawings.flash_map import flash_map
from tinyml_nas.report.drawings.memory_map import memory_map
from tinyml_nas.report.drawings.task_plots import task_plots
from tinyml_nas.report.search_page import search_context
from tinyml_nas.results import format as fmt
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.run import Results
from tinyml_nas.results.trained import Model

STAGES = ("data", "features", "search", "train", "quantize", "export")
SPLITS = ("train", "validation", "test")


def write_report(results: Results, run: Path, out: Path) -> Path:
    """``out``, now the page that shows ``results`` and links to the files in the folder ``run``."""
    return write_page(render(results, _folder_link(run, out.parent)), out)


def write_page(html: str, out: Path) -> Path:
    """``out``, now with ``html``, all of it or nothing; raises ``ToolError``."""
    try:
        return write_whole(out, html)
    except OSError as error:
        raise ToolError(
            f"{out} cannot be written: {error.strerror}.",
            hint="Free some disk space, or close the program that holds the file.",
        ) from error


def render(results: Results, run_folder: str | None) -> str:
    """The page as text; ``run_folder`` is the way from the page to the run folder."""
    main = summary.main_model(results)
    return (
        html_environment()
        .get_template("page.html.j2")
        .render(
            results=results,
            sections=_sections(results),
            shared_groups=_shared_groups(results),
            splits=sorted(results.data.windows, key=_split_order),
            main=main,
            models=sorted(results.models, key=lambda model: model is not main),
            verdict=[_together(sentence) for sentence in summary.verdict_of(results)],
            cores=summary.measured_cores(results),
            device_core=fmt.code_core(results.device.core),
            shipped=summary.shipped_model(results),
            stage_seconds=_stage_seconds(results),
            metric=Metric(results.metric),
            mean_score=summary.mean_score,
            seed_scores=summary.seed_scores,
            train_charts=partial(_train_charts, metric=Metric(results.metric)),
            memory_map=memory_map,
            flash_map=flash_map,
            task_plots=task_plots,
            link=lambda path: _link(run_folder, path),
            **search_context(results),
        )
    )


def _sections(results: Results) -> tuple[str, ...]:
    """The stages; a comparison stands right behind what it judges."""
    if results.comparison is None:
        return STAGES
    after = STAGES.index("search") + 1
    return (*STAGES[:after], "comparison", *STAGES[after:])


def _stage_seconds(results: Results) -> dict[str, float]:
    """Seconds by stage; "train baseline" counts for "train"."""
    seconds: dict[str, float] = {}
    for name, spent in results.run.seconds.items():
        stage = name.split()[0] if name.split() else name
        seconds[stage] = seconds.get(stage, 0.0) + spent
    return seconds


def _shared_groups(results: Results) -> list[str]:
    """Groups that the record lists in more than one split: there should be none."""
    sides = Counter(str(g) for groups in results.data.split.groups.values() for g in set(groups))
    return sorted(group for group, count in sides.items() if count > 1)


def _split_order(split: str) -> tuple[int, str]:
    """The known splits first, in the order in which they are used."""
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS)), split


@cache
def html_environment() -> Environment:
    """The templates of this folder, with the filters that write numbers."""
    environment = Environment(
        loader=PackageLoader("tinyml_nas.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "count": fmt.count,
        "size": fmt.size,
        "capacity": fmt.capacity,
        "percent": fmt.percent,
        "figure": fmt.figure,
        "seconds": fmt.seconds,
        "milliseconds": fmt.milliseconds,
        "clock": fmt.clock,
        "latency": fmt.latency,
        "shape": fmt.shape,
        "core": fmt.core_title,
    }
    environment.filters.update({name: _unbroken(text) for name, text in filters.items()})
    return environment


def _together(sentence: str) -> str:
    """``sentence`` with figures that no line end tears apart."""
    return sentence.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")


def _unbroken(text: Callable[..., str]) -> Callable[..., str]:
    """``text`` with spaces that never break a line between a number and its unit."""
    return lambda *values: text(*values).replace(" ", "\u00a0")


def _train_charts(model: Model, metric: Metric) -> list[Chart]:
    history = model.training.history
    if not history:
        return []
    epochs, best = [epoch.epoch for epoch in history], model.training.best_epoch
    loss = [
        Series("training", [e.train_loss for e in history], "muted"),
        Series("validation", [e.validation_loss for e in history], "accent"),
    ]
    score = [Series("float", [e.validation_score for e in history], "accent")]
    charts = (
        line_chart("Loss", epochs, loss, fmt.plain, best_epoch=best),
        line_chart(f"Validation {metric.name}", epochs, score, metric.tick, best_epoch=best),
    )
    return [chart for chart in charts if chart is not None]


def _folder_link(run_folder: Path, page_folder: Path) -> str | None:
    """The relative address of the run folder, or ``None`` between two drives of Windows."""
    try:
        return Path(os.path.relpath(run_folder.resolve(), page_folder.resolve())).as_posix()
    except ValueError:
        return None


def _link(run_folder: str | None, path: str) -> str | None:
    """A relative address; quoted, so that it can never turn into another scheme."""
    return None if run_folder is None else quote(f"{run_folder}/{path.replace(chr(92), '/')}")
