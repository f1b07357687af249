"""All that must hold before a change lands: ``run_modelzoo.sh test [PYTEST ARGUMENTS]``.

Formatting, lint, types, the import contract, the launcher's shell and then the tests; every check
runs, whatever the ones before it said, and a summary closes.  For a developer who has the
``dev`` packages, ``python -m tinyml_nas._checks -m fast`` does the same.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_nas.console import Console

ROOT = Path(__file__).resolve().parent.parent
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
"""Two processes; the tests of one file stay together, for they share what they have built."""


@dataclass(frozen=True)
class Check:
    """A name for people and the command whose exit code decides."""

    name: str
    command: tuple[str, ...]


def all_checks(pytest_arguments: Sequence[str]) -> list[Check]:
    """Every check, the tests last so that their own report stands near the end."""
    module = (sys.executable, "-m")
    return [
        Check("ruff format", (*module, "ruff", "format", "--check", ".")),
        Check("ruff check", (*module, "ruff", "check", ".")),
        Check("mypy", (*module, "mypy")),
        Check("import contract", (sys.executable, "-c", LINT_IMPORTS)),
        Check("shellcheck", ("shellcheck", "run_modelzoo.sh", ".ci/run")),
        Check("pytest", (*module, "pytest", *TWO_AT_A_TIME, *pytest_arguments)),
    ]


def run_check(check: Check, console: Console) -> str:
    """``passed``, ``FAILED`` or ``NOT RUN`` for a tool that is not installed."""
    console.stage(check.name)
    sys.stdout.flush()
    if shutil.which(check.command[0]) is None:
        console.warning(f"{check.command[0]} is not installed: this check DID NOT RUN")
        return "NOT RUN"
    code = subprocess.run(check.command, cwd=ROOT, check=False).returncode
    return "FAILED" if code else "passed"


def main(arguments: Sequence[str]) -> int:
    """0 when no check failed, else 1."""
    console = Console()
    rows = []
    for check in all_checks(arguments):
        start = time.monotonic()
        verdict = run_check(check, console)
        rows.append((check.name, verdict, f"{time.monotonic() - start:.0f} s"))
    console.table("Checks", ("check", "verdict", "time"), rows)
    return int(any(verdict == "FAILED" for _, verdict, _ in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
