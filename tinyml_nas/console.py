"""Everything a person reads while a run goes on: the only module that prints.

On a terminal progress is a live bar with the time left; elsewhere (CI, a pipe) it is a plain
line now and then.  Every line also goes to the run's log once ``log_to`` has named one.  No work
ends because a reader leaves, such as head, or because the terminal is closed.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

from rich.console import Console as RichConsole
from rich.console import JustifyMethod
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tinyml_nas import interrupts

PLAIN_INTERVAL_S = 10.0
GONE = (errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.EINVAL)
"""What a write says when nobody reads any more: a pipe, a socket, a terminal, a pipe on Windows."""


class Task:
    """One running piece of work with a known number of steps."""

    def __init__(self, console: Console, description: str, total: int, done: int) -> None:
        self._console = console
        self._description = description
        self._total = total
        self._done = self._done_before = done
        self._start = self._last_line = time.monotonic()
        self._progress: Progress | None = None
        if console.live:
            self._progress = Progress(
                TextColumn("  {task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[detail]}"),
                console=console.rich,
                transient=True,
            )
            self._id = self._progress.add_task(description, total=total, completed=done, detail="")
            self._progress.start()

    def advance(self, detail: str = "", steps: int = 1) -> None:
        """Count finished steps; ``detail`` is a few words such as ``loss 0.31``."""
        interrupts.check()
        self._done += steps
        if self._progress is not None:
            self._progress.update(self._id, completed=self._done, detail=detail)
            return
        now = time.monotonic()
        if now - self._last_line < PLAIN_INTERVAL_S and self._done < self._total:
            return
        self._last_line = now
        worked = max(self._done - self._done_before, 1)
        left_s = (now - self._start) / worked * (self._total - self._done)
        count = f"{self._description} {self._done}/{self._total}"
        self._console.info(f"{count}, {left_s:.0f} s left  {detail}".rstrip())

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._progress is not None:
            self._progress.stop()


class Board:
    """A table on the screen that changes."""

    def __init__(self, live: Live | None) -> None:
        self._live = live

    def show(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Replace what is shown."""
        if self._live is not None:
            self._live.update(_table(title, header, rows), refresh=True)


def own_command() -> str:
    """How this program was called, ready for the user's shell.

    The launchers say their own name in ``TINYML_COMMAND``.
    """
    launcher = os.environ.get("TINYML_COMMAND", "")
    if launcher:
        by_shell = os.name == "posix" and "/" not in launcher  # as in: sh run_modelzoo.sh
        return f"{'sh ' * by_shell}{shell_quoted(launcher)}"
    called = Path(sys.argv[0])
    by_name = called.suffix != ".py" and called.name != "-c"
    return called.stem if by_name else "python -m tinyml_nas"


def shell_quoted(text: str) -> str:
    """``text`` as one word of a command line."""
    if os.name == "posix":
        return shlex.quote(text)
    return text if re.fullmatch(r"[\w.:\\/+-]+", text) else f'"{text}"'


@contextmanager
def _let_go(stream: IO[str]) -> Iterator[None]:
    """From a write that nobody reads on, ``stream`` leads nowhere."""
    try:
        yield
    except OSError as error:
        if error.errno not in GONE and stream is not sys.stderr:  # what we say changes no exit code
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def flush_output() -> None:
    """Write what the standard streams still hold, if anybody reads it."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where the shell has closed it
            with _let_go(stream):
                stream.flush()


class _Screen(RichConsole):
    """Stays silent once nobody reads; rich itself would end the program."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _let_go(self.file):
            super().__exit__(kind, value, trace)

    def on_broken_pipe(self) -> None:
        """What rich calls where a write meets a broken pipe."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class Console:
    """Messages, tables and progress for a person or a CI log."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.rich = _Screen(highlight=False, soft_wrap=True, quiet=quiet)
        self.rich_err = _Screen(stderr=True, highlight=False, soft_wrap=True)
        self.live = self.rich.is_terminal and not quiet
        self._log = logging.Logger("tinyml_nas", logging.INFO)
        self._log.addHandler(logging.NullHandler())  # without one, warnings would print twice

    def log_to(self, path: Path) -> None:
        """Also append every line to ``path``; an earlier log file is left."""
        self.close_log()
        handler = logging.FileHandler(path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._log.addHandler(handler)

    def close_log(self) -> None:
        """Let go of the log file, so that its folder can be renamed (Windows insists)."""
        for handler in self._log.handlers[1:]:  # the first is the one that says nothing
            self._log.removeHandler(handler)
            handler.close()

    def stage(self, title: str) -> None:
        """Head a stage of the pipeline."""
        interrupts.check()
        self.rich.print(f"[bold]{escape(title)}[/]")
        self._log.info("== %s", title)

    def info(self, message: str) -> None:
        """One line of ordinary news."""
        self.rich.print("  " + escape(message))
        self._log.info(message)

    def warning(self, message: str) -> None:
        """Something the user should know and may want to change."""
        self.rich_err.print(f"[yellow]warning:[/] {escape(message)}")
        self._log.warning(message)

    def error(self, message: str, hint: str | None = None) -> None:
        """What went wrong, and how to fix it."""
        self.rich_err.print(f"[bold red]error:[/] {escape(message)}")
        if hint:
            self.rich_err.print(f"  [cyan]hint:[/] {escape(hint)}")
        self._log.error("%s%s", message, f" (hint: {hint})" if hint else "")

    def plain(self, text: str) -> None:
        """Text as it is on standard output: what another program may read."""
        with _let_go(self.rich.file):
            self.rich.file.write(text + "\n")

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; columns of figures are right-aligned."""
        for row in rows:
            self._log.info("%s | %s", title, " | ".join(row))
        self.rich.print(_table(title, header, rows))

    @contextmanager
    def board(self) -> Iterator[Board]:
        """A table that is drawn anew in place, and gone at the end; nothing off a terminal."""
        with Live(console=self.rich, transient=True, auto_refresh=False) as live:
            yield Board(live if self.live else None)

    @contextmanager
    def track(self, description: str, total: int, *, done: int = 0) -> Iterator[Task]:
        """Progress with a time left over ``total`` steps, ``done`` of which lie behind us."""
        task = Task(self, description, total, done)
        try:
            yield task
        finally:
            task.close()


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=escape(title) or None, title_justify="left")
    for name, *cells in zip(header, *rows, strict=True):
        figures = all(cell.lstrip("~-−")[:1].isdigit() or cell == "–" for cell in cells)
        justify: JustifyMethod = "right" if figures else "left"
        table.add_column(escape(name), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table
