"""The lines and the table that a person sees of a search."""

from __future__ import annotations

import pytest

from tinyml_nas.console import Board, Console
from tinyml_nas.cost.budget import Budget
from tinyml_nas.search import pareto
from tinyml_nas.search.progress import View, binding_resources, rows

pytestmark = pytest.mark.fast


def lines(*rams: int) -> list[dict]:
    return [
        {
            "id": f"c{number}",
            "genome": {"width": number},
            "resources": {
                "parameters": 1234,
                "macs": 5678,
                "flash_bytes": 2000,
                "ram_bytes": ram,
                "latency_seconds": None,
            },
            "epochs": 2,
            "fold": 0,
            "score": 0.5 + ram / 2000,
            "loss": 0.5,
            "windows": 100,
        }
        for number, ram in enumerate(rams)
    ]


def view(limit: int | None = 40) -> View:
    return View(Console(quiet=True), Budget(ram_bytes=900, macs=6000), limit)


def test_the_headline_names_count_best_and_what_binds():
    assert view().headline(lines(300, 862), 55.4) == (
        "2/40 trials, best c1 93.1%, RAM and MACs bind, 55 s left"
    )
    assert view(None).headline(lines(300), None) == "1 trials, best c0 65.0%, MACs binds"


def test_what_binds_is_the_tightest_first():
    (point,) = pareto.points(lines(899))
    budget = Budget(flash_bytes=2100, ram_bytes=900, macs=100_000)
    assert binding_resources(point, budget) == ["ram_bytes", "flash_bytes"]


def test_a_latency_that_nobody_knows_is_a_dash():
    assert rows(pareto.points(lines(300)))[0][-1] == "–"


def test_time_left_follows_the_pace_after_the_first_trial(monkeypatch):
    now = 100.0
    monkeypatch.setattr("tinyml_nas.search.progress.time.monotonic", lambda: now)
    seen = view()
    assert seen.seconds_left(10.0, 5) is None
    seen.ran(1.0)
    assert seen.seconds_left(10.0, 5) is None
    now = 103.0
    seen.ran(2.0)
    assert seen.seconds_left(10.0, float("inf")) == 15.0  # the trial's 2.0 of work took 3 s
    assert seen.seconds_left(float("inf"), 4) == 12.0
    assert seen.seconds_left(-1.0, 5) == 0


def test_off_a_terminal_the_board_is_silent(capsys):
    with Console().board() as board:
        assert isinstance(board, Board)
        board.show("title", ("a",), [("1",)])
    assert "title" not in capsys.readouterr().out
