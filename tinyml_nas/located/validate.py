"""One section's tree against its model: typed values, or problems that point at the YAML.

A value is read as its field means it: text stays as written where text is wanted, a choice may be
written in any letter case.  A section with mistakes is built once more without the wrong keys, so
that the checks between sections can still speak about everything else.
"""

from __future__ import annotations

import types
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tinyml_nas.located.choices import Names
from tinyml_nas.located.fields import ASKED_ANYWAY, WITHOUT_EFFECT, Section
from tinyml_nas.located.marks import Items, Mapping, Scalar, Tree, plain
from tinyml_nas.located.problems import Place, Problem
from tinyml_nas.located.suggest import closest, did_you_mean

WRONG = {
    "missing": "has too few values",
    "int": "is not a whole number",
    "float": "is not a number",
    "finite": "is not a number that can be used",
    "bool": "is not true or false",
    "string_type": "is not text",
    "string_unicode": "is not text",
    "tuple": "is not a list",
    "model": "is not a group of keys",
}


Sections = MappingType[str, type[Section]]
"""The sections that a file may have, by name."""


@dataclass(frozen=True)
class Checked:
    """A section as far as it could be read."""

    model: Section
    problems: tuple[Problem, ...]
    # keys that are not in the model because they are wrong
    dropped: frozenset[str]


def field_names(model: type[BaseModel]) -> dict[str, str]:
    """YAML key to attribute name."""
    return {field.alias or name: name for name, field in model.model_fields.items()}


def without_effect(model: type[BaseModel], key: str) -> str | None:
    """The reason why ``key`` changes nothing; None for a key that does something."""
    reason = _extra(model, key).get(WITHOUT_EFFECT)
    return None if reason is None else str(reason)


def asks_for_what_happens(model: type[BaseModel], key: str, value: object) -> bool:
    """Whether ``value`` of a key without effect is what this product does in any case."""
    anyway = _extra(model, key).get(ASKED_ANYWAY)
    return value in (None, "", [], {}) or (isinstance(anyway, list) and value in anyway)


def _extra(model: type[BaseModel], key: str) -> dict[str, Any]:
    name = field_names(model).get(key)
    extra = model.model_fields[name].json_schema_extra if name else None
    return extra if isinstance(extra, dict) else {}


def leaf_types(annotation: Any) -> tuple[Any, ...]:
    """The types and literal values that make up an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return leaf_types(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(leaf for arm in get_args(annotation) for leaf in leaf_types(arm))
    if origin is Literal:
        return get_args(annotation)
    return (origin or annotation,)


def typed(tree: Tree, annotation: Any) -> object:
    """The value of ``tree`` as a field of this annotation means it, before validation."""
    leaves = leaf_types(annotation)
    if isinstance(tree, Mapping):
        model = next((m for m in leaves if _is_model(m)), None)
        return typed_keys(tree, model) if model else plain(tree)
    if not isinstance(tree, Scalar):
        return plain(tree)
    if tree.value is None:
        return None
    for choice in leaves:
        if not isinstance(choice, type) and str(choice).lower() == tree.text.lower():
            return choice
    if str in leaves or (isinstance(tree.value, bool) and bool not in leaves and Any not in leaves):
        return tree.text
    return tree.value


def typed_keys(tree: Mapping, model: type[BaseModel]) -> dict[str, object]:
    """The values of a mapping, each as its field means it."""
    known = field_names(model)
    fields = model.model_fields
    return {
        key: typed(entry.value, fields[known[key]].annotation if key in known else Any)
        for key, entry in tree.entries.items()
        if not _means_default(entry.value, fields, known.get(key))
    }


def _means_default(tree: Tree, fields: Any, name: str | None) -> bool:
    """Whether the value is empty where None is no value: ``augmentation:`` and nothing below."""
    if name is None or not isinstance(tree, Scalar) or tree.value is not None:
        return False
    leaves = leaf_types(fields[name].annotation)
    return not fields[name].is_required() and type(None) not in leaves and Any not in leaves


def _find(tree: Tree, location: tuple[int | str, ...]) -> tuple[Tree, str]:
    """The tree at ``location``, as deep as it goes, and its keys; union arms are passed over."""
    keys: list[str] = []
    for step in location:
        if isinstance(tree, Mapping) and step in tree.entries:
            tree = tree.entries[str(step)].value
            keys.append(str(step))
        elif isinstance(tree, Items) and isinstance(step, int) and step < len(tree.items):
            tree = tree.items[step]
    return tree, ".".join(keys)


def _home(sections: Sections, key: str) -> str | None:
    """The section that has a key of this very name."""
    return next((s for s, model in sections.items() if key in field_names(model)), None)


def _unknown_key(
    sections: Sections, section: str, key: str, place: Place, known: list[str]
) -> Problem:
    home = _home(sections, key)
    hint = f"{key!r} belongs to the section {home!r}" if home else did_you_mean(key, known)
    return Problem(place, f"{section}: {key!r} is not a known key.", hint)


def _known_keys(sections: Sections, section: str, path: tuple[int | str, ...]) -> list[str]:
    """The keys that are known in the mapping at ``path`` of a section, ours before ignored ones."""
    model: type[BaseModel] = sections[section]
    for step in path:
        name = field_names(model).get(str(step))
        leaves = leaf_types(model.model_fields[name].annotation) if name else ()
        nested = [m for m in leaves if _is_model(m)]
        model = nested[0] if nested else model
    return sorted(field_names(model), key=lambda key: without_effect(model, key) is not None)


def _field(model: type[BaseModel], location: tuple[int | str, ...]) -> FieldInfo:
    """The field that ``location`` is in, the innermost one."""
    field = model.model_fields[field_names(model)[str(location[0])]]
    inner = next((m for m in leaf_types(field.annotation) if _is_model(m)), None)
    if inner is None or str(location[1:2] and location[1]) not in field_names(inner):
        return field
    return _field(inner, location[1:])


def _is_model(leaf: object) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, BaseModel)


def _reason(error: ErrorDetails, annotation: Any, shown: str) -> tuple[str, str | None]:
    """What is wrong with a value, and a suggestion."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        text = str(context["error"])
        return (text if text.startswith(("'", shown)) else f"{shown}: {text}"), None
    if kind == "literal_error":
        choices = [str(c) for c in leaf_types(annotation) if not isinstance(c, type)]
        choices = choices or [
            c.strip(" '") for c in context["expected"].replace(" or ", ",").split(",")
        ]
        return f"{shown} is not one of {', '.join(choices)}", did_you_mean(
            str(error["input"]), choices
        )
    for start, text in WRONG.items():
        if kind.startswith(start):
            return f"{shown} {text}", None
    return f"{shown}: {error['msg'][0].lower()}{error['msg'][1:]}".replace(
        "input should", "it should"
    ), None


