"""What is to be learned: the task, and where its labels or targets and its groups come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from tinyml_nas.config.sections.common import Task
from tinyml_nas.errors import DataError
from tinyml_nas.init.file_names import (
    FEWEST_GROUPS,
    MOST_CLASSES,
    OWNER_COLUMNS,
    SIDE_FOLDERS,
    find_owner,
)
from tinyml_nas.init.layout import NORMAL_WORDS
from tinyml_nas.init.survey import Column, Survey
from tinyml_nas.located.suggest import did_you_mean

CLASS_COLUMNS = (
    "label",
    "labels",
    "class",
    "activity",
    "category",
    "state",
    "condition",
    "fault",
    "gesture",
    "exercise",
    "is_anomaly",
    "anomaly",
)
TARGET_COLUMNS = ("target", "y", "output", "label")
MOST_NUMBERS = 20
"""Whole numbers with more different values than this are quantities, not classes."""
SIDES = {*SIDE_FOLDERS.values()}
SHORTEST_RUN = 4
"""Rows with one label, on average: a column that changes faster is no label."""


@dataclass(frozen=True)
class Labels:
    """The task and its keys.  ``recordings`` counts by class, ``lengths`` are samples of each."""

    task: Task
    why: str
    recordings: dict[str, int]
    lengths: tuple[int, ...]
    files: int
    files_read: int
    data_dir: str | None = None
    label_by: str | None = None
    label_column: str | None = None
    target: str | int | None = None
    group_by: str | None = None
    group_seen: str = ""
    split_groups: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)  # those that are no signal, and why


def find_labels(survey: Survey, target: str | None = None) -> Labels:
    """The task of ``survey``, by its folders, then the names of its files, then its columns.

    A ``target`` that is asked for comes before all of them; raises ``DataError`` where no column
    of numbers is called so.
    """
    layout = survey.layout
    lengths = tuple(survey.lengths.values())
    base = Labels("anomaly", "", {"": len(lengths)}, lengths, len(layout.files), len(lengths))
    base = replace(base, data_dir=layout.data_dir)
    if target is not None:
        return _asked(base, survey, target)
    if layout.place != "nowhere":
        return _by_name(base, survey)
    label = _label_column(survey)
    if label is not None:
        return _by_column(base, survey, label)
    called = _target_column(survey)
    if called is not None or _in_files_folder(survey):
        return _regression(base, survey, called)
    if len(layout.files) == 1:
        time = f"with the clock {survey.clock_name!r}" if survey.clock else "without a clock"
        why = f"one log {time} and no column of labels: what comes next can be learned from it"
        return replace(base, task="forecasting", why=why)
    why = (
        "nothing names a class, so what is here is taken as normal, and the model finds what is "
        "unlike it"
    )
    flat = replace(base, why=why, recordings={"Normal": len(lengths)})
    return _owned(replace(flat, data_dir=layout.data_dir or "."), survey, {})


def _by_name(base: Labels, survey: Survey) -> Labels:
    """Classes out of folders or names of files; normal data alone is an anomaly detection."""
    layout = survey.layout
    counts = layout.counts
    words = {label.lower() for label in counts}
    why = f"{layout.seen}: which one a window belongs to can be learned"
    labeled = replace(base, recordings=counts, label_by=layout.label_by)
    if words <= {"normal", "anomaly"}:
        why = f"{layout.seen}: the model learns what is normal and finds what is unlike it"
        return _owned(replace(labeled, why=why), survey, layout.labels)
    if len(counts) == 1:
        (only,) = counts
        hint = " (its name says so)" if only.lower() in NORMAL_WORDS else ""
        why = f"{layout.seen}: everything is taken as normal{hint}"
        path = only if layout.data_dir in (None, ".") else f"{layout.data_dir}/{only}"
        data_dir = f"classes/{only}" if layout.data_dir is None else path
        return replace(
            labeled, why=why, recordings={"Normal": len(base.lengths)}, data_dir=data_dir
        )
    return _owned(replace(labeled, task="classification", why=why), survey, layout.labels)


def _owned(labels: Labels, survey: Survey, class_of: dict[str, str]) -> Labels:
    """``labels`` with the groups that names or outer folders tell."""
    layout = survey.layout
    if layout.sides and {SIDE_FOLDERS[side.lower()] for side in layout.sides} == SIDES:
        groups = {SIDE_FOLDERS[side.lower()]: side for side in layout.sides}
        seen = f"the folders {', '.join(layout.sides)} are the split"
        return replace(labels, group_by=layout.group_by, group_seen=seen, split_groups=groups)
    if layout.group_by is not None and not layout.sides and _several(survey, class_of):
        outer = "each outer folder is a group"
        return replace(labels, group_by=layout.group_by, group_seen=outer)
    owner = find_owner(layout.files, class_of)
    if owner is None:
        return labels
    some = ", ".join(list(owner.counts)[:6])
    seen = f"the names hold {len(owner.counts)} people or machines ({some} ...)"
    return replace(labels, group_by=owner.pattern, group_seen=seen)


def _several(survey: Survey, class_of: dict[str, str]) -> bool:
    """Whether there are outer folders enough for three sides."""
    pattern = survey.layout.group_by or ""
    found = {match[1] for name in class_of if (match := re.search(pattern, name))}
    return len(found) >= FEWEST_GROUPS


def _label_column(survey: Survey) -> Column | None:
    """A column that numbers or names classes; of text columns, the only one with few values."""
    named = (survey.column(name) for name in (*CLASS_COLUMNS, *TARGET_COLUMNS))
    for column in (c for c in named if c is not None):
        if _names_classes(column):
            return column
    texts = [c for c in survey.columns if not (c.numeric or c.clock) and _names_classes(c)]
    texts = [c for c in texts if c.name.lower() not in OWNER_COLUMNS]
    return texts[0] if len(texts) == 1 and survey.header else None


def _target_column(survey: Survey) -> Column | None:
    """A column of numbers that is called a target; a y beside a z is an axis."""
    for name in TARGET_COLUMNS:
        column = survey.column(name)
        if column is not None and column.numeric and not (name == "y" and survey.column("z")):
            return column
    return None


def _names_classes(column: Column) -> bool:
    count = len(column.values)
    most = min(MOST_NUMBERS, MOST_CLASSES) if column.numeric else MOST_CLASSES
    whole = column.whole or not column.numeric
    return 2 <= count <= most and whole and column.rows >= SHORTEST_RUN * sum(column.runs.values())


def _by_column(base: Labels, survey: Survey, label: Column) -> Labels:
    """A classification with one row per sample: a recording is a run of equal labels."""
    owner = next((c for c in map(survey.column, OWNER_COLUMNS) if c is not None), None)
    why = f"the column {label.name!r} holds the classes {', '.join(label.values[:8])}"
    runs = dict(sorted(label.runs.items()))
    columns = {label.name: "holds the labels"}
    typical = max(1, label.rows // sum(runs.values()))
    labels = replace(
        base,
        task="classification",
        why=why,
        recordings=runs,
        lengths=(typical,) * sum(runs.values()),
        label_column=label.name,
        columns=columns,
    )
    if owner is not None and owner is not label and len(owner.values) >= FEWEST_GROUPS:
        seen = f"the column {owner.name!r} names {len(owner.values)} people or machines"
        columns[owner.name] = "says whose recording it is"
        return replace(labels, group_by=owner.name, group_seen=seen)
    if len(survey.layout.files) >= FEWEST_GROUPS:
        seen = f"each of the {len(survey.layout.files)} tables is a group"
        return replace(labels, group_by=r"([^/]+)$", group_seen=seen)
    return labels


def _in_files_folder(survey: Survey) -> bool:
    """TI's layout of a data set without classes."""
    return all(name.startswith("files/") for name in survey.layout.files)


