"""One run from YAML to report: the only place that knows the order of the stages."""

from tinyml_nas.pipeline.explore import explore
from tinyml_nas.pipeline.prove import prove_run
from tinyml_nas.pipeline.stages import run, run_name

__all__ = ["explore", "prove_run", "run", "run_name"]
