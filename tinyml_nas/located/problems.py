"""What is wrong with a configuration, and how it is shown: like a good compiler's errors.

config.yaml:12:15: error: training.nas_epochs: 'abc' is not a whole number
   12 |   nas_epochs: abc
      |               ^^^
      = did you mean ...?
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.errors import ConfigError

MAX_LINE = 120


@dataclass(frozen=True)
class Source:
    """A text that was read: the YAML file, or one ``--set``."""

    name: str
    lines: tuple[str, ...]
    numbered: bool = True


@dataclass(frozen=True)
class Place:
    """A stretch of one line of a source; line and column count from 1."""

    source: Source
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        if not self.source.numbered:
            return self.source.name
        return f"{self.source.name}:{self.line}:{self.column}"

    @property
    def origin(self) -> str:
        """How the place is called where the file's name is known: ``line 12`` or ``--set``."""
        return f"line {self.line}" if self.source.numbered else "--set"


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what, how to fix it, and the other places that take part in it."""

    place: Place
    message: str
    hint: str | None = None
    related: tuple[tuple[Place, str], ...] = ()
    # worth a word, but not in the way of a run
    harmless: bool = False


def printable(text: str) -> str:
    """``text`` without control characters and lone surrogates, which no terminal can show."""
    shown = "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in text)
    return shown.encode("utf-8", "replace").decode("utf-8")


def shortened(text: str) -> str:
    """``text``, or the start of a long one."""
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}..."


def _excerpt(place: Place) -> list[str]:
    """The line of ``place`` with a caret below, cut to a window around it when it is long."""
    lines = place.source.lines
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    start = max(0, place.column - MAX_LINE // 2) if len(line) > MAX_LINE else 0
    shown = printable(line[start : start + MAX_LINE])
    before = place.column - 1 - start
    caret = "^" * max(1, min(place.length, len(shown) - before))
    number = str(place.line) if place.source.numbered else ""
    return [f"{number:>5} | {shown}", f"      | {' ' * before}{caret}"]


def render(problem: Problem) -> str:
    """The problem as a person reads it, several lines."""
    lines = [f"{problem.place}: error: {printable(problem.message)}", *_excerpt(problem.place)]
    if problem.hint:
        lines.append(f"      = {printable(problem.hint)}")
    for place, text in problem.related:
        lines += [f"{place}: note: {printable(text)}", *_excerpt(place)]
    return "\n".join(lines)


class InvalidConfig(ConfigError):
    """Everything that is wrong with one configuration; ``problems`` has the parts."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} error" + "s" * (len(problems) != 1)
        super().__init__("\n".join([*map(render, problems), f"{count} in {name}"]))
