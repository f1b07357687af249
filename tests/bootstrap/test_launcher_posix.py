"""run_modelzoo.sh for real: stand-in interpreters, a nasty folder, and the hand-over behind it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinyml_nas import _bootstrap as bootstrap

resource = pytest.importorskip("resource", reason="a POSIX shell script")
ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = ["run", "--set", "a b=c d", "x!y", "", "*", "$HOME"]
STANDIN = """#!/bin/sh
[ "$1" = -S ] && exit {probe}
printf '%s\\n' "$@" > "{record}"
printf '%s\\n' "$TINYML_COMMAND" > "{record}.command"
exit 7
"""
PROGRAM = """
import json, sys
print(json.dumps([sys.argv[1:], sys.executable, sys.flags.utf8_mode, __name__]))
sys.exit(7)
"""

pytestmark = pytest.mark.fast


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of the launcher and what it starts, with a tiny program in place of ours."""
    home = tmp_path / "a b (1) ü!"
    (home / "tinyml_nas").mkdir(parents=True)
    for name in (
        "run_modelzoo.sh",
        "pyproject.toml",
        "constraints.txt",
        "tinyml_nas/_bootstrap.py",
    ):
        shutil.copy(ROOT / name, home / name)
    (home / "tinyml_nas" / "__init__.py").touch()
    (home / "tinyml_nas" / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    return home


def standin(path: Path, record: Path, *, probe: int = 0) -> Path:
    """An interpreter that answers the launcher's probe with ``probe`` and records its arguments."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(STANDIN.format(probe=probe, record=record), encoding="utf-8")
    path.chmod(0o755)
    return path


def launch(
    launcher: Path, *arguments: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """One start of the launcher, with nothing of ours in its environment variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TINYML_", "PYTHON"))}
    return subprocess.run(
        [launcher, *arguments],
        env={**kept, **environ},
        cwd=cwd or launcher.parent,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def bare_path(folder: Path) -> Path:
    """A folder for PATH that has the launcher's tools and no Python."""
    folder.mkdir()
    for tool in ("sh", "dirname", "readlink"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return folder


def test_all_arguments_and_the_exit_code_pass_through(home: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    python = standin(tmp_path / "my python" / "python3", record)
    done = launch(home / "run_modelzoo.sh", *ARGUMENTS, cwd=tmp_path, TINYML_PYTHON=str(python))
    assert done.returncode == 7, done.stderr
    expected = ["-I", str(home / "tinyml_nas" / "_bootstrap.py"), *ARGUMENTS]
    assert record.read_text(encoding="utf-8").splitlines() == expected
    called = record.with_name("record.command").read_text(encoding="utf-8")
    assert called == f"{home / 'run_modelzoo.sh'}\n"


def test_a_link_to_the_launcher_finds_its_folder(home: Path, tmp_path: Path) -> None:
    link = tmp_path / "bin" / "zoo"
    link.parent.mkdir()
    link.symlink_to(Path("..") / home.name / "run_modelzoo.sh")
    python = standin(tmp_path / "python", tmp_path / "record")
    assert launch(link, TINYML_PYTHON=str(python)).returncode == 7
    assert str(home) in (tmp_path / "record").read_text(encoding="utf-8")


def test_an_interpreter_that_does_not_run_is_passed_over(home: Path, tmp_path: Path) -> None:
    path = bare_path(tmp_path / "bin")
    standin(path / "python3.12", tmp_path / "wrong", probe=127)
    standin(path / "python3.11", tmp_path / "right")
    standin(path / "python3.13", tmp_path / "wrong")
    done = launch(home / "run_modelzoo.sh", PATH=str(path), TINYML_PYTHON="/no/python")
    assert done.returncode == 7
    assert "TINYML_PYTHON=/no/python" in done.stderr
    assert (tmp_path / "right").exists()
    assert not (tmp_path / "wrong").exists()


def test_without_a_python_it_says_what_was_tried(home: Path, tmp_path: Path) -> None:
    done = launch(home / "run_modelzoo.sh", PATH=str(bare_path(tmp_path / "bin")))
    assert done.returncode == 6
    assert "tried python3.12" in done.stderr
    assert "TINYML_PYTHON" in done.stderr


def test_the_probe_refuses_other_versions() -> None:
    text = (ROOT / "run_modelzoo.sh").read_text(encoding="utf-8")
    probe = next(line for line in text.splitlines() if line.startswith("probe="))[7:-1]
    assert f'set "probe={probe}"' in (ROOT / "run_modelzoo.bat").read_text(encoding="utf-8")
    for version, accepted in {(3, 9): 1, (3, 10): 0, (3, 13): 0, (3, 14): 1}.items():
        code = probe.replace("sys.version_info[:2]", str(version))
        assert subprocess.run([sys.executable, "-S", "-E", "-c", code]).returncode == accepted


def test_without_bootstrap_the_found_python_runs_the_program(home: Path, tmp_path: Path) -> None:
    environ = {"TINYML_PYTHON": sys.executable, "TINYML_NO_BOOTSTRAP": "1"}
    done = launch(home / "run_modelzoo.sh", *ARGUMENTS, cwd=tmp_path, **environ)
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout) == [ARGUMENTS, sys.executable, 1, "__main__"]


def test_a_stamped_environment_is_used_at_once(home: Path, tmp_path: Path) -> None:
    """The second start: no set-up, the environment's own Python, far under a second."""
    ready_environment(home)
    if sys.version_info >= (3, 11):  # 3.10 cannot keep the working folder out
        (tmp_path / "json.py").write_text("raise SystemExit('the working folder was imported')")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = launch(home / "run_modelzoo.sh", *ARGUMENTS, cwd=tmp_path, PYTHONHOME=str(tmp_path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout)[:2] == [ARGUMENTS, str(home / ".venv" / "bin" / "python")]
    assert done.stderr == ""
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.7


def ready_environment(home: Path) -> None:
    """Make a real environment, without packages, and stamp it as finished."""
    machine = bootstrap.Machine(str(home), sys.platform, {})
    command = [bootstrap.base_python(), "-m", "venv", "--without-pip", machine.venv]
    subprocess.run(command, check=True)
    (site,) = (home / ".venv").glob("lib/python3*/site-packages")
    bootstrap.write_path_file(site, machine.root)
    packages = bootstrap.read_packages(machine.root)
    bootstrap.write_stamp(machine, bootstrap.wanted_stamp(machine, packages, dev=False))
