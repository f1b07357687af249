"""Whatever text is given, the answer is a configuration or a ``ConfigError``, never a traceback."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyml_nas.config.config import SECTIONS
from tinyml_nas.errors import ConfigError
from tinyml_nas.load import load_config
from tinyml_nas.located.validate import field_names

pytestmark = pytest.mark.fast

KEYS = [(section, key) for section, model in SECTIONS.items() for key in field_names(model)]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["CLS_1k", "by_group", "FFT_FE", "1e-3", "on", "NAS_m", "8 kB", "\x00", "../.."]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=6) | st.sampled_from(["train", "jitter"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
RELAXED = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _load(path: Path, text: str, *overrides: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with contextlib.suppress(ConfigError):
        loaded = load_config(path, overrides)
        assert yaml.safe_load(loaded.resolved_yaml())["common"]["task_type"]


@RELAXED
@given(text=st.text())
def test_any_text(tmp_path: Path, text: str) -> None:
    _load(tmp_path / "a.yaml", text)


@RELAXED
@given(text=st.text(alphabet="abc:-[]{}'\"\n #&*!|>%@`,?\t<1.e"))
def test_any_yaml_like_text(tmp_path: Path, text: str) -> None:
    _load(tmp_path / "a.yaml", text)
    _load(tmp_path / "a.json", text)


@RELAXED
@given(entries=st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=6))
def test_any_values_of_known_keys(
    tmp_path: Path, entries: list[tuple[tuple[str, str], object]]
) -> None:
    content: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    content["common"]["task_type"] = "arc_fault"
    content["dataset"]["generator"] = "arc_fault"
    content["training"]["model_name"] = "CLS_1k"
    for (section, key), value in entries:
        content[section][key] = value
    _load(tmp_path / "a.yaml", yaml.safe_dump(content, allow_unicode=True))


@RELAXED
@given(override=st.text(max_size=40) | st.builds("training.{}={}".format, st.text(), st.text()))
def test_any_override(tmp_path: Path, minimal: str, override: str) -> None:
    _load(tmp_path / "a.yaml", minimal, override)
