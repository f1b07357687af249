"""The whole configuration, and its JSON schema for editors."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from tinyml_nas.config.sections.common import Common
from tinyml_nas.config.sections.dataset import Dataset
from tinyml_nas.config.sections.delivery import Compilation, Testing
from tinyml_nas.config.sections.processing import DataProcessing
from tinyml_nas.config.sections.training import Training
from tinyml_nas.located.fields import Section

SECTIONS: dict[str, type[Section]] = {
    "common": Common,
    "dataset": Dataset,
    "data_processing_feature_extraction": DataProcessing,
    "training": Training,
    "testing": Testing,
    "compilation": Compilation,
}
REQUIRED_SECTIONS = ("common", "dataset", "data_processing_feature_extraction", "training")
IGNORED_SECTIONS = {
    "data_processing": "data_processing_feature_extraction is read, here as in TI's tools"
}
"""Sections of older files, and why they change nothing."""


class Config(Section):
    """Everything that the YAML says, with its defaults and presets filled in."""

    common: Common
    dataset: Dataset
    data_processing_feature_extraction: DataProcessing
    training: Training
    testing: Testing = Testing()
    compilation: Compilation = Compilation()
    path: SkipJsonSchema[Path] = Field(description="The file; relative paths start beside it.")
