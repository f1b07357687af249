"""Workers, each kind a file: this process, processes of this machine, a Ray cluster."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

from tinyml_nas.workers.inline import Inline
from tinyml_nas.workers.protocol import Function, Workers

__all__ = ["Function", "Workers", "open_workers"]


def open_workers(
    function: Function, workers: int | Literal["ray"]
) -> AbstractContextManager[Workers]:
    """Workers for ``function``: this process for 1, else that many processes, or a Ray cluster."""
    if workers == "ray":
        from tinyml_nas.workers.ray_cluster import RayCluster

        return RayCluster(function)
    if workers == 1:
        return Inline(function)
    from tinyml_nas.workers.processes import Processes

    return Processes(function, workers)