def _shown(tree: Tree) -> str:
    if isinstance(tree, Scalar):
        return repr(tree.text[:60]) if tree.value is not None else "nothing"
    return "a group of keys" if isinstance(tree, Mapping) else "this list"


def _problem(sections: Sections, section: str, tree: Mapping, error: ErrorDetails) -> Problem:
    location = error["loc"]
    if error["type"] == "missing" and len(location) == 1:
        return Problem(tree.place, f"{section}: the key {location[0]!r} is missing.")
    if error["type"] == "extra_forbidden":
        parent, word = _find(tree, location[:-1])[0], str(location[-1])
        place = parent.entries[word].key if isinstance(parent, Mapping) else parent.place
        inside = ".".join((section, *map(str, location[:-1])))
        return _unknown_key(
            sections, inside, word, place, _known_keys(sections, section, location[:-1])
        )
    found, keys = _find(tree, location)
    path = f"{section}.{keys}"
    field = _field(sections[section], location)
    reason, hint = _reason(error, field.annotation, _shown(found))
    return Problem(found.place, f"{path}: {reason}.", hint or field.description)


def _one_per_key(
    sections: Sections, tree: Mapping, section: str, errors: list[ErrorDetails]
) -> tuple[Problem, ...]:
    """A problem for each wrong key: a union reports each of its arms, the nearest place counts."""
    problems: dict[str, Problem] = {}
    for error in errors:
        problem = _problem(sections, section, tree, error)
        key = _find(tree, error["loc"])[1]
        if key not in problems or problem.place.length < problems[key].place.length:
            problems[key] = problem
    return tuple(problems.values())


def check_section(sections: Sections, section: str, tree: Mapping, names: Names) -> Checked:
    """The model of ``section`` with everything that is right, and a problem for the rest."""
    model = sections[section]
    values = typed_keys(tree, model)
    try:
        return Checked(model.model_validate(values, context=names), (), frozenset())
    except ValidationError as failure:
        errors = failure.errors(include_url=False)
    meant = _meant(sections, section, errors) - set(values)
    dropped = meant | {str(error["loc"][0]) for error in errors if error["loc"]}
    errors = [
        error for error in errors if error["type"] != "missing" or error["loc"][0] not in meant
    ]
    problems = _one_per_key(sections, tree, section, errors)
    kept = {key: value for key, value in values.items() if key not in dropped}
    if section == "common":
        kept.setdefault("task_type", "generic_timeseries_classification")
    return Checked(model.model_validate(kept, context=names), problems, dropped)


def _meant(sections: Sections, section: str, errors: list[ErrorDetails]) -> frozenset[str]:
    """The keys that misspelt ones stand for: one typo is one mistake, the key is not missing."""
    known = _known_keys(sections, section, ())
    misspelt = [
        str(error["loc"][0])
        for error in errors
        if error["type"] == "extra_forbidden" and len(error["loc"]) == 1
    ]
    misspelt = [word for word in misspelt if _home(sections, word) is None]
    return frozenset(near for word in misspelt if (near := closest(word, known)) is not None)


def nearest_section(sections: Sections, name: str) -> str | None:
    """A did-you-mean for the name of a section."""
    for section in sections:
        if len(name) >= 4 and (name in section or section in name):
            return f"did you mean {section!r}?"
    near = closest(name, sections)
    return f"did you mean {near!r}?" if near else None
