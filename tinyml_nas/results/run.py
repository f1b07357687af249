"""What ``results.json`` holds: one frozen record per part, and the published JSON schema.

The pipeline writes this file; the report, comparisons and CI read only it.  Fields may be added
within one schema version, so unknown ones are accepted; a field is never removed or given another
meaning without a new version.  A number that does not exist (a loss that diverged) is ``null``.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_serializer, model_validator

from tinyml_nas.errors import ToolError
from tinyml_nas.results.export import Exported
from tinyml_nas.results.record import Count, Record
from tinyml_nas.results.search import Comparison, Search
from tinyml_nas.results.task import ClassificationTest
from tinyml_nas.results.trained import Model
from tinyml_nas.results.verdict import Verdict

SCHEMA_VERSION: Literal[3] = 3
PROVABLE_VERSIONS = range(1, SCHEMA_VERSION + 1)
"""Versions in which a model's role, name and files stand where they do now."""


R = TypeVar("R", bound=Record)


class Product(Record):
    """The program that wrote the file."""

    name: str
    version: str


class Run(Record):
    """One run; ``seconds`` by stage ("search") or by stage and model ("train baseline")."""

    name: str
    created: str
    config_file: str
    seconds: dict[str, float] = {}


class Device(Record):
    """The target and its memories."""

    name: str
    core: str
    clock_hz: Annotated[int, Field(gt=0)]
    flash_bytes: Annotated[int, Field(gt=0)]
    ram_bytes: Annotated[int, Field(gt=0)]
    cycles_per_instruction: dict[str, Annotated[float, Field(gt=0)]] = {}


class Split(Record):
    """How windows were divided; ``groups`` per split where the split is by group."""

    type: str
    groups: dict[str, list[str | int]] = {}


class Data(Record):
    """The data set as it was used; counts per split, in the order of ``classes``.

    It has classes, of which the first is the normal one in anomaly detection, or targets.
    """

    classes: list[str]
    targets: list[str] = []
    channels: list[str]
    windows: dict[str, Count]
    class_counts: dict[str, list[Count]] = {}
    split: Split
    notes: list[str] = []
    synthetic: bool = False

    @model_validator(mode="after")
    def _counts_fit(self) -> Data:
        for split, counts in self.class_counts.items():
            if self.classes and len(counts) != len(self.classes):
                raise ValueError(f"class_counts.{split} has {len(counts)} of {len(self.classes)}")
        return self


class Features(Record):
    """The feature chain and the shape [channels, length] of one example."""

    chain: list[str]
    input_shape: tuple[Count, Count]
    mean: list[float] = []
    std: list[float] = []


class Shipped(Record):
    """The role of the model whose files lie in ``export`` itself, and why it is this one.

    The searched model: as ``searched`` by the rule, as ``configured`` by ``nas_ship``, because a
    better baseline is ``dearer``, or because the baseline breaks the ``budget``.  The baseline:
    because it is ``better`` and no dearer, or ``cheaper`` and no difference is shown.  Either
    where ``--take`` has ``taken`` it.  ``only`` where there was nothing to choose from.
    """

    role: str
    reason: Literal[
        "only", "searched", "configured", "dearer", "budget", "better", "cheaper", "taken"
    ]


class Results(Record):
    """Everything that one run found out.

    ``models`` is empty where training was switched off.  ``verdicts`` are on the searched model
    against each other one, by the answers in ``test/answers.npz``; older runs have neither.
    """

    schema_version: Literal[3]
    product: Product
    run: Run
    task: Literal["classification", "regression", "forecasting", "anomaly"]
    task_type: str
    metric: str
    device: Device
    data: Data
    features: Features
    search: Search | None = None
    comparison: Comparison | None = None
    verdicts: list[Verdict] = []
    shipped: Shipped | None = None
    models: list[Model]

    @field_serializer("search")
    def _whole_search(self, search: Search | None) -> object:
        """The search as its own file holds it: with every field."""
        return search and search.model_dump(mode="json")

    @model_validator(mode="after")
    def _confusions_fit(self) -> Results:
        classes = len(self.data.classes)
        for model in self.models:
            for test in (model.test.float, model.test.int8):
                if not isinstance(test, ClassificationTest):
                    continue
                if [len(row) for row in test.confusion] != [classes] * classes:
                    raise ValueError(f"confusion of {model.name} is not {classes} by {classes}")
        return self


class Provable(Record):
    """What ``prove`` reads of a run, whichever of ``PROVABLE_VERSIONS`` it has."""

    schema_version: int
    models: list[Exported]


def load_results(path: Path) -> Results:
    """The record in ``path``; raises ``ToolError`` where it is missing, damaged or not ours."""
    return parse_results(_decoded(path), path)


def load_provable(path: Path) -> Provable:
    """The models in ``path``, of older versions too; raises ``ToolError`` as `load_results`."""
    return _checked(Provable, _decoded(path), path, PROVABLE_VERSIONS)


def parse_results(record: object, path: Path = Path("results.json")) -> Results:
    """The checked form of a decoded file; ``path`` is for messages only."""
    return _checked(Results, record, path, (SCHEMA_VERSION,))


def _decoded(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except OSError as error:
        raise ToolError(
            f"{path} cannot be read: {error.strerror}", hint="Run the pipeline first."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error


def _checked(kind: type[R], record: object, path: Path, versions: Collection[int]) -> R:
    version = record.get("schema_version") if isinstance(record, dict) else None
    if isinstance(version, int) and version not in versions:
        age = "newer" if version > SCHEMA_VERSION else "older"
        raise ToolError(
            f"{path} has schema version {version}; this program reads version {SCHEMA_VERSION}.",
            hint=f"Read it with the {age} program that wrote it, or run the pipeline again.",
        )
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _damaged(path, f"{place}: {first['msg']}") from error


def results_schema() -> dict[str, Any]:
    """The JSON schema of ``results.json``, as published in ``docs/results.schema.json``."""
    schema = Results.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schema(path: Path) -> None:
    """Write the published schema, ready to be committed."""
    path.write_text(json.dumps(results_schema(), indent=2) + "\n", encoding="utf-8", newline="\n")


def _damaged(path: Path, reason: str) -> ToolError:
    return ToolError(
        f"{path} is damaged: {reason}.",
        hint="Run the pipeline again with --resume: it writes the file anew.",
    )
