"""A YAML file to a draft, and a draft to a configuration: read, override, validate, resolve."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_nas.config.config import (
    IGNORED_SECTIONS,
    REQUIRED_SECTIONS,
    SECTIONS,
    Config,
)
from tinyml_nas.config.crosscheck import check_sections
from tinyml_nas.config.ignored import note_ignored, without_unread
from tinyml_nas.config.overrides import overridden
from tinyml_nas.config.resolve import resolve
from tinyml_nas.config.resolved import resolved_yaml
from tinyml_nas.config.sections.common import OTHER_SIGNALS
from tinyml_nas.errors import ConfigError
from tinyml_nas.files import unusual_kind
from tinyml_nas.located.choices import Names
from tinyml_nas.located.draft import Draft, Note
from tinyml_nas.located.marks import Entry, Items, Mapping, Scalar, Tree, parse
from tinyml_nas.located.problems import InvalidConfig, Place, Problem, Source
from tinyml_nas.located.suggest import did_you_mean
from tinyml_nas.located.unread import unread
from tinyml_nas.located.validate import check_section, nearest_section

MAX_BYTES = 1_000_000
SECTION_HINTS = {
    "include_files": "one file says everything: write the keys of the others into this one",
    "byom_compilation": "a run trains, quantizes and exports; its C is in export/c",
}


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration that is right, what there is to say about it, and where it comes from."""

    config: Config
    notes: tuple[Note, ...]
    # "training.nas_epochs" -> "line 12", "preset s", "default", "--set"
    provenance: MappingType[str, str]
    # the keys that are in the file or in a --set, in its order: "training.nas_epochs"
    written: tuple[str, ...]
    # the keys that nothing reads in a run
    unread: frozenset[str]

    @property
    def warnings(self) -> list[str]:
        """What there is to say, a sentence each."""
        return [note.message for note in self.notes]

    def resolved_yaml(self) -> str:
        """The whole configuration as YAML, each value with a comment where it came from."""
        return resolved_yaml(self.config, self.provenance, self.unread)


def read_config(path: Path, overrides: Sequence[str], names: Names) -> Draft:
    """What ``path`` says with ``overrides`` such as ``training.nas_epochs=5``, and what is wrong.

    Names are resolved and the sections checked on their own; what a stage asks of its keys is
    checked by the stage.  Raises ``ConfigError`` where there is nothing to point at.
    """
    tree, problems = _read(path)
    for override in overrides:
        tree = overridden(tree, override, problems)
    _refuse_others(path, tree)
    draft = Draft(names=names, problems=[p for p in problems if not p.harmless])
    draft.notes += [Note(f"{p.message[:-1]} ({p.place.origin}).") for p in problems if p.harmless]
    draft.places[""] = tree.place
    sections = _sections(tree, draft)
    for name in SECTIONS:
        _add_section(draft, name, sections.get(name, Mapping({}, draft.place(name))))
    note_ignored(draft, tree)
    resolve(draft)
    check_sections(draft, path.parent)
    return draft


def as_config(draft: Draft, path: Path) -> Config:
    """The configuration of ``path`` as far as it could be read: what is wrong has its default."""
    return Config.model_validate({**draft.sections, "path": path})


def finished(draft: Draft, path: Path) -> LoadedConfig:
    """The configuration of ``path``; raises ``InvalidConfig`` with every problem by its place."""
    if draft.problems:
        ordered = sorted(
            draft.problems,
            key=lambda p: (not p.place.source.numbered, p.place.line, p.place.column),
        )
        raise InvalidConfig(str(path), ordered)
    written = tuple(path for path in draft.places if path.count(".") == 1)
    silent = frozenset(path for path, _ in unread(draft.sections, draft.names))
    config = as_config(draft, path)
    return LoadedConfig(config, tuple(draft.notes), _provenance(draft), written, silent)


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
    elif not problems:
        missing = ", ".join(REQUIRED_SECTIONS)
        hint = "start from one of the files in examples/"
        problems.append(Problem(start, f"The file is empty; missing are {missing}.", hint))
    raise InvalidConfig(str(path), problems)


def _text(path: Path) -> str:
    try:
        if (kind := unusual_kind(path)) in ("a device", "a socket"):  # a shell's <(...) is a pipe
            raise ConfigError(
                f"{path} is {kind}, not a file.", hint="Give the path of a YAML file."
            )
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path} has over {MAX_BYTES} bytes.", hint="is it really a YAML?")
        return content.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        beside = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside) or f"the folder here is {Path.cwd()}"
        raise ConfigError(f"There is no file {path}.", hint=hint) from None
    except UnicodeDecodeError as error:
        raise InvalidConfig(str(path), [_not_utf8(path, error)]) from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and path.is_dir():
            raise _is_folder(path) from None
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {reason}.") from None


def _is_folder(path: Path) -> ConfigError:
    """The error for a folder where a file was expected; it names a YAML inside."""
    inside = sorted(file.name for file in path.glob("*.yaml"))
    hint = f"did you mean {str(path / inside[0])!r}?" if inside else "give the path of a YAML file"
    return ConfigError(f"{path} is a folder, not a file.", hint=hint)


