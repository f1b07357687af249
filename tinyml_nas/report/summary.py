"""The closing table of a run, and the sentences that say whether the search paid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyml_nas.report.verdict_words import COSTS_TOLD, shipped_sentences, verdict_sentence
from tinyml_nas.results import format as fmt
from tinyml_nas.results.export import STREAM_CARRIER, Parity
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.reach_words import too_little
from tinyml_nas.results.run import Results
from tinyml_nas.results.task import AnomalyTest, RegressionTest
from tinyml_nas.results.trained import Model

CORES = ("cortex-m0", "cortex-m4", "cortex-m33")
SHOWN_TARGETS = 4
LOST = 0.02
"""What int8 may lose of a score before the verdict says so."""


def summary_table(results: Results) -> list[list[str]]:
    """Rows of text, the header first: a metric a row, a model a column."""
    metric = Metric(results.metric)
    rows: list[tuple[str, Callable[[Model], str]]] = [
        (f"{metric.title} float (test)", lambda m: score_text(m, "float", metric)),
        (f"{metric.title} int8 (test)", lambda m: score_text(m, "int8", metric)),
        *(
            [("  of the shipped seed", lambda m: metric.value(m.score.int8.test))]
            if any(len(seed_scores(model, "int8")) > 1 for model in results.models)
            else []
        ),
        *_task_rows(results),
        *(
            [("Sees of a window at once", lambda m: m.reach.words if m.reach else fmt.MISSING)]
            if any(model.reach for model in results.models)
            else []
        ),
        ("Parameters", lambda m: fmt.count(m.cost.parameters)),
        ("MACs", lambda m: fmt.count(m.cost.macs)),
        (f"Flash (promised for {results.device.name})", lambda m: fmt.size(m.flash_bytes)),
        *(
            [(f"  linked for {fmt.core_title(core)}{_alone(results)}", _linked_for(core))]
            if (core := linked_core(results))
            else []
        ),
        ("Peak RAM (arena)", lambda m: fmt.size(m.ram_bytes)),
        *_npu_rows(results),
        *(
            (f"Instructions {fmt.core_title(c)}", _instructions_on(c))
            for c in measured_cores(results) or CORES
        ),
        ("Bit-exact carriers", lambda m: carriers_text(m.parity)),
        *_stream_rows(results),
    ]
    header = ["", *(f"{model.name} ({model.role})" for model in results.models)]
    return [header, *([label, *map(cell, results.models)] for label, cell in rows)]


def _npu_rows(results: Results) -> list[tuple[str, Callable[[Model], str]]]:
    """What the accelerator needs for an inference, where a model has a program for it."""
    if not any(model.npu_program for model in results.models):
        return []

    def cycles(model: Model) -> str:
        program = model.npu_program
        if program is None:
            return fmt.MISSING
        return f"{fmt.count(program.cycles)}, {fmt.latency(program.seconds)}"

    compiler = next(m.npu_program.compiler for m in results.models if m.npu_program).split()[0]
    return [(f"NPU cycles ({compiler}'s estimate)", cycles)]


def _stream_rows(results: Results) -> list[tuple[str, Callable[[Model], str]]]:
    """Whether the accelerator's program was executed, and gave the same bits."""
    if not any(stream_status(model) for model in results.models):
        return []
    return [(STREAM_CARRIER, lambda model: stream_status(model) or fmt.MISSING)]


def stream_status(model: Model) -> str | None:
    """``proven``, ``failed`` or ``not proven``; None for a model without such a program."""
    carriers = model.parity.carriers if model.parity else []
    streams = (c.status for c in carriers if c.name.startswith(STREAM_CARRIER))
    return next(streams, None)


def _alone(results: Results) -> str:
    """What tells the C of the core from that of the NPU, where there are both."""
    return " alone" if any(model.npu_program for model in results.models) else ""


def _linked_for(core: str) -> Callable[[Model], str]:
    return lambda model: fmt.size(model.linked[core].flash_bytes)


def _task_rows(results: Results) -> list[tuple[str, Callable[[Model], str]]]:
    """What the users of a task ask for beside its score: of the int8 model, else of the float."""
    match [model.test.int8 or model.test.float for model in results.models]:
        case [AnomalyTest(), *_]:
            return [
                ("  anomalies found", _of_test(lambda test: fmt.percent(test.recall))),
                ("  false alarms", _of_test(lambda test: fmt.percent(test.false_alarms))),
            ]
        case [RegressionTest(mase=None, targets=targets), *_]:
            shown = enumerate(targets[:SHOWN_TARGETS])
            return [(f"  RMSE of {name}", _of_test(_rmse_of(i))) for i, name in shown]
        case [RegressionTest(), *_]:
            of_naive = _of_test(lambda test: fmt.percent(test.mase))
            return [("  error, of the naive forecast's", of_naive)]
    return []


