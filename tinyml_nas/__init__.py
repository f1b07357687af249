"""TinyML model zoo: one YAML in, a verified int8 model for a microcontroller out.

``check``, ``run``, ``search_model`` and ``load_run`` are its use from Python: see docs/python.md.
They are loaded on first use, so that the command line starts at once.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyml_nas.api import Checked, FoundModel, check, load_run, run, search_model

__version__ = "0.1.0"
__all__ = ["Checked", "FoundModel", "check", "load_run", "run", "search_model"]

# ONNX Runtime reads it when it is loaded: no device file, no cache folder, no event server
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tinyml_nas import api

    return getattr(api, name)
