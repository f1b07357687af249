"""Locks of the operating system on files: who dies lets go of its locks, however it dies.

The file says in words who holds it; that it exists says nothing.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems without locks answer: some network disks."""

if sys.platform == "win32":
    import msvcrt

    BEYOND = 1 << 30
    """A byte that no text reaches: Windows lets nobody read a locked byte."""

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """A file that is held until ``release``, ``remove`` or the end of this process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    @classmethod
    def take(cls, path: Path, *, new: bool = False) -> Lock | None:
        """The lock on ``path``, which is made; ``None`` where another process has it.

        With ``new`` also ``None`` where the file is there already.  A file system without locks
        gives one that keeps nobody away.
        """
        flags = os.O_CREAT | (os.O_EXCL if new else 0)
        try:
            lock = _open(path, flags, trusting=True)
        except FileExistsError:
            return None
        if lock is not None:
            lock._write_holder()
        return lock

    @classmethod
    def abandoned(cls, path: Path) -> Lock | None:
        """The lock on a file that its maker left behind; ``None`` where anybody may have it."""
        try:
            return _open(path, 0, trusting=False)
        except OSError:  # gone by now, or another user's
            return None

    def release(self) -> None:
        """Let go and leave the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Take the file away, then let go: who opened it before sees that it is gone."""
        if sys.platform == "win32":  # which removes no open file
            self.release()
        with suppress(OSError):
            self._path.unlink()
        self.release()

    def _write_holder(self) -> None:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        text = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, text.encode())
        except OSError:  # a full disk
            self.release()
            raise


def holder(path: Path) -> str:
    """Who wrote the lock ``path``: process, computer and time."""
    with suppress(OSError):
        return path.read_text(encoding="utf-8")
    return ""


def _open(path: Path, flags: int, *, trusting: bool) -> Lock | None:
    """The lock on ``path``; ``trusting`` where a file system without locks is taken as free."""
    flags |= os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    lock = Lock(path, descriptor)
    try:
        _lock(descriptor)
    except OSError as error:
        if not (trusting and error.errno in NO_LOCKS):
            lock.release()
            return None
    with suppress(OSError):
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return lock
    lock.release()  # its holder has just removed it
    return None