def _rmse_of(target: int) -> Callable[[Any], str]:
    return lambda test: fmt.figure(test.rmse[target])


def _of_test(text: Callable[[Any], str]) -> Callable[[Model], str]:
    """``text`` of a model's test, if it was tested."""

    def cell(model: Model) -> str:
        test = model.test.int8 or model.test.float
        return text(test) if test else fmt.MISSING

    return cell


def main_model(results: Results) -> Model | None:
    """The model that the run is about: searched, else chosen, else whatever there is."""
    order = ("searched", "chosen", "baseline", "zoo", "random")
    return min(results.models, key=lambda model: order.index(model.role), default=None)


def shipped_model(results: Results) -> Model | None:
    """The model whose files lie in ``export`` itself."""
    role = results.shipped.role if results.shipped else None
    return next((m for m in results.models if m.role == role), main_model(results))


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


def seed_scores(model: Model, precision: str) -> list[float]:
    """Test score of every seed that has one."""
    values = (getattr(seed, f"{precision}_test") for seed in model.seeds)
    return [value for value in values if value is not None]


def mean_score(model: Model, precision: str) -> float | None:
    """Mean over the seeds, or the score of the only training."""
    seeds = seed_scores(model, precision)
    shipped: float | None = getattr(model.score, precision).test
    return sum(seeds) / len(seeds) if len(seeds) > 1 else shipped


def score_text(model: Model, precision: str, metric: Metric) -> str:
    """``94.8 ± 0.3 % (3 seeds)``, or ``94.8 %`` where there was one training."""
    seeds = len(seed_scores(model, precision))
    sd = getattr(model.score_sd, precision) if seeds > 1 else None
    return metric.spread(mean_score(model, precision), sd, seeds)


def verdict_of(results: Results) -> list[str]:
    """Plain sentences on the main model against its controls and the baseline."""
    main = main_model(results)
    if main is None:
        return ["No model was trained."]
    metric, others = Metric(results.metric), {str(m.role): m for m in results.models}
    sentences = [
        verdict_sentence(verdict, others[verdict.other], metric)
        for verdict in results.verdicts
        if verdict.other in others
    ]
    baseline = baseline_model(results)
    if baseline is not None:
        if not any(verdict.other == baseline.role for verdict in results.verdicts):
            sentences.append(_not_compared(main, baseline))
        if results.shipped is None or results.shipped.reason not in COSTS_TOLD:
            sentences.append(_costs(main, baseline))
    elif len(results.models) == 1:
        sentences.append(
            f"No baseline was trained beside {main.name}, so there is nothing to compare it with."
        )
    if main.reach and main.reach.is_little(results.task):
        sentences.append(too_little(main.name, main.reach))
    return [*sentences, *_lost(main, metric), *shipped_sentences(results)]


def _not_compared(main: Model, baseline: Model) -> str:
    names = f"{main.name} and {baseline.name} cannot be compared"
    if None in (main.score.float.test, baseline.score.float.test):
        return f"Without test windows, {names}."
    return f"This run is older than verdicts, or a score is no number: {names}."


def _lost(main: Model, metric: Metric) -> list[str]:
    """A sentence where int8 loses much of the score."""
    before, after = mean_score(main, "float"), mean_score(main, "int8")
    if before is None or after is None or before - after <= LOST:
        return []
    return [
        f"Int8 loses {metric.difference(before - after).lstrip('+')}{metric.unit} against float: "
        "the report's table of layers shows where; more qat_epochs or calibration: mse may help."
    ]


def _costs(main: Model, baseline: Model) -> str:
    parts = [
        f"{_relative(mine, theirs)} {unit}"
        for mine, theirs, unit in (
            (main.cost.parameters, baseline.cost.parameters, "parameters"),
            (main.cost.macs, baseline.cost.macs, "MACs"),
            (main.ram_bytes, baseline.ram_bytes, "peak RAM"),
        )
    ]
    return f"{main.name} needs {parts[0]}, {parts[1]} and {parts[2]} of the baseline."


def _relative(mine: int, theirs: int) -> str:
    return f"{mine / theirs:.2f}× the" if theirs else f"{mine:,} against no"


def _instructions_on(core: str) -> Callable[[Model], str]:
    """Instructions on ``core``, with the compiler beside each where they differ."""

    def cell(model: Model) -> str:
        counts = {
            name: fmt.count(b.instructions) for name, b in model.compilers.get(core, {}).items()
        }
        if len(set(counts.values())) > 1:
            return " / ".join(f"{count} {name}" for name, count in counts.items())
        return fmt.count(model.instructions.get(core))

    return cell
