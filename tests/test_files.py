"""Whole-file writes: all or nothing, and nothing but a regular file is ever replaced."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tinyml_nas.errors import ToolError
from tinyml_nas.files import unusual_kind, write_whole

pytestmark = pytest.mark.fast
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "a" / "b.txt", "ä\n").read_bytes() == b"\xc3\xa4\n"
    assert write_whole(tmp_path / "a" / "b.txt", b"\0\r\n").read_bytes() == b"\0\r\n"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_what_was_there_survives_a_failed_write(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "page.html", "before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    assert unusual_kind(tmp_path) == "a folder"
    with pytest.raises(ToolError, match="is a folder and is not replaced"):
        write_whole(tmp_path, "text")


@POSIX
def test_a_device_and_a_pipe_are_not_replaced(tmp_path: Path) -> None:
    pipe, device = tmp_path / "pipe", tmp_path / "full"
    os.mkfifo(pipe)
    device.symlink_to("/dev/full")
    for path, kind in ((pipe, "a pipe"), (device, "a device")):
        with pytest.raises(ToolError, match=f"is {kind} and is not replaced"):
            write_whole(path, "text")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_ISCHR(device.stat().st_mode)


@POSIX
def test_a_link_stays_and_its_file_is_written(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "file")
    write_whole(link, "text")
    assert link.is_symlink()
    assert (tmp_path / "there" / "file").read_text(encoding="utf-8") == "text"
