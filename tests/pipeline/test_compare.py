"""The comparison with the controls: unpaired standard errors, and sentences that do not flatter."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tinyml_nas.pipeline.compare import comparison
from tinyml_nas.results.search import Comparison

pytestmark = pytest.mark.fast


def _model(role: str, scores: list[float | None], flash: int = 1000, **more: Any) -> dict[str, Any]:
    return {
        "role": role,
        "name": f"net_{role}",
        "cost": {"parameters": 10, "macs": 20, "flash_bytes": flash, "ram_bytes": 30},
        "quantization": {"method": "PTQ"},
        "seeds": [{"int8_test": a, "float_test": 0.1} for a in scores],
        **more,
    }


def _compared(mine: list[float | None], theirs: list[float | None], flash: int = 1000) -> Any:
    models = [_model("searched", mine), _model("zoo", theirs, flash), _model("baseline", theirs)]
    record = comparison(models, {"searched": 200.0})
    assert record is not None
    Comparison.model_validate(record)
    return record


def test_a_difference_and_its_error() -> None:
    record = _compared([0.90, 0.92, 0.94], [0.88, 0.90])
    (zoo,) = record["others"]
    assert zoo["difference"] == pytest.approx(0.03)
    assert zoo["standard_error"] == pytest.approx(math.sqrt(0.02**2 / 3 + 0.0002 / 2))
    assert zoo["beaten"] is True
    assert record["sentences"] == []
    assert record["searched"]["cpu_seconds"] == 200
    assert (record["seeds"], record["metric"]) == (3, "int8 test score")


@pytest.mark.parametrize(
    ("flash", "advice"),
    [(900, "Rather take net_zoo of the zoo: as good, and smaller (900 B of flash against 1,000 B)"),
     (1000, "Keep net_searched"),
     (5000, "Keep net_searched: no better than net_zoo of the zoo, but smaller (1,000 B of flash")],
)  # fmt: skip
def test_a_tie_recommends_the_smaller_one(flash: int, advice: str) -> None:
    record = _compared([0.90, 0.94], [0.89, 0.93], flash)
    (sentence,) = record["sentences"]
    assert advice in sentence
    assert record["others"][0]["beaten"] is False


def test_a_lost_comparison_is_called_lost_whatever_the_sizes() -> None:
    (sentence,) = _compared([0.80, 0.81], [0.90, 0.91], 5000)["sentences"]
    assert sentence.startswith("Rather take net_zoo of the zoo: it is better")


def test_one_seed_shows_nothing() -> None:
    record = _compared([0.9], [0.1])
    (zoo,) = record["others"]
    assert (zoo["standard_error"], zoo["beaten"], zoo["sd"]) == (None, None, None)
    assert "raise training.nas_seeds" in record["sentences"][0]


def test_the_compiled_size_counts_where_there_is_one() -> None:
    linked = {core: {"flash_bytes": n} for core, n in (("cortex-m0", 7), ("cortex-m4", 9))}
    models = [_model("searched", [0.5, 0.6], linked=linked), _model("random", [0.5, 0.7])]
    record = comparison(models, {})
    assert record is not None
    assert record["searched"]["flash_bytes"] == 9


@pytest.mark.parametrize(
    "models",
    [[_model("searched", [0.5, 0.6]), _model("baseline", [0.5, 0.6])],
     [_model("chosen", [0.5]), _model("zoo", [0.5])],
     [_model("searched", [None, None]), _model("zoo", [None, None])]],
    ids=["no control", "no search", "no test"],
)  # fmt: skip
def test_nothing_to_compare(models: list[dict[str, Any]]) -> None:
    assert comparison(models, {}) is None
