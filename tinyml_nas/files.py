"""The one way to write a whole file, and what may stand where a regular file is meant.

A reader of a file sees what was there before, or all that was written; never a part of it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tinyml_nas.errors import ToolError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def unusual_kind(path: Path) -> str | None:
    """What ``path`` is where it is not a regular file: "a folder", "a pipe"; links are followed.

    None for a regular file and for what is not there.  Raises ``OSError`` where the system does not
    even look, for one because the name is too long.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "something special")


def write_whole(path: Path, data: bytes | str) -> Path:
    """``path``, now with ``data``, which has reached the disk; text is written as UTF-8.

    The folder is made.  Of a link, the file that it leads to is replaced.

    Raises:
        ToolError: a folder, a device or the like is there, which is never replaced.
        OSError: the system cannot write there; what was there before is unchanged.
    """
    kind = unusual_kind(path)
    if kind is not None:
        raise ToolError(
            f"{path} is {kind} and is not replaced by a file.", hint="Name a file that may be made."
        )
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
