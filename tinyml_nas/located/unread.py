"""Keys that a configuration does not read: which they are, and the one note that says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tinyml_nas.located.choices import Names
from tinyml_nas.located.draft import Draft, Note
from tinyml_nas.located.fields import ReadBy, read_by


def conditions(field: FieldInfo, key: str, names: Names) -> tuple[ReadBy, ...]:
    """All that must hold for ``key`` to be read; empty where it always is."""
    found = [item for item in field.metadata if isinstance(item, ReadBy)]
    return tuple(item if item.values else _chosen(item.path, key, names) for item in found)


def _chosen(path: str, key: str, names: Names) -> ReadBy:
    return read_by(path, *(name for name, choice in names[path].items() if key in choice.reads))


def unread(sections: Mapping[str, BaseModel], names: Names) -> Iterator[tuple[str, ReadBy]]:
    """The path of every key that is not read, and the first condition that does not hold."""
    for name, section in sections.items():
        for attribute, field in type(section).model_fields.items():
            missing = (c for c in conditions(field, attribute, names) if not c.holds(sections))
            if (first := next(missing, None)) is not None:
                yield f"{name}.{attribute}", first


def note_unread(draft: Draft) -> None:
    """One note for each condition: the ignored keys that differ from their default."""
    found: dict[ReadBy, list[str]] = defaultdict(list)
    for path, condition in unread(draft.sections, draft.names):
        unsure = any(wrong.startswith((path, condition.path)) for wrong in draft.wrong)
        if draft.given(path) and _differs(draft, path) and not unsure:
            found[condition].append(path)
    for condition, paths in found.items():
        keys = ", ".join(f"{path}{draft.where(path)}" for path in paths)
        needs = "It needs" if len(paths) == 1 else "They need"
        message = f"Not read: {keys}. {needs} {condition.words}."
        draft.notes.append(Note(message, tuple(paths), "ignored"))


def _differs(draft: Draft, path: str) -> bool:
    """Whether ``path`` has another value than its default."""
    section, key = path.split(".")
    model = draft.sections[section]
    return bool(getattr(model, key) != type(model).model_fields[key].default)
