"""The shape of the package: folders stay small, functions short, names apart.

Each list below holds what breaks its rule today.  A list may only shrink: what leaves it, or gets
better, is taken off, and nothing new is put on.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from survey import Survey

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
MOST_MODULES = 14
"""Modules of a folder, its ``__init__`` not counted."""
FULL_FOLDERS = {
    "tinyml_nas": 16,
    "tinyml_nas/importers": 15,
}
MOST_LINES = 40
"""Lines of a function, from ``def`` to its end."""
LONG_FUNCTIONS = [
    "_rules_of",
    "_window",
    "conv_dsp",
    "fit",
    "layer_trips",
    "memory_map",
    "models",
    "plan_memory",
    "propose",
    "quantize",
    "run",
    "search",
]
SAME_ROLE = {"__init__", "check", "plan", "propose", "protocol", "record", "stage"}
"""Names that say the same thing in every folder."""
SHARED_NAMES = {
    "autoencoder",
    "builder",
    "cells",
    "chain",
    "layers",
    "loop",
    "names",
    "records",
    "stream",
    "task",
    "windows",
}


@pytest.fixture(scope="module")
def survey() -> Survey:
    return Survey(ROOT)


def test_no_folder_holds_more_than_one_can_overlook(survey: Survey) -> None:
    full = {name: len(m) for name, m in survey.folders.items() if len(m) > MOST_MODULES}
    assert full == FULL_FOLDERS


def test_functions_are_short(survey: Survey) -> None:
    long = [name for name, lines in survey.functions.items() if lines > MOST_LINES]
    assert sorted(name.rpartition("::")[2] for name in long) == LONG_FUNCTIONS, long


def test_no_two_files_share_a_name(survey: Survey) -> None:
    names = Counter(Path(name).stem for name in survey.trees)
    assert {name for name, n in names.items() if n > 1} - SAME_ROLE == SHARED_NAMES


def test_the_survey_sees_what_it_counts(tmp_path: Path) -> None:
    for name, text in {
        "low/__init__.py": "",
        "low/twin.py": "def outer() -> None:\n    def inner() -> dict[str, Any]:\n        ...\n",
        "high/twin.py": "class A:\n    def method(self) -> None:\n        import tinyml_nas.low\n",
        "top.py": "from tinyml_nas.high import twin\nfrom tinyml_nas import low\n",
        "ring.py": "import tinyml_nas.round\n",
        "round.py": "from tinyml_nas import ring\n",
    }.items():
        path = tmp_path / "tinyml_nas" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    survey = Survey(tmp_path)
    assert survey.folders["tinyml_nas/low"] == ["twin.py"]
    assert survey.functions == {
        "tinyml_nas/high/twin.py::A.method": 2,
        "tinyml_nas/low/twin.py::outer": 3,
        "tinyml_nas/low/twin.py::outer.inner": 2,
    }
    assert survey.loose_dicts == {"tinyml_nas/low/twin.py": 1}
    assert survey.imports["top"] == {"high", "low"}
    assert survey.floors == [["low"], ["high"], ["top"]]
