"""The configuration: one YAML file, which ``tinyml_nas.load`` checks as a whole before any run.

    read_config(path) -> Draft
    finished(draft, path) -> LoadedConfig(config, warnings, provenance)

Every value carries the place where it was written, so each error names its line and shows it.
"""

from __future__ import annotations

from tinyml_nas.config.config import Config
from tinyml_nas.config.jsonschema import config_schema
from tinyml_nas.config.read import LoadedConfig
from tinyml_nas.located.problems import InvalidConfig

__all__ = ["Config", "InvalidConfig", "LoadedConfig", "config_schema"]
