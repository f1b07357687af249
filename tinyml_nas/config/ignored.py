"""Keys that are accepted and change nothing: said once for each reason, and what the reason is."""

from __future__ import annotations

from collections import defaultdict

from tinyml_nas.config.draft import Draft, Note
from tinyml_nas.config.marks import Mapping, Tree, plain
from tinyml_nas.config.model import IGNORED_SECTIONS, SECTIONS
from tinyml_nas.config.validate import asks_for_what_happens, without_effect


def note_ignored(draft: Draft, tree: Mapping) -> None:
    """Note what is written and does nothing, grouped by the reason.

    A value that asks for what happens in any case, such as ``model_config: ''``, is no note.
    """
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, entry in tree.entries.items():
        if name in IGNORED_SECTIONS:
            by_reason[IGNORED_SECTIONS[name]].append(name)
            draft.places[name] = entry.key
    for name, model in SECTIONS.items():
        for key, value in _values(tree, name).items():
            reason = without_effect(model, key)
            if reason and not asks_for_what_happens(model, key, plain(value)):
                by_reason[reason].append(f"{name}.{key}")
    for reason, paths in by_reason.items():
        places = ", ".join(f"{path}{draft.where(path)}" for path in paths)
        draft.notes.append(Note(f"Without effect: {places}: {reason}.", tuple(paths), "ignored"))


def _values(tree: Mapping, section: str) -> dict[str, Tree]:
    entry = tree.entries.get(section)
    if entry is None or not isinstance(entry.value, Mapping):
        return {}
    return {key: inner.value for key, inner in entry.value.entries.items()}
