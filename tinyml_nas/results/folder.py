"""The run folder: a partial one while the run goes on, renamed when it is complete.

runs/<name>/<timestamp>.partial/   a run under way, or one that was stopped
runs/<name>/<timestamp>/           a finished run
runs/<name>/latest                 the newest finished run (a link; a text file with its name where
                                   links fail)
runs/<name>/.<timestamp>.lock      held by the process at work there; gone once ``latest`` is set
runs/<name>/.<timestamp>.new/      a folder that has no fingerprint yet

A lock that nobody holds and that has no partial folder is thus of a run that was killed in its
first or its last moment: the next run of the name tidies up there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinyml_nas.console import Console
from tinyml_nas.errors import ToolError
from tinyml_nas.files import write_whole
from tinyml_nas.locks import Lock, holder

PARTIAL, NEW, LOCK = ".partial", ".new", ".lock"
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
    """Where one run writes; every file appears complete or not at all.

    A context manager: at its end another process may go on here.
    """

    def __init__(self, path: Path, lock: Lock | None = None) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(
        cls, root: Path, name: str, fingerprint: str, *, resume: bool, console: Console
    ) -> RunFolder:
        """The newest stopped run of this very configuration if ``resume``, else a fresh folder.

        A finished one where a kill has left out nothing but ``latest``, which is set here.  Raises
        ``ToolError`` where another process works in the stopped run, or no folder can be made.
        """
        parent = runs_named(root, name)
        completed = _tidy(parent, console)
        partial = sorted(parent.glob(f"*{PARTIAL}"), key=_age)
        same = [path for path in (*partial, *completed) if _read(path / FINGERPRINT) == fingerprint]
        if resume and same:
            return cls._resumed(same[-1], console)
        if stopped := [path for path in same if path in partial and not _is_held(path)]:
            console.info(
                f"a stopped run of this file exists, --resume goes on with it: {stopped[-1]}"
            )
        elif resume and partial:
            console.info(
                f"the file, the data or this program changed since {partial[-1]} was stopped: "
                "starting anew"
            )
        elif resume:
            console.info("nothing to resume for this file and data: starting anew")
        return cls(*_make_fresh(parent, fingerprint))

    @classmethod
    def _resumed(cls, path: Path, console: Console) -> RunFolder:
        if not path.name.endswith(PARTIAL):
            return cls(path)
        lock = Lock.take(_lock_of(path))
        if lock is None:
            raise ToolError(
                f"Another process works in {path}: {holder(_lock_of(path))}.",
                hint="wait for it or stop it; without --resume a new run starts beside it",
            )
        if not path.exists():
            lock.remove()
            raise ToolError(f"Another process has just finished {path}.", hint="look at its result")
        console.info(f"resuming {path}")
        return cls(path, lock)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    @property
    def finished(self) -> bool:
        """True where nothing is left to be done."""
        return not self.path.name.endswith(PARTIAL)

    def write_text(self, name: str, text: str) -> Path:
        """Write ``text`` to ``name`` below the folder, all of it or nothing."""
        return write_whole(self.path / name, text)

    def write_json(self, name: str, record: Any) -> Path:
        """Write ``record`` as JSON."""
        return self.write_text(name, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    def finish(self) -> Path:
        """Drop the partial name, point ``latest`` here and return the final path.

        Every file is on the disk before the folder has the name of a finished run.
        """
        _flush(self.path)
        final = self.path.with_name(self.path.name.removesuffix(PARTIAL))
        os.replace(self.path, final)
        self.path = final
        _point_latest(final)
        _flush_names(final.parent)
        if self._lock is not None:
            self._lock.remove()
        return final


def _point_latest(final: Path) -> None:
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


def _tidy(parent: Path, console: Console) -> list[Path]:
    """Remove what a killed start left, set ``latest`` for a killed end; such ends, by age."""
    for path in parent.glob(f"*{PARTIAL}"):
        with suppress(OSError):  # it is not empty, as of old where the fingerprint was not written
            path.rmdir()
    completed = []
    for path in sorted(parent.glob(f".*{LOCK}"), key=_age):
        final = path.with_name(path.name[1:].removesuffix(LOCK))
        if final.with_name(final.name + PARTIAL).exists():
            continue
        if (lock := Lock.abandoned(path)) is None:
            continue
        shutil.rmtree(path.with_suffix(NEW), ignore_errors=True)
        if final.exists():
            if _age(named_run(parent / LATEST).resolve()) < _age(final):
                _point_latest(final)
            console.info(f"{final} is finished: a kill left only {LATEST} to be set")
            completed.append(final)
        lock.remove()
    return completed


def _make_fresh(parent: Path, fingerprint: str) -> tuple[Path, Lock]:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return _make_numbered(parent, fingerprint)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ToolError(
            f"No folder for the run can be made in {parent}: {error.strerror or error}.",
            hint="move away what is there, or name another folder with --output",
        ) from error


def _make_numbered(parent: Path, fingerprint: str) -> tuple[Path, Lock]:
    """A partial folder that has had its fingerprint for as long as it has had its name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for attempt in range(1, 1000):
        final = parent / (stamp if attempt == 1 else f"{stamp}-{attempt}")
        path = final.with_name(final.name + PARTIAL)
        if final.exists() or path.exists():
            continue
        if (lock := Lock.take(_lock_of(path), new=True)) is None:
            continue
        new = parent / f".{final.name}{NEW}"
        try:
            write_whole(new / FINGERPRINT, fingerprint)
            os.replace(new, path)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            lock.remove()
            raise
        return path, lock
    raise OSError(f"no free run folder below {parent}")


def _lock_of(partial: Path) -> Path:
    return partial.with_name(f".{partial.name.removesuffix(PARTIAL)}{LOCK}")


def _is_held(partial: Path) -> bool:
    """Whether a process works there."""
    path = _lock_of(partial)
    if (lock := Lock.abandoned(path)) is not None:
        lock.release()
        return False
    return path.exists()


def _age(path: Path) -> list[int]:
    """What orders the runs of a name, the oldest first; the second's runs are numbered."""
    return [int(digits) for digits in re.findall(r"\d+", path.name)]


def _flush(folder: Path) -> None:
    """Wait until all files below ``folder``, and their names, are on the disk."""
    for where, _, files in os.walk(folder, topdown=False):
        for path in (Path(where, name) for name in files):
            if path.is_file():
                _fsync(path)
        _flush_names(Path(where))


def _flush_names(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk; Windows has no way to ask for that."""
    if sys.platform != "win32":
        try:
            _fsync(folder)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network disks that cannot
                raise


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
