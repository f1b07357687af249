"""One run from YAML to report: the only place that knows the order of the stages."""

from tinyml_nas.pipeline.run import run

__all__ = ["run"]
