"""YAML text as a tree whose every key and value knows its place.

Plain scalars are read by the rules of YAML 1.2: ``1e-3`` is a number, and ``on``, ``off``, ``yes``
and ``no`` are text that becomes true or false only where the schema asks for it.  Nothing is ever
constructed from a tag.  JSON is read the same way, being YAML but for its tabs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.reader import Reader
from yaml.scanner import ScannerError

from tinyml_nas.located.problems import Place, Problem, Source

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
MAX_DEPTH = 20
MAX_NODES = 10_000
TOO_DEEP = "The file is nested too deeply or too large."
TAG = "tag:yaml.org,2002:"
NO_TEXT = Reader.NON_PRINTABLE
"""A control character or half of a surrogate pair: YAML takes them as escapes, but no name, path or
report can hold them."""


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

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose, and refuse at its place what is nested deeper than any configuration."""
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, "nested too deeply", mark)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: yaml.Mark) -> list[str]:
        """Scan, and refuse at its place an escape such as "\\UFFFFFFFF", which is no character."""
        try:
            return super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):
            words = "found an escape that is no character"
            context = "while scanning a double-quoted scalar"
            raise ScannerError(context, start_mark, words, self.get_mark()) from None


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
            raise _Refused(Problem(self.place(node), TOO_DEEP))
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.SequenceNode):
            items = tuple(self.tree(child, depth + 1) for child in node.value)
            return Items(items, self.place(node))
        assert isinstance(node, yaml.MappingNode)
        return self.mapping(node, depth)

    def text(self, node: yaml.ScalarNode) -> str:
        """What a key or value says; JSON writes an emoji as two halves, which are put together."""
        utf_16 = node.value.encode("utf-16-le", "surrogatepass")
        text: str = utf_16.decode("utf-16-le", "surrogatepass")
        if found := NO_TEXT.search(text):
            words = f"{found[0]!r} is a character that no name and no path can have."
            self.problems.append(Problem(self.place(node), words, "write it without the escape"))
        return text

    def scalar(self, node: yaml.ScalarNode) -> Scalar:
        place, kind, text = self.place(node), node.tag.removeprefix(TAG), self.text(node)
        if kind not in ("str", "null", "bool", "int", "float"):
            self.problems.append(Problem(place, f"The tag {node.tag!r} is not supported."))
            return Scalar(text, text, place)
        try:
            return Scalar(_resolved(kind, text), text, place)
        except ValueError:  # !!int abc, or a number of thousands of digits
            return Scalar(text, text, place)

    def mapping(self, node: yaml.MappingNode, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, child in node.value:
            place, value = self.place(key), self.tree(child, depth + 1)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem(place, "A key must be one word."))
            elif key.value == "<<" and key.style is None:
                merged = _merge(value) | merged
            elif (word := self.text(key)) in entries:
                first = entries[word]
                self.problems.append(
                    Problem(
                        place,
                        f"The key {word!r} is written twice.",
                        hint="keep one of the two",
                        related=((first.key, "the first one is here"),),
                        harmless=plain(first.value) == plain(value),
                    )
                )
            else:
                entries[word] = Entry(place, value)
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
