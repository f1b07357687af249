"""Keys that are accepted and change nothing: said once for each reason, and what the reason is."""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType

from tinyml_nas.config.config import IGNORED_SECTIONS, SECTIONS
from tinyml_nas.located.draft import Draft, Note
from tinyml_nas.located.marks import Mapping, Tree, plain
from tinyml_nas.located.validate import (
    asks_for_what_happens,
    field_names,
    without_effect,
)

WITHOUT_EFFECT = "Without effect: "
REPORTED = "the report of a run always has it"
UNREAD = MappingProxyType(
    {
        "data_split_type": "the key that is read is dataset.split_type",
        "input_data_split_type": "the key that is read is dataset.split_type",
        "data_split_ratio": "the key that is read is dataset.split_factor",
        "preset_name": "the key that is read is compilation.compile_preset_name",
        "save_predictions": REPORTED,
        "error_analysis": REPORTED,
        "generate_report": REPORTED,
        "compare_results": REPORTED,
        "report_format": "the report is a page, and results.json has its figures",
        "optimize_memory": "the arena is always planned to be as small as it can be",
        "debug_info": "run.log has everything",
        "test_float": "the float and the int8 network are both tested",
        "test_quantized": "the float and the int8 network are both tested",
    }
)
"""Keys of TI's pages that TI's code does not read, and what there is instead."""


def without_unread(draft: Draft, section: str, tree: Mapping) -> Mapping:
    """``tree`` without keys that exist in TI's pages alone, each with a note."""
    known = field_names(SECTIONS[section])
    unread = [key for key in tree.entries if key in UNREAD and key not in known]
    for key in unread:
        path = f"{section}.{key}"
        draft.places[path] = tree.entries[key].key
        draft.ignored(f"{path} is read by no tool: {UNREAD[key]}", path)
    entries = {key: entry for key, entry in tree.entries.items() if key not in unread}
    return Mapping(entries, tree.place)


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
        message = f"{WITHOUT_EFFECT}{places}: {reason}."
        draft.notes.append(Note(message, tuple(paths), "ignored"))


def _values(tree: Mapping, section: str) -> dict[str, Tree]:
    entry = tree.entries.get(section)
    if entry is None or not isinstance(entry.value, Mapping):
        return {}
    return {key: inner.value for key, inner in entry.value.entries.items()}
