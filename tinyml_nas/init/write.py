"""The YAML of a plan, and what is told to whoever asked for it."""

from __future__ import annotations

import json
import os
import re
import textwrap
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinyml_nas.config.sections.common import Task
from tinyml_nas.config.sections.delivery import HEADERS, TAKEN
from tinyml_nas.console import Console, own_command, shell_quoted
from tinyml_nas.errors import ConfigError, DataError, ToolError
from tinyml_nas.init.decide import DEVICE, Plan, decide
from tinyml_nas.init.survey import Column, Survey, survey
from tinyml_nas.init.target import find_labels
from tinyml_nas.load import load_config
from tinyml_nas.zoo.default import SERIES

TASK_TYPES: dict[Task, str] = {
    "classification": "generic_timeseries_classification",
    "regression": "generic_timeseries_regression",
    "forecasting": "generic_timeseries_forecasting",
    "anomaly": "generic_timeseries_anomalydetection",
}
PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
INT16 = 2**15
MOST_SHOWN = 10


def write_config(source: Path, out: Path, console: Console, target: str | None = None) -> Path:
    """Look at ``source`` and write ``out``, which must not exist; says what was seen and decided.

    A column called ``target`` is to be predicted from the others.
    Raises ``ConfigError`` where ``out`` exists, ``DataError`` where ``source`` holds nothing to
    learn from, ``ToolError`` where ``out`` cannot be written.
    """
    if out.exists():
        raise ConfigError(
            f"{out} exists and is not overwritten.", hint="Name another file with -o NEW.yaml."
        )
    if not source.exists():
        raise DataError(f"There is no data at {source.absolute()}.", hint="Check the path.")
    found = survey(source)
    plan = decide(found, find_labels(found, target))
    text = render(found, plan, out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ToolError(
            f"{out} cannot be written: {error.strerror}.", hint="Name another file with -o."
        ) from None
    load_config(out)  # what is written is right, or it is a bug of ours
    _tell(found, plan, out, console)
    return out


def render(found: Survey, plan: Plan, out: Path) -> str:
    """The commented YAML, with paths relative to the folder of ``out``."""
    name = re.sub(r"[^\w-]+", "_", _stem(found.path)).strip("_-") or "my_data"
    used = plan.variables
    return (
        _environment()
        .get_template("config.yaml.j2")
        .render(
            source=found.path,
            survey=found,
            plan=plan,
            labels=plan.labels,
            task_type=TASK_TYPES[plan.task],
            name=quoted(name),
            path=quoted(_path(found, out)),
            columns=_column_lines(plan),
            variables=[column.name if found.header else column.number for column in used],
            device=DEVICE,
            model=SERIES["regression"][0],
            unlabeled=set(plan.labels.recordings) == {"Normal"},
            prefix=_prefix(name),
            counts=all(c.whole and c.low >= -INT16 and c.high < INT16 for c in used),
        )
    )


def quoted(value: object) -> str:
    """``value`` as YAML reads it back: plain where that is safe, else in quotes."""
    text = str(value)
    if not isinstance(value, str):
        return text
    if PLAIN.fullmatch(text) and text.lower() not in YAML_WORDS:
        return text
    if not text.isprintable():
        return json.dumps(text)
    return "'" + text.replace("'", "''") + "'"


def comment(text: str, indent: int = 2) -> str:
    """``text`` as lines of a comment, whatever names out of the data are in it."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    shown = shown[:1].upper() + shown[1:]
    lines = textwrap.wrap(shown, 96 - indent, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(f"# {line}" for line in lines)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tinyml_nas.init"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    environment.filters["comment"] = comment
    return environment


def _stem(path: Path) -> str:
    resolved = path.resolve()
    return resolved.name if resolved.is_dir() else resolved.stem


def _prefix(name: str) -> str:
    """A name for the C: letters, digits and single underscores, no word that is taken."""
    text = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]+", "_", name)).strip("_")[:24].rstrip("_")
    taken = text in TAKEN.split() or text.lower() in HEADERS.split()
    return text if re.match("[A-Za-z]", text) and not taken else f"model_{text}".rstrip("_")


def _path(found: Survey, out: Path) -> str:
    """The data set, relative to the YAML where there is a way from there."""
    whole = found.path
    if whole.is_dir() and plan_is_one_table(found):
        whole = whole / found.layout.files[0]
    try:
        return Path(os.path.relpath(whole.resolve(), out.resolve().parent)).as_posix()
    except ValueError:  # two drives of Windows
        return whole.resolve().as_posix()


def plan_is_one_table(found: Survey) -> bool:
    """Whether the folder holds a single file, which is then named itself."""
    return len(found.layout.files) == 1 and found.layout.place == "nowhere"


def _column_lines(plan: Plan) -> list[str]:
    """A line for each column: name, range, mean and deviation, or why it is left out."""
    reasons = {column.name: why for column, why in plan.left_out}
    both = sorted((*plan.variables, *(c for c, _ in plan.left_out)), key=lambda c: c.number)
    width = max(len(column.name) for column in both)
    return [_line(column, width, reasons.get(column.name)) for column in both]


def _line(column: Column, width: int, why: str | None) -> str:
    name = column.name if column.name.isprintable() else repr(column.name)
    stats = f"{column.low:.4g} to {column.high:.4g}, mean {column.mean:.4g} ± {column.std:.3g}"
    words = "dates" if column.clock else f"{len(column.values) or 'many'} different words"
    text = stats if column.numeric else words
    return f"{name:<{width}}  {text}" + (f"; left out: {why}" if why else "")


def _tell(found: Survey, plan: Plan, out: Path, console: Console) -> None:
    """What was seen, what was decided and why, and the next commands."""
    labels = plan.labels
    rows, files = sum(found.lengths.values()), len(found.layout.files)
    console.stage("Seen")
    console.info(f"{found.layout.seen}: {files} file{'s' * (files != 1)}, {rows:,} rows")
    for line in _column_lines(plan):
        console.info(f"  {line}")
    if found.clock is not None:
        console.info(_clock_words(found))
    problems = [*found.problems, *_missing(plan)]
    for problem in problems[:MOST_SHOWN]:
        console.warning(problem)
    if problems[MOST_SHOWN:]:
        console.warning(f"and {len(problems) - MOST_SHOWN} more of this kind")
    console.stage("Decided")
    rows_of_table = [
        ("task", plan.task, plan.task_why),
        ("split", plan.split.value, plan.split.why),
        ("window", f"{plan.frame} samples", plan.frame_why),
        ("step", f"{plan.stride:g} of a window", plan.stride_why),
        ("features", plan.preset or ", ".join(plan.chain) or "samples", plan.features_why),
        ("model", plan.model.name, plan.model.why),
        ("epochs", str(plan.epochs), plan.epochs_why),
    ]
    console.table("", ("what", "value", "why"), rows_of_table)
    if labels.task == "anomaly" and len(labels.recordings) == 1:
        console.info("to label: sort the recordings into the folders Normal and Anomaly")
        if found.states:
            console.info(found.states)
    if labels.target is None and len(plan.variables) > 1:
        named = ", ".join(str(column.name) for column in plan.variables[:8])
        console.info(f"to predict a column instead: --target with one of {named}")
    console.stage("Next")
    command, config = own_command(), shell_quoted(str(out))
    console.info(f"check it          {command} check {config}")
    console.info(f"look at the data  {command} explore {config}")
    console.info(f"train and export  {command} run {config}")


def _missing(plan: Plan) -> list[str]:
    """A warning for each column that is used although some cells of it are no numbers."""
    warnings = []
    for column in plan.variables:
        if not column.missing:
            continue
        one = column.missing == 1
        cells = ", ".join(column.missing_cells)
        more = ", ..." if column.missing > len(column.missing_cells) else ""
        count = (
            f"1 cell of {column.rows:,} is"
            if one
            else f"{column.missing} of {column.rows:,} cells are"
        )
        warnings.append(
            f"{column.name}: {count} no number ({cells}{more}); kept; fix "
            f"{'that cell' if one else 'those cells'} before running, or leave {column.name} out"
        )
    return warnings


def _clock_words(found: Survey) -> str:
    clock = found.clock
    assert clock is not None
    rate, step = clock.rate_hz, 1 / clock.rate_hz
    pace = f"{rate:.6g} samples per second" if rate >= 1 else f"one sample in {step:.6g} seconds"
    words = f"{found.clock_name}: {pace}"
    if not clock.unit:
        words += " (taken as seconds: the name has no unit)"
    if clock.gaps or clock.back:
        words += f", {clock.gaps} gaps, {clock.back} steps back"
    return f"{words}, jitter {clock.jitter:.1%}"
