"""What the console says reaches the screen once, and the log while there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_nas.console import Console

pytestmark = pytest.mark.fast


def test_a_message_is_shown_once_whatever_happens_to_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(quiet=True)
    console.error("Before the log.")
    console.log_to(tmp_path / "run.log")
    console.error("With the log.", "a hint")
    console.close_log()
    console.error("After the log.")
    shown = capsys.readouterr().err
    for words in ("Before the log.", "With the log.", "After the log."):
        assert shown.count(words) == 1
    logged = (tmp_path / "run.log").read_text(encoding="utf-8")
    assert "ERROR With the log. (hint: a hint)" in logged
    assert "Before" not in logged
    assert "After" not in logged
