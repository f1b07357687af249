"""A Python without the packages, as ``TINYML_NO_BOOTSTRAP=1`` may meet it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinyml_nas.errors import PACKAGES, missing_package

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.fast


def test_a_python_without_any_package_says_what_to_install() -> None:
    command = [sys.executable, "-I", "-S", "-c"]  # -S: no site-packages
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ['check', 'x.yaml']; "
    code = f"{start}from tinyml_nas.__main__ import main; sys.exit(main())"
    done = subprocess.run([*command, code], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert "Traceback" not in done.stderr
    assert f"This Python ({sys.executable}) lacks" in done.stderr
    for package in ("rich", "pyyaml", "torch"):
        assert package in done.stderr
    assert f"{sys.executable} -m pip install" in done.stderr
    assert "TINYML_NO_BOOTSTRAP" in done.stderr


def test_the_packages_are_those_of_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.M | re.S)
    assert block is not None
    named = re.findall(r'"([A-Za-z0-9_-]+)', block[1])
    assert sorted(PACKAGES.values()) == sorted(named)


def test_a_module_of_ours_that_is_missing_is_our_bug() -> None:
    assert missing_package(ModuleNotFoundError("no", name="tinyml_nas.nowhere")) is None
