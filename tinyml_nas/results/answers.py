"""``test/answers.npz``: what each trained model answered to each test window.

Plain arrays without pickle, of N test windows in R recordings and S seeds:

- ``task`` (): classification, regression, forecasting or anomaly;
- ``recordings`` (R,): the names of the test recordings, mostly paths of files;
- ``groups`` (R,): the group of each recording, an empty text where the data name none;
- ``recording`` (N,): the place of each window's recording in ``recordings``;
- ``truth``: classes (N,), or the values (N, K) to tell, in the units of the targets;
- ``<role>.<precision>``: the answers of a model, seed by seed; the precision is float or int8.
  Classification: classes (S, N).  Regression and forecasting: values (S, N, K).  Anomaly
  detection: errors (S, N);
- ``<role>.<precision>.limit`` (S,), for anomaly detection: a window whose error is above it is
  flagged.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.errors import ToolError
from tinyml_nas.files import write_whole

ANSWERS = "test/answers.npz"
LIMIT = "limit"


@dataclass(frozen=True)
class Answers:
    """What the arrays of the file hold; models by role and precision: ``("searched", "int8")``."""

    task: str
    recordings: tuple[str, ...]
    groups: tuple[str, ...]
    recording: NDArray[np.int32]
    truth: NDArray[Any]
    models: Mapping[tuple[str, str], NDArray[Any]]
    limits: Mapping[tuple[str, str], NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.recording)


def write_answers(path: Path, answers: Answers) -> Path:
    """``path``, now with ``answers``, all of them or nothing."""
    arrays = {
        "task": np.array(answers.task),
        "recordings": np.array(answers.recordings, dtype=np.str_),
        "groups": np.array(answers.groups, dtype=np.str_),
        "recording": answers.recording,
        "truth": answers.truth,
        **{".".join(key): array for key, array in answers.models.items()},
        **{".".join((*key, LIMIT)): array for key, array in answers.limits.items()},
    }
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return write_whole(path, content.getvalue())


def load_answers(path: Path) -> Answers:
    """What :func:`write_answers` wrote; raises ``ToolError`` where it is missing or damaged."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return _checked({name: archive[name] for name in archive.files})
    except (OSError, EOFError, LookupError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ToolError(
            f"The test answers in {path} cannot be read: {error}.",
            hint="Name a finished run, or run the pipeline again.",
        ) from error


def _checked(arrays: Mapping[str, NDArray[Any]]) -> Answers:
    """The record of ``arrays``; raises ``ValueError`` or ``KeyError`` where they do not fit."""
    parts = {tuple(name.split(".")): array for name, array in arrays.items()}
    models = {(key[0], key[1]): array for key, array in parts.items() if len(key) == 2}
    limits = {(key[0], key[1]): array for key, array in parts.items() if len(key) == 3}
    recording, truth = arrays["recording"], arrays["truth"]
    recordings, groups = arrays["recordings"].tolist(), arrays["groups"].tolist()
    if len(truth) != len(recording) or len(groups) != len(recordings):
        raise ValueError("its arrays differ in length")
    if len(recording) and not 0 <= recording.min() <= recording.max() < len(recordings):
        raise ValueError("it has windows of unknown recordings")
    for (role, precision), array in models.items():
        if array.ndim < 2 or array.shape[1:] != truth.shape:
            raise ValueError(f"{role}.{precision} has the shape {array.shape}")
    return Answers(
        str(arrays["task"]), tuple(recordings), tuple(groups), recording, truth, models, limits
    )
