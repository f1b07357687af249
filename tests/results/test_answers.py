"""The file of test answers: what was written is read, and what is damaged is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_answers import anomaly, classification

from tinyml_nas.errors import ToolError
from tinyml_nas.results.answers import Answers, load_answers, write_answers

pytestmark = pytest.mark.fast


def _given() -> Answers:
    given = anomaly(np.random.default_rng(1), (2.0, 1.0))
    limits = {key: np.float32([1.5]) for key in given.models}
    return replace(given, limits=limits, groups=("a",) * len(given.groups))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    given = _given()
    read = load_answers(write_answers(tmp_path / "test" / "answers.npz", given))
    assert (read.task, read.recordings, read.groups) == ("anomaly", given.recordings, given.groups)
    np.testing.assert_array_equal(read.recording, given.recording)
    np.testing.assert_array_equal(read.truth, given.truth)
    for key, array in given.models.items():
        np.testing.assert_array_equal(read.models[key], array)
        np.testing.assert_array_equal(read.limits[key], given.limits[key])


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_answers(tmp_path / name, _given()) for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write_answers(tmp_path / "answers.npz", _given())
    with pytest.raises(ToolError, match="cannot be read"):
        load_answers(tmp_path / "none.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ToolError, match="cannot be read"):
        load_answers(path)


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    given = classification(np.random.default_rng(1), (0.9, 0.8))
    for wrong in (
        replace(given, truth=given.truth[1:]),
        replace(given, recordings=given.recordings[1:]),
        replace(given, models={("searched", "int8"): given.models["searched", "int8"][0]}),
        replace(given, recording=given.recording + 1),
    ):
        with pytest.raises(ToolError, match="cannot be read"):
            load_answers(write_answers(tmp_path / "answers.npz", wrong))
