"""No two classes of the package hold the same facts: what one floor knows is not told twice."""

from __future__ import annotations

import ast
from itertools import combinations
from pathlib import Path

import pytest

import tinyml_nas

pytestmark = pytest.mark.fast

PACKAGE = Path(tinyml_nas.__file__).parent
FEWEST_FIELDS, SHARE = 3, 0.7
Fields = dict[str, frozenset[str]]
Pair = frozenset[str]

OTHER_VALUES = "fields of the same name hold other values: operations differ in what they compute"
OTHER_C = "one runs the C of the network, the other the C of the stream around it"
LIMITS = "limits, what a network costs against them, and the limits of a record"
ALLOWED: dict[str, tuple[tuple[str, str], ...]] = {
    OTHER_VALUES: (
        ("features.integer.fft.Magnitude", "features.integer.q15_fft.Q15Magnitude"),
        ("features.steps.decimate.Decimate", "features.steps.time.HannWindow"),
        ("features.steps.q15.Q15Shift", "features.steps.time.RemoveMean"),
        ("graph.network.Node", "graph.integer.IntLayer"),
        ("graph.ops.AvgPool", "graph.ops.MaxPool"),
        ("graph.ops.AvgPool", "graph.integer.IntAvgPool"),
        ("graph.ops.AvgPool", "graph.integer.IntMaxPool"),
        ("graph.ops.Conv", "graph.ops.DepthwiseConv"),
        ("graph.ops.MaxPool", "graph.integer.IntAvgPool"),
        ("graph.ops.MaxPool", "graph.integer.IntMaxPool"),
        ("graph.integer.IntAvgPool", "graph.integer.IntMaxPool"),
    ),
    OTHER_C: (
        ("proof.carriers.emulated_c.EmulatedC", "proof.streaming.CoreStream"),
        ("proof.carriers.host_c.HostC", "proof.streaming.HostStream"),
    ),
    "two carriers of the same C, each with its own way to build it": (
        ("proof.carriers.board_c.BoardC", "proof.carriers.emulated_c.EmulatedC"),
    ),
    LIMITS: (
        ("cost.budget.Budget", "cost.budget.Resources"),
        ("cost.budget.Budget", "results.search.Limits"),
        ("cost.budget.Resources", "results.search.Limits"),
    ),
    "windows of samples, frames on their way through the chain, and inputs of a model": (
        ("data.records.WindowSet", "features.extract.Examples"),
        ("features.extract.Examples", "features.signal.Frames"),
    ),
    "the YAML's strengths have bounds, those of training are scaled by the search": (
        ("config.sections.training.Augmentation", "train.augment.Augmentation"),
    ),
    "training also gives the weights, which no record holds": (
        ("results.trained.Training", "train.loop.FitResult"),
    ),
    "a layer that is still read may lack what a finished step has": (
        ("importers.fuse._Layer", "importers.fuse.Step"),
    ),
    "dots of a panel have a class each, those of a plot are paths": (
        ("report.data_page.Panel", "report.drawings.plot.Plot"),
    ),
}


def fields_of(folder: Path) -> Fields:
    """The annotated fields of each class below ``folder``, by module and name."""
    found = {}
    for file in folder.rglob("*.py"):
        module = ".".join(file.relative_to(folder).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                targets = (line.target for line in node.body if isinstance(line, ast.AnnAssign))
                names = (target.id for target in targets if isinstance(target, ast.Name))
                found[f"{module}.{node.name}"] = frozenset(names)
    return found


def twins(classes: Fields) -> set[Pair]:
    """Pairs that have ``SHARE`` of the larger one's fields in common."""
    large = {name: fields for name, fields in classes.items() if len(fields) >= FEWEST_FIELDS}
    return {
        frozenset((one, other))
        for one, other in combinations(large, 2)
        if len(large[one] & large[other])
        >= max(FEWEST_FIELDS, SHARE * max(len(large[one]), len(large[other])))
    }


def test_twins_are_found() -> None:
    classes = {
        "a": frozenset("wxyz"),
        "b": frozenset("wxy"),
        "c": frozenset("wx"),
        "d": frozenset("wxpq"),
    }
    assert twins(classes) == {frozenset("ab")}


def test_no_two_classes_hold_the_same_fields() -> None:
    allowed = {frozenset(pair) for pairs in ALLOWED.values() for pair in pairs}
    found = twins(fields_of(PACKAGE))
    assert [sorted(pair) for pair in found - allowed] == [], "keep one class, or give a reason"
    assert [sorted(pair) for pair in allowed - found] == [], "no twins any more: take them out"
