"""The archive: one whole line per trial on disk, and nothing of it ever lost or mixed up."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tinyml_nas.console import Console
from tinyml_nas.cost.budget import Resources
from tinyml_nas.errors import ToolError
from tinyml_nas.graph import INPUT, GlobalAvgPool, Linear, Network, Node, Shape
from tinyml_nas.search.archive import Archive, open_archive, read_archive
from tinyml_nas.search.trial import Candidate, Outcome, Trial

pytestmark = pytest.mark.fast

NETWORK = Network(
    "any",
    Shape(2, 8),
    (Node("pool", GlobalAvgPool(), (INPUT,)), Node("classifier", Linear(3), ("pool",))),
)
CONSOLE = Console(quiet=True)


def trial(width: int, fold: int = 0, epochs: int = 2) -> Trial:
    candidate = Candidate({"width": width}, NETWORK, Resources(9, 6, 100, 16, 1e-5))
    return Trial(candidate, epochs, fold, 42)


def opened(folder: Path, fingerprint: str = "abc") -> Archive:
    def header() -> dict[str, Any]:
        return {"speed": 1.0, "work": None}

    return open_archive(folder, fingerprint, header, console=CONSOLE)


def filled(folder: Path) -> bytes:
    with opened(folder) as archive:
        archive.append(trial(4), Outcome(1 / 3, 0.1 + 0.2, 30))
        archive.append(trial(8), Outcome(0.0, math.inf, 0))
        archive.append(trial(4, fold=1), Outcome(0.5, 0.7, 31))
    return (folder / "archive.jsonl").read_bytes()


def test_outcomes_come_back_to_the_last_bit(tmp_path):
    filled(tmp_path)
    with opened(tmp_path) as archive:
        assert archive.get(trial(4)) == Outcome(1 / 3, 0.1 + 0.2, 30)
        assert archive.get(trial(8)) == Outcome(0.0, math.inf, 0)
        assert archive.get(trial(4, fold=2)) is None
        assert archive.get(trial(4, epochs=3)) is None


def test_candidates_are_numbered_by_their_first_trial(tmp_path):
    filled(tmp_path)
    with opened(tmp_path) as archive:
        archive.append(trial(16), Outcome(0.5, 0.7, 31))
        archive.append(trial(8, fold=1), Outcome(0.5, 0.7, 31))
    _, lines = read_archive(tmp_path / "archive.jsonl")
    assert [line["id"] for line in lines] == ["c0", "c1", "c0", "c2", "c1"]


def test_every_line_is_strict_json(tmp_path):
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    for line in filled(tmp_path).decode().splitlines():
        json.loads(line, parse_constant=refuse)


def spoiled(**values: object) -> str:
    """A line of the archive with other values."""
    costs = {"parameters": 9, "macs": 6, "flash_bytes": 100, "ram_bytes": 16}
    line = {"kind": "trial", "id": "c1", "key": "a-1-0-7", "genome": {"width": 4}}
    line |= {"resources": {**costs, "latency_seconds": None}, "epochs": 1, "fold": 0, "seed": 7}
    return json.dumps(line | {"score": 0.5, "loss": None, "windows": 3} | values)


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_half_a_last_line_is_dropped(tmp_path, cut):
    whole = filled(tmp_path)
    (tmp_path / "archive.jsonl").write_bytes(whole[:-cut])
    with opened(tmp_path) as archive:
        assert archive.get(trial(4, fold=1)) is None
        archive.append(trial(4, fold=1), Outcome(0.5, 0.7, 31))
    assert (tmp_path / "archive.jsonl").read_bytes() == whole


def test_half_a_header_is_begun_anew(tmp_path):
    whole = filled(tmp_path)
    (tmp_path / "archive.jsonl").write_bytes(whole[:30])
    assert filled(tmp_path) == whole


@pytest.mark.parametrize(
    ("number", "text", "why"),
    [
        (1, '{"kind": "trial"}', "not the header"),
        (2, '{"kind": "tri', "Unterminated"),
        (3, "[1, 2]", "not a JSON object"),
        (3, '{"kind": "trial", "id": "c1"}', "key, genome"),
        (3, spoiled(key=5), "its key cannot be"),
        (3, spoiled(score="0.5"), "its score cannot be"),
        (3, spoiled(score=1e9), "its score cannot be"),
        (3, spoiled(loss=[]), "its loss cannot be"),
        (3, spoiled(resources={"macs": 1}), "its resources cannot be"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, number, text, why):
    lines = filled(tmp_path).decode().splitlines()
    lines[number - 1] = text
    path = tmp_path / "archive.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(ToolError, match=rf"archive.jsonl, line {number} is damaged: .*{why}"):
        opened(tmp_path)
    assert path.read_bytes() == before


def test_binary_rubbish_is_an_error_of_a_stored_file(tmp_path):
    (tmp_path / "archive.jsonl").write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(ToolError, match=r"archive\.jsonl is not text"):
        opened(tmp_path)


def test_archives_of_other_searches_are_kept(tmp_path, capsys):
    first = filled(tmp_path)
    console = Console()
    for number in (1, 2):
        with open_archive(tmp_path, f"other {number}", dict, console=console) as archive:
            assert archive.lines == []
        assert f"kept as archive.{number}.jsonl" in capsys.readouterr().err
    assert (tmp_path / "archive.1.jsonl").read_bytes() == first