def _not_utf8(path: Path, error: UnicodeDecodeError) -> Problem:
    """The first byte that is not UTF-8, shown in its line."""
    before = error.object[: error.start].split(b"\n")
    lines = error.object.decode("utf-8", "replace").split("\n")
    place = Place(Source(str(path), tuple(lines)), len(before), len(before[-1].decode()) + 1)
    return Problem(place, "The file is not UTF-8 text.", "save it as UTF-8")


def _refuse_others(path: Path, tree: Mapping) -> None:
    """Raise for a file that is for another product, or is no configuration of a run at all.

    One error alone: what else may be wrong in it is beside the point.
    """
    common = tree.entries.get("common")
    keys = common.value.entries if common and isinstance(common.value, Mapping) else {}
    for key in ("task_type", "target_module"):
        value = keys[key].value if key in keys else None
        if isinstance(value, Scalar) and (what := OTHER_SIGNALS.get(value.text.lower())):
            message = (
                f"common.{key}: {value.text} is not supported, because this product is for "
                f"one-dimensional signals, and {what}."
            )
            hint = (
                "TI's tinyml-tensorlab runs it; here the tasks are those of time series and sound"
            )
            raise InvalidConfig(str(path), [Problem(value.place, message, hint)])
    known = (*SECTIONS, *IGNORED_SECTIONS)
    if tree.entries and not any(
        name in known or nearest_section(SECTIONS, name) for name in tree.entries
    ):
        message = (
            f"This is no configuration of a run: it has none of the sections {', '.join(SECTIONS)}."
        )
        hint = "if it is the model_config of another file, run that other file: see docs/from-ti.md"
        raise InvalidConfig(str(path), [Problem(tree.place, message, hint)])


def _sections(tree: Mapping, draft: Draft) -> dict[str, Mapping]:
    """The sections as mappings, each place noted; unknown and missing ones reported."""
    sections: dict[str, Mapping] = {}
    misspelt = ""
    for name, entry in tree.entries.items():
        if name in IGNORED_SECTIONS:
            continue
        if name not in SECTIONS:
            near = nearest_section(SECTIONS, name)
            misspelt += near or ""
            hint = near or SECTION_HINTS.get(name) or f"the sections are {', '.join(SECTIONS)}"
            draft.problems.append(Problem(entry.key, f"{name!r} is not a known section.", hint))
            continue
        draft.places[name] = entry.key
        if isinstance(entry.value, Mapping):
            sections[name] = entry.value
        elif not isinstance(entry.value, Scalar) or entry.value.value not in (None, ""):
            draft.problems.append(
                Problem(
                    entry.value.place,
                    f"The section {name!r} must be a group of keys.",
                    "write each of its keys on a line below it, indented, as key: value",
                )
            )
            _leave_alone(draft, name)
    for name in REQUIRED_SECTIONS:
        if name not in tree.entries:
            _leave_alone(draft, name)
            if f"{name!r}" not in misspelt:  # that one is reported at its wrong name
                hint = f"add {name}: with its keys; the files in examples/ show how"
                draft.problems.append(
                    Problem(tree.place, f"The section {name!r} is missing.", hint)
                )
    return sections


def _leave_alone(draft: Draft, name: str) -> None:
    """Nothing more is said about a section that could not be read at all."""
    draft.wrong |= {f"{name}.{key}" for key in SECTIONS[name].model_fields}


def _add_section(draft: Draft, name: str, tree: Mapping) -> None:
    """Validate one section into the draft, and note where its keys stand."""
    for key, entry in tree.entries.items():
        _note(draft, f"{name}.{key}", entry)
    section_is_there = name in draft.places
    tree = without_unread(draft, name, Mapping(tree.entries, draft.place(name)))
    checked = check_section(SECTIONS, name, tree, draft.names)
    draft.sections[name] = checked.model
    draft.wrong |= {f"{name}.{key}" for key in checked.dropped}
    draft.problems += checked.problems if section_is_there else ()


def _note(draft: Draft, path: str, entry: Entry) -> None:
    draft.places[path] = entry.value.place if _is_written(entry.value) else entry.key
    draft.origins[path] = draft.places[path].origin
    if isinstance(entry.value, Mapping):
        for key, inner in entry.value.entries.items():
            _note(draft, f"{path}.{key}", inner)
    elif isinstance(entry.value, Items):
        items = enumerate(entry.value.items)
        draft.places |= {f"{path}.{index}": item.place for index, item in items}


def _is_written(tree: Tree) -> bool:
    return not isinstance(tree, Scalar) or tree.text != ""


def _provenance(draft: Draft) -> dict[str, str]:
    """Where each value of each section comes from."""
    return {
        f"{name}.{key}": draft.origins.get(f"{name}.{key}", "default")
        for name, model in SECTIONS.items()
        for key in model.model_fields
    } | draft.origins
