"""The run folder: a partial one while the run goes on, renamed when it is complete.

runs/<name>/<timestamp>.partial/   a run under way, or one that was stopped
runs/<name>/<timestamp>/           a finished run
runs/<name>/latest                 the newest finished run (a link; a text file with its name where
                                   links fail)
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from tinyml_nas.console import Console
from tinyml_nas.errors import ToolError

PARTIAL = ".partial"
FINGERPRINT = "fingerprint.txt"
LATEST = "latest"
RESULTS = "results.json"
NAME = r"[\w.-]{1,255}"
"""Of a run."""


def fingerprint(*parts: object) -> str:
    """A hash of everything that decides the result: equal runs have equal fingerprints."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def named_run(path: Path) -> Path:
    """The run folder that ``path`` names, be it ``latest`` as a text file; raises ``ToolError``."""
    if path.name != LATEST or not path.is_file():
        return path
    try:
        name = path.read_text(encoding="utf-8")
        if not re.fullmatch(NAME, name):
            raise ValueError(name)
        return path.with_name(name)
    except (OSError, ValueError):
        raise ToolError(
            f"{path} does not hold the name of a run.", hint="Delete it, and name the run itself."
        ) from None


def runs_named(root: Path, name: str) -> Path:
    """Where the runs of that name are."""
    return root / (re.sub(r"[^\w.+-]+", "_", name).strip("._") or "run")


class RunFolder:
    """Where one run writes; every file appears complete or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(
        cls, root: Path, name: str, fingerprint: str, *, resume: bool, console: Console
    ) -> RunFolder:
        """The newest stopped run of this very configuration if ``resume``, else a fresh folder."""
        parent = runs_named(root, name)
        partial = sorted(parent.glob(f"*{PARTIAL}"), reverse=True)
        stopped = [path for path in partial if _read(path / FINGERPRINT) == fingerprint]
        if stopped and resume:
            console.info(f"resuming {stopped[0]}")
            return cls(stopped[0])
        if stopped:
            console.info(
                f"a stopped run of this file exists, --resume goes on with it: {stopped[0]}"
            )
        elif resume and partial:
            console.info(f"file or data changed since {partial[0]} was stopped: starting anew")
        elif resume:
            console.info("nothing to resume for this file and data: starting anew")
        folder = cls(_make_fresh(parent))
        folder.write_text(FINGERPRINT, fingerprint)
        return folder

    def write_text(self, name: str, text: str) -> Path:
        """Write ``text`` to ``name`` below the folder, all of it or nothing."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        return path

    def write_json(self, name: str, record: Any) -> Path:
        """Write ``record`` as JSON."""
        return self.write_text(name, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    def finish(self) -> Path:
        """Drop the partial name, point ``latest`` here and return the final path."""
        final = self.path.with_name(self.path.name.removesuffix(PARTIAL))
        os.replace(self.path, final)
        self.path = final
        latest = final.parent / LATEST
        temporary = final.parent / ".latest.tmp"
        temporary.unlink(missing_ok=True)
        try:
            temporary.symlink_to(final.name, target_is_directory=True)
        except OSError:  # Windows without the right to make links
            temporary.write_text(final.name, encoding="utf-8")
        if sys.platform == "win32":  # where a link to a folder cannot be replaced
            latest.unlink(missing_ok=True)
        os.replace(temporary, latest)
        return final


def _make_fresh(parent: Path) -> Path:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return _make_numbered(parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ToolError(
            f"No folder for the run can be made in {parent}: {error.strerror or error}.",
            hint="move away what is there, or name another folder with --output",
        ) from error


def _make_numbered(parent: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for attempt in range(1, 1000):
        name = stamp if attempt == 1 else f"{stamp}-{attempt}"
        path = parent / f"{name}{PARTIAL}"
        if (parent / name).exists():
            continue
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise OSError(f"no free run folder below {parent}")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
