"""run_modelzoo.bat for real, under wine, with stand-ins for python.exe built by mingw-w64."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER = "x86_64-w64-mingw32-gcc"
ARGUMENTS = ["--set", "a b=c d", "x!y", "p & q", "(1)"]
LACKING = [tool for tool in ("wine", COMPILER) if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.windows,
    pytest.mark.skipif(
        bool(LACKING), reason=f"THE .bat IS UNTESTED HERE: install {' '.join(LACKING)}"
    ),
]


class Windows:
    """A wine prefix, a stand-in interpreter and a copy of the launcher in a nasty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "a b (1) ü!"
        self.home.mkdir()
        shutil.copy(ROOT / "run_modelzoo.bat", self.home)
        self.standin = self.home / "python.exe"
        source = Path(__file__).with_name("standin_python.c")
        subprocess.run([COMPILER, "-O1", "-o", self.standin, source], check=True)

    def launch(self, **environ: str) -> tuple[int, list[str], str]:
        """Exit code, recorded arguments and output of one start from another directory."""
        record = self.folder / "record.txt"
        record.unlink(missing_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        wine = {"WINEPREFIX": str(self.folder / "wine"), "WINEDEBUG": "-all"}
        wine |= {"WINEDLLOVERRIDES": "mscoree,mshtml=", "LC_ALL": "C.UTF-8"}  # no Mono, real ü
        done = subprocess.run(
            ["wine", windows_path(self.home / "run_modelzoo.bat"), *ARGUMENTS],
            env={**kept, **wine, "RECORD": windows_path(record), **environ},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=240,
            check=False,
        )
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        return done.returncode, lines, (done.stdout + done.stderr).decode(errors="replace")


def windows_path(path: Path) -> str:
    """The path as wine's programs see it."""
    return "Z:" + str(path).replace("/", "\\")


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    return Windows(tmp_path_factory.mktemp("windows"))


def test_all_arguments_and_the_exit_code_pass_through(windows: Windows) -> None:
    code, recorded, output = windows.launch(TINYML_PYTHON=windows_path(windows.standin))
    bootstrap = windows_path(windows.home / "tinyml_nas" / "_bootstrap.py")
    assert recorded == ["-I", bootstrap, *ARGUMENTS], output
    assert code == 7


def test_the_py_launcher_is_asked_for_each_version(windows: Windows) -> None:
    path = windows.folder / "bin"
    path.mkdir()
    shutil.copy(windows.standin, path / "py.exe")
    code, recorded, output = windows.launch(
        ACCEPT="-3.13", WINEPATH=windows_path(path), TINYML_PYTHON=r"Z:\no such\python.exe"
    )
    assert recorded[:2] == ["-3.13", "-I"], output
    assert recorded[3:] == ARGUMENTS
    assert code == 7
    assert r"no such\python.exe" in output


def test_without_a_python_it_says_what_was_tried(windows: Windows) -> None:
    code, recorded, output = windows.launch()
    assert (code, recorded) == (6, [])
    assert "tried py -3.12" in output
    assert "TINYML_PYTHON" in output
