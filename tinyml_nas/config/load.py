"""A YAML file to a configuration: read, override, validate, resolve, check; all errors at once."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_nas.config.crosscheck import check_whole
from tinyml_nas.config.draft import Draft
from tinyml_nas.config.marks import Entry, Items, Mapping, Scalar, Tree, parse
from tinyml_nas.config.model import IGNORED_SECTIONS, REQUIRED_SECTIONS, SECTIONS, Config
from tinyml_nas.config.problems import InvalidConfig, Place, Problem, Source
from tinyml_nas.config.resolve import resolve
from tinyml_nas.config.resolved import resolved_yaml
from tinyml_nas.config.suggest import did_you_mean
from tinyml_nas.config.validate import check_section, nearest_section, without_effect
from tinyml_nas.errors import ConfigError

MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration that is right, what there is to say about it, and where it comes from."""

    config: Config
    warnings: list[str]
    # "training.nas_epochs" -> "line 12", "preset s", "default", "--set"
    provenance: MappingType[str, str]

    def resolved_yaml(self) -> str:
        """The whole configuration as YAML, each value with a comment where it came from."""
        return resolved_yaml(self.config, self.provenance)


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """The configuration in ``path`` with ``overrides`` such as ``training.nas_epochs=5``."""
    tree, problems = _read(path)
    for override in overrides:
        tree = _override(tree, override, problems)
    draft = Draft(problems=problems)
    draft.places[""] = tree.place
    sections = _sections(tree, draft)
    for name in SECTIONS:
        _add_section(draft, name, sections.get(name, Mapping({}, draft.place(name))))
    _warn_without_effect(draft, tree)
    resolve(draft)
    check_whole(draft, path.parent)
    if draft.problems:
        ordered = sorted(
            draft.problems,
            key=lambda p: (not p.place.source.numbered, p.place.line, p.place.column),
        )
        raise InvalidConfig(str(path), ordered)
    config = Config.model_validate({**draft.sections, "path": path})
    return LoadedConfig(config, draft.warnings, _provenance(draft))


def _read(path: Path) -> tuple[Mapping, list[Problem]]:
    """The tree of the file; ``ConfigError`` when there is nothing to point at."""
    text = _text(path)
    if path.suffix.lower() == ".json":
        text = text.replace("\t", " ")  # JSON allows tabs, never inside text; columns stay
    tree, problems = parse(text, str(path))
    if isinstance(tree, Mapping):
        return tree, problems
    start = Place(Source(str(path), tuple(text.splitlines()) or ("",)), 1, 1)
    if tree is not None:
        problems.append(
            Problem(tree.place, "The file must be sections with keys, not a single value or list.")
        )
    if problems:
        raise InvalidConfig(str(path), problems)
    return Mapping({}, start), []


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} has over {MAX_BYTES} bytes.", hint="is it really a YAML?")
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        beside = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside)
        raise ConfigError(f"There is no file {path}.", hint=hint) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: error: the file is not UTF-8 text.", hint="save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {reason}.") from None


def _override(tree: Mapping, override: str, problems: list[Problem]) -> Mapping:
    """``tree`` with one ``--set`` in it."""
    key, equals, text = override.partition("=")
    steps = key.strip().split(".")
    name = f"--set {override}"
    place = Place(Source(name, (override,), numbered=False), 1, 1, max(1, len(key)))
    if not equals or len(steps) < 2 or not all(steps):
        problems.append(Problem(place, "This is not section.key=value."))
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


def _sections(tree: Mapping, draft: Draft) -> dict[str, Mapping]:
    """The sections as mappings, each place noted; unknown and missing ones reported."""
    sections: dict[str, Mapping] = {}
    for name, entry in tree.entries.items():
        if name in IGNORED_SECTIONS:
            continue
        if name not in SECTIONS:
            hint = nearest_section(name) or f"the sections are {', '.join(SECTIONS)}"
            draft.problems.append(Problem(entry.key, f"{name!r} is not a known section.", hint))
            continue
        draft.places[name] = entry.key
        if isinstance(entry.value, Mapping):
            sections[name] = entry.value
        elif not isinstance(entry.value, Scalar) or entry.value.value not in (None, ""):
            draft.problems.append(
                Problem(entry.value.place, f"The section {name!r} must be a group of keys.")
            )
            _leave_alone(draft, name)
    for name in REQUIRED_SECTIONS:
        if name not in tree.entries:
            draft.problems.append(Problem(tree.place, f"The section {name!r} is missing."))
            _leave_alone(draft, name)
    return sections


def _leave_alone(draft: Draft, name: str) -> None:
    """Nothing more is said about a section that could not be read at all."""
    draft.wrong |= {f"{name}.{key}" for key in SECTIONS[name].model_fields}


def _add_section(draft: Draft, name: str, tree: Mapping) -> None:
    """Validate one section into the draft, and note where its keys stand."""
    for key, entry in tree.entries.items():
        _note(draft, f"{name}.{key}", entry)
    section_is_there = name in draft.places
    tree = Mapping(tree.entries, draft.place(name))
    checked = check_section(name, tree)
    draft.sections[name] = checked.model
    draft.wrong |= {f"{name}.{key}" for key in checked.dropped}
    draft.problems += checked.problems if section_is_there else ()


def _note(draft: Draft, path: str, entry: Entry) -> None:
    draft.places[path] = entry.value.place if _is_written(entry.value) else entry.key
    draft.origins[path] = draft.places[path].origin
    if isinstance(entry.value, Mapping):
        for key, inner in entry.value.entries.items():
            _note(draft, f"{path}.{key}", inner)


def _is_written(tree: Tree) -> bool:
    return not isinstance(tree, Scalar) or tree.text != ""


def _warn_without_effect(draft: Draft, tree: Mapping) -> None:
    """One warning for everything that is accepted and changes nothing."""
    found = [
        f"{name} ({entry.key.origin})"
        for name, entry in tree.entries.items()
        if name in IGNORED_SECTIONS
    ]
    for name, model in SECTIONS.items():
        section = tree.entries.get(name)
        entries = section.value.entries if section and isinstance(section.value, Mapping) else {}
        found += [
            f"{name}.{key} ({entry.key.origin})"
            for key, entry in entries.items()
            if without_effect(model, key)
        ]
    if found:
        draft.warn(f"Accepted without effect: {', '.join(found)}.")


def _provenance(draft: Draft) -> dict[str, str]:
    """Where each value of each section comes from."""
    return {
        f"{name}.{key}": draft.origins.get(f"{name}.{key}", "default")
        for name, model in SECTIONS.items()
        for key in model.model_fields
    } | draft.origins
