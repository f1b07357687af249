"""The ``test`` command: every check runs, a missing tool is loud, one failure decides."""

from __future__ import annotations

import sys

import pytest

from tinyml_nas import _checks as checks
from tinyml_nas._checks import Check
from tinyml_nas.console import Console

pytestmark = pytest.mark.fast


def python(name: str, code: str) -> Check:
    """A check that runs a line of Python."""
    return Check(name, (sys.executable, "-c", code))


def test_the_arguments_go_to_pytest_which_comes_last() -> None:
    last = checks.all_checks(["-m", "fast"])[-1]
    assert last.command[1:3] == ("-m", "pytest")
    assert last.command[-2:] == ("-m", "fast")


def test_a_missing_tool_is_loud(capfd: pytest.CaptureFixture[str]) -> None:
    assert checks.run_check(Check("lint", ("no-such-tool",)), Console()) == "NOT RUN"
    assert "no-such-tool is not installed: this check DID NOT RUN" in capfd.readouterr().err


@pytest.mark.parametrize(("second", "code"), [("pass", 0), ("raise SystemExit(5)", 1)])
def test_all_run_and_one_failure_decides(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], second: str, code: int
) -> None:
    listed = [python("first", second), python("last", "print('ran to the end')")]
    monkeypatch.setattr(checks, "all_checks", lambda arguments: listed)
    assert checks.main([]) == code
    shown = capfd.readouterr().out
    assert "ran to the end" in shown
    assert ("FAILED" in shown) == bool(code)
