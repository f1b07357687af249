"""Nobody reads any more, as behind ``| head`` or on a closed terminal: the work goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_bad_input import write_project

pytestmark = [
    pytest.mark.fast,
    pytest.mark.skipif(os.name == "nt", reason="closes POSIX pipes and terminals"),
]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hello_arc_fault" / "config.yaml"
LONGEST_S = 240
SAYS = """\
import sys
from pathlib import Path
from tinyml_nas.console import Console, flush_output
console = Console()
console.log_to(Path(sys.argv[1]))
console.stage("stage")
input()  # until nobody reads
with console.track("work", 3) as task:
    for _ in range(3):
        task.advance("a step")
with console.board() as board:
    board.show("board", ("a",), [("1",)])
console.table("table", ("a",), [("1",)])
console.plain("plain " * 10000)
console.warning("warning")
console.error("error", "hint")
for number in range(2000):
    console.info(f"line {number}")
console.close_log()
flush_output()
sys.exit(7)
"""


def closed_pipe() -> int:
    """The end to write to of a pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def without_reader(*command: str) -> tuple[int, str]:
    """Exit code and stderr of our program, whose standard output nobody reads."""
    writer = closed_pipe()
    done = subprocess.run(
        [sys.executable, "-m", "tinyml_nas", *command], stdout=writer, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=LONGEST_S, check=False,
    )  # fmt: skip
    os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize("output", ["pipe", "terminal"])
def test_everything_is_in_the_log_when_nobody_reads(output: str, tmp_path: Path) -> None:
    reader, writer = os.pipe() if output == "pipe" else os.openpty()
    log = tmp_path / "run.log"
    process = subprocess.Popen(
        [sys.executable, "-c", SAYS, str(log)], stdin=subprocess.PIPE, stdout=writer,
        stderr=writer, text=True, env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    )  # fmt: skip
    os.close(writer)
    assert os.read(reader, 1)
    os.close(reader)
    process.communicate("\n", timeout=LONGEST_S)
    assert process.returncode == 7
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith("== stage")
    assert lines[-1].endswith("line 1999")
    assert len(lines) == 2004 + (output == "pipe")  # where the progress is lines


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["schema"], 0, ""),
        (["--help"], 0, ""),
        (["info", "models"], 0, ""),
        (["check", str(EXAMPLE)], 0, ""),
        (["info", "models", "--flash", "100B"], 3, "error: None of"),
    ],
)
def test_a_command_ends_as_it_would_with_a_reader(command: list[str], code: int, says: str) -> None:
    returned, err = without_reader(*command)
    assert returned == code, err
    assert err.startswith(says)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_a_run_without_a_reader_is_finished(tmp_path: Path) -> None:
    write_project(tmp_path)
    config = str(tmp_path / "config.yaml")
    code, err = without_reader("run", config, "--output", str(tmp_path / "runs"))
    assert code == 0, err
    assert "Traceback" not in err
    (log,) = tmp_path.glob("runs/*/latest/run.log")
    assert "== report" in log.read_text(encoding="utf-8")
    assert (log.parent / "report" / "index.html").exists()
