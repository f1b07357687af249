"""Verdicts in sentences, and which folder holds which model."""

from __future__ import annotations

from tinyml_nas.results import format as fmt
from tinyml_nas.results.metric import Metric
from tinyml_nas.results.run import Results
from tinyml_nas.results.trained import Model
from tinyml_nas.results.verdict import Verdict

OPENINGS = {
    "better": "The searched model is better than {}",
    "worse": "The searched model is worse than {}",
    "no difference shown": "No difference is shown between the searched model and {}",
}
TITLES = {
    "baseline": "the baseline {}",
    "random": "{} of a random search at equal cost",
    "zoo": "{}, the best of the zoo",
}
COSTS_TOLD = ("cheaper", "better", "dearer")
"""Reasons to ship that come with what both models need."""
EXCHANGE = "To swap the two, write training.nas_ship: searched."
TAKE = "To swap the two, run with --take baseline."


def verdict_sentence(verdict: Verdict, other: Model, metric: Metric) -> str:
    """``The searched model is better than the baseline CLS_4k: accuracy 87.4 % against ...``."""
    opening = OPENINGS[verdict.outcome].format(TITLES[verdict.other].format(other.name))
    means = f" (means of {verdict.seeds} seeds)" if verdict.seeds > 1 else ""
    return (
        f"{opening}: {metric.name} {metric.value(verdict.score)} against "
        f"{metric.value(verdict.other_score)} in {verdict.precision}{means}, a difference of "
        f"{metric.difference(verdict.difference)}{metric.unit} ({_grounds(verdict, metric)})."
        f"{_limits(verdict)}"
    )


def interval_text(verdict: Verdict, metric: Metric) -> str:
    """``+2.1 to +10.9``, or a dash where there is no interval."""
    if verdict.low is None or verdict.high is None:
        return fmt.MISSING
    return f"{metric.difference(verdict.low)} to {metric.difference(verdict.high)}"


def _grounds(verdict: Verdict, metric: Metric) -> str:
    """The interval, and the windows that it comes from."""
    units = {"recording": "", "group": _many(verdict.units, "group"),
             "block": _many(verdict.units, "block")}[verdict.unit]  # fmt: skip
    source = f"{_many(verdict.windows, 'test window')} of {_many(verdict.recordings, 'recording')}"
    source += f" in {units}" if units else ""
    if verdict.low is None:
        return f"{source} give no interval"
    return f"95 % interval {interval_text(verdict, metric)}, from {source}"


def _limits(verdict: Verdict) -> str:
    """What the interval does not know, as sentences with a space before each."""
    limits = ""
    if verdict.seeds == 1:
        limits += " This is about these two trainings: another seed may give another result."
    if verdict.unit == "block":
        limits += (
            " A block is a stretch of neighboring windows: there are too few recordings to say "
            "how other recordings differ."
        )
    elif verdict.unit == "recording" and 0 < verdict.groups < verdict.recordings:
        limits += (
            f" {_many(verdict.groups, 'group')} are too few to say how other groups differ."
            if verdict.groups > 1
            else " One group is too few to say how other groups differ."
        )
    return limits


def _many(number: int, what: str) -> str:
    """``1 recording``, ``1,024 recordings``."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def shipped_sentences(results: Results) -> list[str]:
    """Which folder holds which model, and why, where there was a choice."""
    by_role = {model.role: model for model in results.models}
    searched, baseline, shipped = by_role.get("searched"), by_role.get("baseline"), results.shipped
    if shipped is None or searched is None or baseline is None:
        return []
    mine = shipped.role == searched.role
    first, second = (searched, baseline) if mine else (baseline, searched)
    needs = _needs(baseline, searched)
    why, way = {
        "configured": ("because of training.nas_ship: searched", ""),
        "taken": ("because of --take", ""),
        "cheaper": (f"because it is cheaper and no difference is shown: {needs}", EXCHANGE),
        "better": (f"because it is better and not dearer: {needs}", EXCHANGE),
        "dearer": (f"because the better baseline is dearer: {needs}", TAKE),
        "budget": ("because the baseline breaks the budget of the search", TAKE),
    }.get(shipped.reason, _unchosen(results, needs))
    return [
        f"export/ holds {first.name} ({first.role}){', ' if why else ''}{why}.",
        f"export/{second.role}/ holds {second.name} ({second.role}).",
        *([way] if way else []),
    ]


def _unchosen(results: Results, needs: str) -> tuple[str, str]:
    """Why the searched model ships where the rule had no reason to ship the baseline."""
    verdict = next((v for v in results.verdicts if v.other == "baseline"), None)
    if verdict is None:
        return "because nothing was compared", TAKE
    if verdict.outcome == "better":
        return "because it is better", ""
    return f"because the baseline is not cheaper: {needs}", TAKE


def _needs(one: Model, other: Model) -> str:
    """``6.1 kB against 7.6 kB of flash, 452 B against 960 B of RAM, ...``."""
    return (
        f"{fmt.size(one.flash_bytes)} against {fmt.size(other.flash_bytes)} of flash, "
        f"{fmt.size(one.ram_bytes)} against {fmt.size(other.ram_bytes)} of RAM, "
        f"{fmt.count(one.cost.macs)} against {fmt.count(other.cost.macs)} MACs"
    )
