"""The run folder: complete or not there, resumable by its fingerprint, never overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_nas.console import Console
from tinyml_nas.pipeline.folder import RunFolder, fingerprint, named_run

pytestmark = pytest.mark.fast
QUIET = Console(quiet=True)


def _open(root: Path, identity: str = "a", *, resume: bool = False) -> RunFolder:
    return RunFolder.open(root, "My run/1", identity, resume=resume, console=QUIET)


def test_a_run_is_partial_until_it_is_finished(tmp_path: Path) -> None:
    folder = _open(tmp_path)
    assert folder.path.parent == tmp_path / "My_run_1"
    assert folder.path.name.endswith(".partial")
    folder.write_json("data/manifest.json", {"ok": True})
    final = folder.finish()
    assert (final / "data" / "manifest.json").exists()
    assert not final.name.endswith(".partial")
    assert (final.parent / "latest").resolve() == final


def test_two_runs_in_one_second_do_not_clash(tmp_path: Path) -> None:
    paths = [_open(tmp_path).finish() for _ in range(3)]
    assert len(set(paths)) == 3
    assert (paths[-1].parent / "latest").resolve() == paths[-1]


def test_latest_is_a_text_file_where_links_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for _ in range(2):
        final = _open(tmp_path).finish()
        assert named_run(final.parent / "latest") == final
    assert named_run(final) == final


def test_resume_takes_the_stopped_run_of_the_same_configuration(tmp_path: Path) -> None:
    stopped, other = _open(tmp_path, "a"), _open(tmp_path, "b")
    assert _open(tmp_path, "a", resume=True).path == stopped.path
    assert _open(tmp_path, "c", resume=True).path not in (stopped.path, other.path)
    assert _open(tmp_path, "a").path != stopped.path


def test_a_half_written_file_is_never_seen(tmp_path: Path) -> None:
    folder = _open(tmp_path)
    folder.write_text("notes.txt", "whole")
    with pytest.raises(UnicodeEncodeError):
        folder.write_text("notes.txt", "half \udcff")
    assert (folder.path / "notes.txt").read_text() == "whole"


def test_the_fingerprint_follows_every_part() -> None:
    base = fingerprint({"seed": 1}, ["file", "hash"])
    assert base == fingerprint({"seed": 1}, ["file", "hash"])
    assert base != fingerprint({"seed": 2}, ["file", "hash"])
    assert base != fingerprint({"seed": 1}, ["file", "other"])
