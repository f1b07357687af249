"""The configuration: one YAML file, checked as a whole before anything runs.

    load_config(path) -> LoadedConfig(config, warnings, provenance)

Every value carries the place where it was written, so each error names its line and shows it.
"""

from __future__ import annotations

from tinyml_nas.config.model import Config

__all__ = ["Config"]
