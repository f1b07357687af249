"""One run from YAML to report: the only place that knows the order of the stages."""

from tinyml_nas.pipeline.prove import prove_run
from tinyml_nas.pipeline.run import run

__all__ = ["prove_run", "run"]
