"""Section ``dataset``: where the recordings are and how they are split."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from tinyml_nas.located.choices import Named
from tinyml_nas.located.fields import (
    NO_PLOTS,
    FolderName,
    Ignored,
    Section,
    read_by,
    without_effect,
)

BY_GROUP = read_by("dataset.split_type", "by_group")
SUM_TOLERANCE = 1e-6
IN_PLACE = "archives are read where they lie and never unpacked"
FETCHED = "a data set with an address and a sha256 is fetched once, when it is missing"


def _three_shares(value: object) -> object:
    """(train, validation, test) from one share, two or three; other things as they are."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 3:
        return value
    try:
        shares = [float(item) for item in value]
    except (TypeError, ValueError, OverflowError):
        return value
    if len(shares) == 1:
        return shares[0], (1 - shares[0]) / 2, (1 - shares[0]) / 2
    if len(shares) == 2:
        rest = 1 - sum(shares)
        # two shares that fill the whole: validation and test divide the second one
        return (
            (*shares, rest) if rest > SUM_TOLERANCE else (shares[0], shares[1] / 2, shares[1] / 2)
        )
    return tuple(shares)


def _fill_one(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    if abs(sum(shares) - 1) > SUM_TOLERANCE:
        raise ValueError(f"the shares add up to {sum(shares):g}, not to 1")
    return shares


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return text


Share = Annotated[float, Field(gt=0, lt=1)]
Shares = Annotated[
    tuple[Share, Share, Share],
    BeforeValidator(_three_shares),
    AfterValidator(_fill_one),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3},
            ]
        }
    ),
]


GENERATOR = "dataset.generator"


class SplitGroups(Section):
    """Groups that are put into a split by name; splits without names share the other groups."""

    train: tuple[str, ...] | None = Field(default=None, description="Groups to train on.")
    validation: tuple[str, ...] | None = Field(
        default=None, description="Groups to choose models by."
    )
    test: tuple[str, ...] | None = Field(default=None, description="Groups to report on.")


class Dataset(Section):
    """The recordings and their split into training, validation and test."""

    dataset_name: FolderName | None = Field(
        default=None, description="Name of the data set in the reports."
    )
    input_data_path: str | None = Field(
        default=None,
        description="Folder or zip with classes/<label>/*.csv, or one .csv or .npz file with "
        "labels. Relative to this file. Of an address, the file of that name is looked for beside "
        "this file and in datasets/ there; with sha256 it is fetched.",
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = Field(
        default=None, description="SHA-256 of the file that input_data_path names."
    )
    data_dir: str | None = Field(
        default=None,
        description="Folder of the classes; default: classes. A dot: they lie at the top.",
    )
    annotation_dir: str = Field(default="annotations", description="Folder of the lists of files.")
    annotation_prefix: str = Field(
        default="instances", description="How the names of the lists start."
    )
    split_factor: Shares = Field(
        default=(0.6, 0.3, 0.1),
        description="Shares of training, validation and test; with one number the other two "
        "divide the rest.",
    )
    split_type: Literal["amongst_files", "within_files", "by_group"] = Field(
        default="amongst_files",
        description="Whole files, stretches of time within each file, or whole groups "
        "(subjects, machines) go to one side.",
    )
    split_names: tuple[str, str, str] = Field(
        default=("train", "val", "test"), description="Names of the splits in the annotation lists."
    )
    group_by: Annotated[Annotated[str, AfterValidator(_regex)] | None, BY_GROUP] = Field(
        default=None,
        description="Regular expression with one group, searched in each file's path; or the "
        "name of a column of a single-file data set.",
    )
    split_groups: Annotated[SplitGroups | None, BY_GROUP] = Field(
        default=None, description="Groups that go into a split by name."
    )
    label_column: str | None = Field(
        default=None,
        description="Column or array with the labels of a single-file data set, or column of every "
        "table of a folder.",
    )
    label_by: Annotated[str, AfterValidator(_regex)] | None = Field(
        default=None,
        description="Regular expression with one group, searched in each file's path: the label "
        "of the file, where folders do not say it.",
    )
    normal_class: Annotated[
        str, read_by("common.task", "anomaly", words="an anomaly detection")
    ] = Field(
        default="Normal",
        description="Class that is normal, for anomaly detection; every other is an anomaly.",
    )
    generator: Annotated[str, Named(GENERATOR)] | None = Field(
        default=None, description="A synthetic signal made on the spot instead of recordings."
    )
    enable: Ignored = without_effect(
        "a run begins with its data; training.enable: false ends it before the training",
        anyway=(True,),
    )
    input_annotation_path: Ignored = without_effect(
        "annotation_dir and annotation_prefix name the lists of files"
    )
    annotation_format: Ignored = without_effect(
        "the lists of files are plain text", anyway=("univ_ts_json",)
    )
    dataset_path: Ignored = without_effect(IN_PLACE)
    extract_path: Ignored = without_effect(IN_PLACE)
    max_num_files: Ignored = without_effect("all files are read", anyway=(10_000,))
    dataset_download: Ignored = without_effect(FETCHED)
    dataset_reload: Ignored = without_effect(FETCHED)
    gof_test: Ignored = without_effect(NO_PLOTS)
