"""Keys that a configuration does not read: which they are, and the one note that says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tinyml_nas.located.draft import Draft, Note
from tinyml_nas.located.fields import ReadBy


def conditions(field: FieldInfo) -> tuple[ReadBy, ...]:
    """All that must hold for the key of ``field`` to be read; empty where it always is."""
    return tuple(item for item in field.metadata if isinstance(item, ReadBy))


def unread(sections: Mapping[str, BaseModel]) -> Iterator[tuple[str, ReadBy]]:
    """The path of every key that is not read, and the first condition that does not hold."""
    for name, section in sections.items():
        for attribute, field in type(section).model_fields.items():
            missing = (c for c in conditions(field) if not c.holds(sections))
            if (first := next(missing, None)) is not None:
                yield f"{name}.{attribute}", first


def note_unread(draft: Draft) -> None:
    """A note for the keys of each condition that are written to something and are not read."""
    found: dict[ReadBy, list[str]] = defaultdict(list)
    for path, condition in unread(draft.sections):
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
