"""Genomes of earlier searches, from any of the files that a search leaves, on other data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import runs
import samples

from tinyml_nas.console import Console
from tinyml_nas.errors import DataError, ToolError
from tinyml_nas.search.warm_start import load_genomes

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    runs.run(folder, nas_trials=8, training_epochs=1)
    return folder


def load(path: Path, shape: tuple[int, int] = (2, 32)) -> tuple:
    space = runs.start(path.parent, samples.features(shape)).problem.space
    return load_genomes([path.name], path.parent, space, Console())


@pytest.mark.parametrize("name", ["archive.jsonl", "pareto.json", "search.json"])
def test_every_file_of_a_search_will_do(earlier, name):
    genomes = load(earlier / name)
    record = json.loads((earlier / "search.json").read_text())
    assert len(genomes) == record["candidates"]
    assert dict(genomes[0]) == record["front"][0]["genome"]


def test_a_lone_genome_will_do_and_unknown_words_are_dropped(tmp_path, earlier, capsys):
    genome = json.loads((earlier / "search.json").read_text())["front"][0]["genome"]
    path = tmp_path / "genome.json"
    path.write_text(json.dumps({**genome, "width1": 7, "moons": 2}), encoding="utf-8")
    (known,) = load(path)
    assert {n for n in genome if known[n] != genome[n]} <= {"width1"}
    assert "moons" not in known
    assert "moons, width1" in capsys.readouterr().err


def test_other_data_keeps_what_it_can(earlier):
    genomes = load(earlier / "archive.jsonl", shape=(1, 300))
    assert len(genomes) > 0


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", "[1]", "holds no genome"),
        ("a.json", '{"points": []}', "holds no genome"),
        ("archive.jsonl", '{"kind": "header"}\n{"kind": "trial"}\n', "line 2 is damaged"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, name, text, why):
    (tmp_path / name).write_text(text, encoding="utf-8")
    kind = ToolError if name.endswith(".jsonl") else DataError
    with pytest.raises(kind, match=rf"{name}.*{why}"):
        load(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no file .*nowhere\.json"):
        load(tmp_path / "nowhere.json")
