"""Keys that a configuration does not read: which they are, and the one note that says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from tinyml_nas.located.draft import Draft, Note
from tinyml_nas.located.fields import ReadBy
from tinyml_nas.located.validate import field_names


def conditions(model: type[BaseModel], key: str) -> tuple[ReadBy, ...]:
    """All that must hold for ``key`` of a section to be read; empty where it always is."""
    metadata = model.model_fields[field_names(model)[key]].metadata
    return tuple(item for item in metadata if isinstance(item, ReadBy))


def unread(sections: Mapping[str, BaseModel]) -> Iterator[tuple[str, ReadBy]]:
    """The path of every key that is not read, and the first condition that does not hold."""
    for name, section in sections.items():
        for key in field_names(type(section)):
            missing = (c for c in conditions(type(section), key) if not c.holds(sections))
            if (first := next(missing, None)) is not None:
                yield f"{name}.{key}", first


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
    name = field_names(type(model))[key]
    return bool(getattr(model, name) != type(model).model_fields[name].default)
