"""YAML text as a tree whose every key and value knows its place.

Plain scalars are read by the rules of YAML 1.2: ``1e-3`` is a number, and ``on``, ``off``, ``yes``
and ``no`` are text that becomes true or false only where the schema asks for it.  Nothing is ever
constructed from a tag.  JSON is read the same way, being YAML but for its tabs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from tinyml_nas.config.problems import Place, Problem, Source

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
MAX_DEPTH = 20
MAX_NODES = 20_000
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Scalar:
    """A single value: as resolved, and as written."""

    value: str | int | float | bool | None
    text: str
    place: Place


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[Tree, ...]
    place: Place


@dataclass(frozen=True)
class Entry:
    """One key of a mapping, and its value."""

    key: Place
    value: Tree


@dataclass(frozen=True)
class Mapping:
    """A mapping; keys are text."""

    entries: dict[str, Entry]
    place: Place


Tree = Scalar | Items | Mapping


class MarkLoader(yaml.SafeLoader):
    """A safe loader that resolves plain scalars as YAML 1.2 does; only ``compose`` is used."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
):
    MarkLoader.add_implicit_resolver(TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


def _resolved(tag: str, text: str) -> str | int | float | bool | None:
    """The value that ``text`` stands for; ``ValueError`` when the tag does not fit it."""
    if tag == "str":
        return text
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    return int(text, 0) if tag == "int" else float(text)


@dataclass
class _Builder:
    source: Source
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def place(self, node: yaml.Node) -> Place:
        start, end = node.start_mark, node.end_mark
        line = self.source.lines[start.line] if start.line < len(self.source.lines) else ""
        stop = end.column if end.line == start.line else len(line.rstrip())
        return Place(self.source, start.line + 1, start.column + 1, max(1, stop - start.column))

    def tree(self, node: yaml.Node, depth: int = 0) -> Tree:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise _Refused(Problem(self.place(node), "The file is nested too deeply or too large."))
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.SequenceNode):
            items = tuple(self.tree(child, depth + 1) for child in node.value)
            return Items(items, self.place(node))
        assert isinstance(node, yaml.MappingNode)
        return self.mapping(node, depth)

    def scalar(self, node: yaml.ScalarNode) -> Scalar:
        place, kind = self.place(node), node.tag.removeprefix(TAG)
        if kind not in ("str", "null", "bool", "int", "float"):
            self.problems.append(Problem(place, f"The tag {node.tag!r} is not supported."))
            return Scalar(node.value, node.value, place)
        try:
            return Scalar(_resolved(kind, node.value), node.value, place)
        except ValueError:  # !!int abc, or a number of thousands of digits
            return Scalar(node.value, node.value, place)

    def mapping(self, node: yaml.MappingNode, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, child in node.value:
            place, value = self.place(key), self.tree(child, depth + 1)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem(place, "A key must be one word."))
            elif key.value == "<<" and key.style is None:
                merged = _merge(value) | merged
            elif key.value in entries:
                first = entries[key.value]
                self.problems.append(
                    Problem(
                        place,
                        f"The key {key.value!r} is written twice.",
                        hint="keep one of the two",
                        related=((first.key, "the first one is here"),),
                        harmless=plain(first.value) == plain(value),
                    )
                )
            else:
                entries[key.value] = Entry(place, value)
        return Mapping(merged | entries, self.place(node))


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _merge(value: Tree) -> dict[str, Entry]:
    """The entries that a merge key ``<<`` brings in."""
    if isinstance(value, Mapping):
        return value.entries
    merged: dict[str, Entry] = {}
    for item in value.items if isinstance(value, Items) else ():
        merged = (item.entries if isinstance(item, Mapping) else {}) | merged
    return merged


def _syntax_problem(source: Source, text: str, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = error.problem or error.context or "cannot be read"
        line, column = (mark.line, mark.column) if mark else (0, 0)
    else:  # a character that YAML does not allow
        before = LINE_BREAK.split(text[: getattr(error, "position", 0)])
        line, column = len(before) - 1, len(before[-1])
        message = "this character is not allowed in YAML"
    hint = "indent with spaces: YAML takes no tabs" if r"\t" in message else None
    if "escape" in message:
        hint = r"a \ in double quotes is special: write / instead, or single quotes"
    place = Place(source, line + 1, column + 1)
    return Problem(place, f"This is not valid YAML: {message}.", hint, _begun(source, error, line))


def _begun(source: Source, error: yaml.YAMLError, line: int) -> tuple[tuple[Place, str], ...]:
    """Where the bracket, quote or group was opened that the error is in, if in another line."""
    start = getattr(error, "context_mark", None)
    if start is None or start.line == line or not source.numbered:
        return ()
    place = Place(source, start.line + 1, start.column + 1)
    return ((place, f"{error.context} that begins here"),)  # type: ignore[attr-defined]


def parse(text: str, name: str, *, numbered: bool = True) -> tuple[Tree | None, list[Problem]]:
    """The tree of ``text`` and what is wrong with it; None for an empty or unreadable text."""
    source = Source(name, tuple(LINE_BREAK.split(text)), numbered)
    builder = _Builder(source)
    try:
        node = yaml.compose(text, Loader=MarkLoader)
        tree = None if node is None else builder.tree(node)
    except yaml.YAMLError as error:
        return None, [_syntax_problem(source, text, error)]
    except RecursionError:
        return None, [Problem(Place(source, 1, 1), "The file is nested too deeply.")]
    except ValueError as error:  # PyYAML lets a broken escape such as "\UFFFFFFFF" through
        return None, [Problem(Place(source, 1, 1), f"This is not valid YAML: {error}.")]
    except _Refused as refused:
        return None, [refused.problem]
    return tree, builder.problems


def plain(tree: Tree) -> object:
    """The tree as ordinary values."""
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Items):
        return [plain(item) for item in tree.items]
    return {key: plain(entry.value) for key, entry in tree.entries.items()}
