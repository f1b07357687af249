"""A Ray cluster of two nodes as workers: the same archive, and no candidate lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import runs

from tinyml_nas import interrupts
from tinyml_nas.errors import DataError, ToolError
from tinyml_nas.workers import open_workers

pytestmark = pytest.mark.ray
ROOT = Path(__file__).parents[2]
STORE_BYTES = 80 * 2**20
LONGEST_S = 300


class Where:
    """Twice the payload and the node; nobody answers before both nodes have been asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, payload: int) -> tuple[int, str]:
        import ray

        node = ray.get_runtime_context().get_node_id()
        (self.folder / node).touch()
        deadline = time.monotonic() + LONGEST_S
        while len(list(self.folder.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        return 2 * payload, node


def refuse(payload: int) -> int:
    raise DataError(f"payload {payload} is bad")


def die(payload: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return payload


class DiesOnce:
    """Is killed by the first worker that meets payload 2."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __call__(self, payload: int) -> int:
        if payload == 2 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * payload


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two nodes with one core each, on this machine."""
    ray = pytest.importorskip("ray", reason="NOT PROVEN: Ray is not installed")
    before = os.environ.get("PYTHONPATH")
    paths = [str(ROOT), str(Path(__file__).parent), *filter(None, [before])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # what its workers inherit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray itself
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        cluster.add_node(**node)
        ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
        yield
        ray.shutdown()
        cluster.shutdown()
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


@pytest.mark.usefixtures("cluster")
def test_both_nodes_work_and_every_payload_is_answered_once(tmp_path):
    with open_workers(Where(tmp_path), "ray") as workers:
        assert workers.count == 2
        answers = dict(workers.map(range(8)))
    assert {index: value for index, (value, _) in answers.items()} == {i: 2 * i for i in range(8)}
    assert len({node for _, node in answers.values()}) == 2


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_loses_nothing(tmp_path):
    with open_workers(DiesOnce(tmp_path / "mark"), "ray") as workers:
        assert dict(workers.map(range(5))) == {i: 2 * i for i in range(5)}
    assert (tmp_path / "mark").exists()


@pytest.mark.usefixtures("cluster")
def test_a_payload_that_kills_every_worker_is_given_up():
    with (
        open_workers(die, "ray") as workers,
        pytest.raises(ToolError, match="lost 3 times on the Ray cluster"),
    ):
        list(workers.map([1]))


@pytest.mark.usefixtures("cluster")
def test_an_error_in_a_worker_is_raised_here():
    with open_workers(refuse, "ray") as workers, pytest.raises(DataError, match="payload 1 is bad"):
        list(workers.map([1]))


@pytest.mark.usefixtures("cluster")
def test_the_archive_is_that_of_one_process(tmp_path):
    keys = {"nas_search_strategy": "evolution", "nas_trials": 12}
    result = runs.run(tmp_path / "ray", nas_workers="ray", **keys)
    runs.run(tmp_path / "inline", **keys)
    assert runs.archive(tmp_path / "ray") == runs.archive(tmp_path / "inline")
    assert result.record.workers == 2
    clock = json.loads((tmp_path / "ray" / "clock.json").read_text())
    assert clock["cpu_seconds"] > 0


DEAD = """\
import os, sys
from tinyml_nas.errors import ToolError
from tinyml_nas.workers import open_workers

for os.environ["RAY_ADDRESS"] in sys.argv[1:]:
    try:
        with open_workers(len, "ray"):
            pass
    except ToolError as error:
        print(error.message, error.hint)
"""


def test_a_dead_cluster_is_named_at_once(tmp_path):
    pytest.importorskip("ray", reason="NOT PROVEN: Ray is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"  # where nobody listens
    (tmp_path / "ray").mkdir()
    left_behind = tmp_path / "ray" / "ray_current_cluster"  # by one that was killed here
    left_behind.write_text(address)
    done = subprocess.run(
        [sys.executable, "-c", DEAD, address, f"ray://{address}", "", "no address"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    for line, names in zip(lines, [*3 * [address.partition(":")[2]], "no address"], strict=True):
        assert line.startswith("No Ray cluster answers at ")
        assert names in line
        assert "RAY_ADDRESS=local" in line
    assert "Failed to connect" not in done.stderr


@pytest.mark.fast
@pytest.mark.skipif(os.name == "nt", reason="sets POSIX signals")
def test_a_handler_of_a_library_does_not_last():
    before = signal.getsignal(signal.SIGTERM)
    with interrupts.kept():
        signal.signal(signal.SIGTERM, lambda *_: None)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.fast
def test_without_ray_the_way_to_it_is_named():
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from tinyml_nas.errors import ToolError\n"
        "from tinyml_nas.workers import open_workers\n"
        "try: open_workers(len, 'ray')\n"
        "except ToolError as error: print(error.message, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Ray, which is not installed" in done.stdout
    assert "pip install 'tinyml_nas[ray]'" in done.stdout
