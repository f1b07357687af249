"""A configuration on its way: read section by section, then resolved, then checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from tinyml_nas.located.choices import Names
from tinyml_nas.located.fields import Section
from tinyml_nas.located.problems import Place, Problem

SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True)
class Note:
    """Something to say about keys that were written, which does not stop the run."""

    message: str
    # "training.nas_epochs"; a whole section, "data_processing"; or none
    paths: tuple[str, ...] = ()
    # the keys do nothing, or stand for something else, or name data that are still to come
    kind: Literal["ignored", "replaced", "remark", "data"] = "remark"


@dataclass
class Draft:
    """Sections as read so far, where everything stands, and what was found wrong or notable."""

    sections: dict[str, Section] = field(default_factory=dict)
    # "training.nas_epochs" -> its value; "training" -> the section's own key
    places: dict[str, Place] = field(default_factory=dict)
    # "training.nas_epochs" -> "line 12", "preset s", "--set"
    origins: dict[str, str] = field(default_factory=dict)
    # keys with a mistake of their own, which the checks of the whole leave alone
    wrong: set[str] = field(default_factory=set)
    # what keys may be whose names higher floors give
    names: Names = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def get(self, name: str, model: type[SectionT]) -> SectionT:
        """The section ``name``."""
        section = self.sections[name]
        assert isinstance(section, model)
        return section

    def given(self, *paths: str) -> bool:
        """Whether the user wrote every one of ``paths``."""
        return all(path in self.places for path in paths)

    def fill(self, section: str, values: Mapping[str, object], origin: str) -> None:
        """Set the ``values`` that the user did not write."""
        new = {key: v for key, v in values.items() if f"{section}.{key}" not in self.places}
        self.sections[section] = self.sections[section].model_copy(update=new)
        self.origins |= {f"{section}.{key}": origin for key in new}

    def replace(self, section: str, key: str, value: object, why: str) -> None:
        """Set what the user wrote to what it stands for."""
        self.sections[section] = self.sections[section].model_copy(update={key: value})
        before = self.origins.get(f"{section}.{key}")
        self.origins[f"{section}.{key}"] = f"{before}, {why}" if before else why

    def error(
        self, path: str, message: str, *, hint: str | None = None, also: Iterable[str] = ()
    ) -> None:
        """Report a mistake at ``path``, or at its section if the user did not write it."""
        also = tuple(also)
        if self.wrong & {path, *also}:
            return
        related = tuple((self.places[p], f"{p} is here") for p in also if p in self.places)
        self.problems.append(Problem(self.place(path), message, hint, related))

    def place(self, path: str) -> Place:
        """Where ``path`` is written; else its section; else the start of the file."""
        return self.places.get(path) or self.places.get(path.split(".")[0]) or self.places[""]

    def where(self, *paths: str) -> str:
        """``(line 3)`` or ``(lines 3 and 8)`` of what the user wrote; empty if nothing."""
        found = [self.places[path].origin for path in paths if path in self.places]
        return f" ({' and '.join(dict.fromkeys(found))})" if found else ""

    def warn(self, message: str, *paths: str) -> None:
        """Remark on ``paths``, where they are written behind the words; or a whole sentence."""
        self.notes.append(Note(f"{message}{self.where(*paths)}." if paths else message, paths))

    def missing(self, message: str, path: str) -> None:
        """Say that the data of ``path`` are still to come."""
        self.notes.append(Note(f"{message}{self.where(path)}.", (path,), "data"))

    def ignored(self, message: str, path: str, *because: str) -> None:
        """Say that ``path`` does nothing, and why: for ``because`` are written as they are."""
        self.notes.append(Note(f"{message}{self.where(path, *because)}.", (path,), "ignored"))

    def replaced(self, message: str, path: str) -> None:
        """Say what ``path`` stands for here."""
        self.notes.append(Note(f"{message}{self.where(path)}.", (path,), "replaced"))
