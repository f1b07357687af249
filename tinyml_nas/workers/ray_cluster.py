"""Workers of a Ray cluster: the one that RAY_ADDRESS names or that runs here, else a local one.

The nodes need tinyml_nas installed.  Ray hands the payload of a lost worker or node to another.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from tinyml_nas import interrupts
from tinyml_nas.errors import ToolError
from tinyml_nas.workers.protocol import Function

RETRIES = 2
"""Times that Ray hands a payload to another worker after its own has died."""
POLL_S = 0.5
DEADLINE_S = 30.0
"""Time for a cluster to take a connection; Ray itself tries for minutes."""
WAY_OUT = "start that cluster, set RAY_ADDRESS=local for one of this machine, or nas_workers: 2"


class RayCluster:
    """One task per payload, one core each; the function lies in the cluster's object store."""

    def __init__(self, function: Function) -> None:
        try:
            import ray
        except ImportError:
            raise ToolError(
                "training.nas_workers: ray needs Ray, which is not installed",
                hint="pip install 'tinyml_nas[ray]', or set training.nas_workers: 2",
            ) from None
        self._ray, self._function = ray, function
        self._owned = False
        self._running: dict[Any, int] = {}

    def __enter__(self) -> RayCluster:
        ray = self._ray
        if not ray.is_initialized():
            _check_reachable()
            try:
                with interrupts.kept():  # Ray sets a handler of its own for SIGTERM
                    ray.init(logging_level="ERROR", log_to_driver=False, include_dashboard=False)
            except Exception as error:
                raise ToolError(f"Ray does not start: {_line(error)}", hint=WAY_OUT) from error
            self._owned = True
        self._stored = ray.put(self._function)
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(_run)
        return self

    def __exit__(self, *_: object) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        if self._owned:
            self._ray.shutdown()

    @property
    def count(self) -> int:
        """Cores of the cluster."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Index and result of each payload as they finish."""
        self._running = {
            self._task.remote(self._stored, payload): index
            for index, payload in enumerate(payloads)
        }
        while self._running:
            interrupts.check()
            done, _ = self._ray.wait(list(self._running), timeout=POLL_S)
            for reference in done:
                yield self._running.pop(reference), self._result(reference)

    def _result(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from error
        except errors.RayError as error:
            raise ToolError(
                f"a training was lost {RETRIES + 1} times on the Ray cluster: {error}",
                hint="look for a lack of memory on its nodes, or set training.nas_workers: 1",
            ) from error


def _check_reachable() -> None:
    """Raise ``ToolError`` where nothing answers at the cluster that Ray would join."""
    address = os.environ.get("RAY_ADDRESS", "")
    try:
        if "://" not in address:
            from ray._private.services import canonicalize_bootstrap_address

            address = canonicalize_bootstrap_address(None)  # also one that ran here before
            if address is None:
                return
        parts = urlsplit(address if "://" in address else f"//{address}")
        if parts.hostname and parts.port:
            socket.create_connection((parts.hostname, parts.port), DEADLINE_S).close()
    except (OSError, ValueError) as error:
        raise ToolError(
            f"No Ray cluster answers at {address or 'the usual place'}: {_line(error)}",
            hint=WAY_OUT,
        ) from error


def _line(error: Exception) -> str:
    """What an error says first."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _run(function: Function, payload: Any) -> Any:
    """What a worker does with one payload; Ray has turned the reference into the function."""
    import torch

    torch.set_num_threads(1)
    return function(payload)
