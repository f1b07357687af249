"""A run writes where it may and talks to nobody, ONNX Runtime's telemetry included."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.name == "nt", reason="HOME and TMPDIR are POSIX's"),
]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hello_arc_fault" / "config.yaml"
SHORT = (
    "training.training_epochs=1",
    "training.qat_epochs=1",
    "testing.parity_vectors=1",
    "compilation.enable=false",
    "data_processing_feature_extraction.feature_size_per_frame=64",
)
STRACE = ("strace", "-ff", "--seccomp-bpf", "-y", "-qq")
"""A file for each thread, so that no call is cut in two; folders beside descriptors."""
CHANGES = (
    "creat", "link", "linkat", "mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat",
    "renameat2", "rmdir", "symlink", "symlinkat", "truncate", "unlink", "unlinkat",
)  # fmt: skip
WRITES = re.compile(rf"({'|'.join(CHANGES)})\(|open(at|at2)?\(.*O_(WRONLY|RDWR|CREAT|TRUNC)")
TALKS = re.compile(r"(socket|connect|bind|sendto|sendmsg|sendmmsg)\(")
PATH = re.compile(r'(?:<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Traced:
    """A finished run, where it was allowed to write, and its system calls where strace is there."""

    output: Path
    home: Path
    temporary: Path
    calls: list[str] | None


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """A whole run, session of ONNX Runtime included, in an environment that shares nothing.

    ONNX Runtime keeps quiet where a variable says that it is in CI: none is handed on.
    """
    base = tmp_path_factory.mktemp("private").resolve()
    output, home, temporary, traces = folders = [
        base / name for name in ("output", "home", "temporary", "traces")
    ]
    for folder in folders:
        folder.mkdir()
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary),
        "USER": "somebody",  # torch asks for it, and without it the C library a server
        "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    calls = ",".join(f"?{name}" for name in ("open", "openat", "openat2", *CHANGES))
    strace = [*STRACE, "-o", str(traces / "calls"), "-e", f"trace=%network,{calls}"]
    traced = _can_trace()
    prefix = strace if traced else []
    sets = [part for item in SHORT for part in ("--set", item)]
    command = [sys.executable, "-m", "tinyml_nas", "run", str(EXAMPLE), *sets, "--quiet"]
    done = subprocess.run(
        [*prefix, *command, "--output", str(output)],
        env=environment, cwd=output, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = sorted(traces.iterdir())
    lines = [line for file in files for line in file.read_text("utf-8", "replace").splitlines()]
    return Traced(output, home, temporary, lines if traced else None)


def _can_trace() -> bool:
    """Whether strace is there and allowed to work, which some containers do not."""
    if shutil.which("strace") is None:
        return False
    probe = [*STRACE, "-e", "trace=openat", sys.executable, "-c", ""]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def test_home_and_temporary_folder_stay_empty(run: Traced) -> None:
    left = [path for folder in (run.home, run.temporary) for path in folder.rglob("*")]
    assert [path for path in left if not path.name.startswith("torchinductor_")] == []
    assert all(path.is_dir() for path in left)  # torch makes it, whatever it is used for


def test_no_socket_is_opened_and_no_file_elsewhere(run: Traced) -> None:
    if run.calls is None:
        pytest.skip("no strace that may trace: what the run opens is not tested")
    assert any("onnxruntime_pybind11_state" in call for call in run.calls)
    assert [call for call in run.calls if TALKS.match(call)] == []
    written = [path for call in run.calls if WRITES.match(call) for path in _paths(call, run)]
    assert any(path.name == "results.json.tmp" for path in written)
    allowed = (run.output, run.home / ".cache", run.temporary, Path(os.devnull))
    outside = [p for p in written if not any(p.is_relative_to(place) for place in allowed)]
    assert outside == []


def _paths(call: str, run: Traced) -> list[Path]:
    """What a call that succeeded names, in absolute form."""
    if " = -1 E" in call:
        return []
    found = [Path(folder or run.output, name) for folder, name in PATH.findall(call)]
    return [Path(os.path.normpath(path)) for path in found]