def _asked(base: Labels, survey: Survey, target: str) -> Labels:
    """A regression of the column that somebody names, whatever the folders are called."""
    signals = [column.name for column in survey.columns if column.signal]
    chosen = next((c for c in survey.columns if target in (c.name, str(c.number))), None)
    if chosen is None or chosen.name not in signals:
        near = did_you_mean(target, signals)
        problem = "There is no column" if chosen is None else "No numbers that change are in"
        raise DataError(
            f"{problem} {target!r} to predict.",
            hint=near or f"the columns of numbers are {', '.join(signals)}",
        )
    names = survey.layout.files
    folders = {name.partition("/")[0] for name in names if "/" in name}
    alone = len(folders) == 1 and all("/" in name for name in names)
    one = len(names) == 1 or _in_files_folder(survey)
    data_dir = None if one else folders.pop() if alone else "."
    return replace(
        _regression(replace(base, data_dir=data_dir), survey, chosen),
        why=f"the column {chosen.name!r} is to be predicted from the others",
    )


def _regression(base: Labels, survey: Survey, target: Column | None) -> Labels:
    """The value of a column is to be found; of the last one where none is called target."""
    numeric = [c for c in survey.columns if c.numeric and not (c.counter or c.clock)]
    if target is None and len(numeric) < 2:
        why = "one column and no labels: what comes next can be learned from it"
        return replace(base, task="forecasting", why=why)
    chosen = target or numeric[-1]
    why = f"the column {chosen.name!r} holds a quantity"
    if target is None:
        why = f"a folder files/ holds regressions; its last column, {chosen.name!r}, is the target"
    labels = replace(
        base,
        task="regression",
        why=why,
        target=chosen.name if survey.header else chosen.number,
        columns={chosen.name: "is the target"},
    )
    return _owned(labels, survey, {})
