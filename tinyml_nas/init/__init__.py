"""Somebody's folder of recordings to a commented YAML that runs: ``init --from FOLDER``.

    survey ─► labels ─► decide ─► write

The data is only read, and no file is overwritten.
"""

from __future__ import annotations

from tinyml_nas.init.write import write_config

__all__ = ["write_config"]
