"""Folders for builds: removed at the end, and after a kill by whoever builds next."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tinyml_nas.locks import Lock

PREFIX, SUFFIX = "tinyml_", ".lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder below the one for temporary files; what nobody works in any more is removed.

    Its lock stands beside it and is there first, so that no folder is ever without one.
    """
    _sweep(Path(tempfile.gettempdir()))
    lock, path = _fresh()
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        _clear(path, lock)


def _fresh() -> tuple[Lock, Path]:
    """The lock of a folder that is yet to be made, and its path."""
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX)
        os.close(handle)
        if (lock := Lock.take(Path(name))) is not None:
            return lock, Path(name.removesuffix(SUFFIX))


def _sweep(root: Path) -> None:
    for path in root.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError):
            if hasattr(os, "getuid") and path.lstat().st_uid != os.getuid():
                continue
        if (lock := Lock.abandoned(path)) is not None:
            _clear(path.with_suffix(""), lock)


def _clear(path: Path, lock: Lock) -> None:
    """Remove a folder, and its lock unless something of it stays (Windows: a virus scanner)."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        lock.release()
    else:
        lock.remove()
