"""Loading a text as if it were a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tinyml_nas.config import InvalidConfig, LoadedConfig
from tinyml_nas.load import load_config

Load = Callable[..., LoadedConfig]
Errors = Callable[..., list[str]]

MINIMAL = """\
common:
  task_type: generic_timeseries_classification
dataset:
  generator: arc_fault
data_processing_feature_extraction:
  frame_size: 64
training:
  model_name: CLS_1k
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def _load(text: str = MINIMAL, *overrides: str, name: str = "config.yaml") -> LoadedConfig:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_config(path, overrides)

    return _load


@pytest.fixture
def errors(load: Load) -> Errors:
    """The rendered errors of a text, one string each with its folder cut off."""

    def _errors(text: str = MINIMAL, *overrides: str, name: str = "config.yaml") -> list[str]:
        with pytest.raises(InvalidConfig) as caught:
            load(text, *overrides, name=name)
        return [
            f"{p.place.line}:{p.place.column} {p.message} | {p.hint} | "
            + "; ".join(f"{r.line}:{r.column}" for r, _ in p.related)
            for p in caught.value.problems
        ]

    return _errors


@pytest.fixture
def minimal() -> str:
    return MINIMAL
