"""``--set section.key=value``: one value of the command line in place of one of the file."""

from __future__ import annotations

from tinyml_nas.located.marks import (
    MAX_DEPTH,
    Entry,
    Items,
    Mapping,
    Scalar,
    Tree,
    parse,
)
from tinyml_nas.located.problems import Place, Problem, Source, shortened

HINT = "write it like training.training_epochs=5"


def overridden(tree: Mapping, override: str, problems: list[Problem]) -> Mapping:
    """``tree`` with one ``--set`` in it; what is wrong with that is added to ``problems``."""
    key, equals, text = override.partition("=")
    steps = key.strip().split(".")
    name = f"--set {shortened(override)}"
    place = Place(Source(name, (override,), numbered=False), 1, 1, max(1, len(key)))
    if not equals or not 2 <= len(steps) <= MAX_DEPTH or not all(steps):
        problems.append(Problem(place, "This is not section.key=value.", HINT))
        return tree
    value, found = parse(" " * (len(key) + 1) + text, name, numbered=False)
    problems += found
    if found:
        return tree
    end = Place(Source(name, (override,), numbered=False), 1, len(key) + 2)
    value = _shown_as(value or Scalar(None, "", end), override)
    return _with(tree, steps, value, place)


def _shown_as(tree: Tree, override: str) -> Tree:
    """A value of ``--set`` whose place shows the whole override."""
    old = tree.place
    source = Source(old.source.name, (override, *old.source.lines[1:]), numbered=False)
    place = Place(source, old.line, old.column, old.length)
    if isinstance(tree, Scalar):
        return Scalar(tree.value, tree.text, place)
    if isinstance(tree, Items):
        return Items(tuple(_shown_as(item, override) for item in tree.items), place)
    return Mapping(
        {k: Entry(place, _shown_as(e.value, override)) for k, e in tree.entries.items()}, place
    )


def _with(tree: Tree | None, steps: list[str], value: Tree, key: Place) -> Mapping:
    """A copy of ``tree`` with ``value`` at ``steps``; what is no mapping there gives way."""
    entries = dict(tree.entries) if isinstance(tree, Mapping) else {}
    place = tree.place if isinstance(tree, Mapping) else key
    first, rest = steps[0], steps[1:]
    old = entries.get(first)
    inner = _with(old.value if old else None, rest, value, key) if rest else value
    entries[first] = Entry(old.key if old and rest else key, inner)
    return Mapping(entries, place)
