"""Where the labels of a data set are: folders, file names, a column, an array, or nowhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tinyml_nas.init.file_names import SIDE_FOLDERS, find_labels, folders_of

Place = Literal["folders", "file names", "column", "array", "nowhere"]
NORMAL_WORDS = ("normal", "ok", "good", "healthy", "baseline", "nominal", "regular")
LISTS = "annotations"


@dataclass(frozen=True)
class Layout:
    """How the files of a folder or zip are labeled.

    ``data_dir`` and ``label_by`` are the keys of the YAML; ``labels`` gives the class of each file,
    empty where files do not have one; ``seen`` says in words what was found.
    """

    place: Place
    files: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)
    data_dir: str | None = None
    label_by: str | None = None
    group_by: str | None = None
    sides: tuple[str, ...] = ()
    seen: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Files of each class, sorted by name."""
        return dict(sorted(Counter(self.labels.values()).items()))


def find_layout(files: Sequence[str]) -> Layout:
    """The layout of recordings by their names below the data set."""
    files = [name for name in files if LISTS not in name.split("/")[:-1]]
    top, prefix = _descend(files)
    folders = folders_of([name[len(prefix) :] for name in files])
    if len(folders) > 1 and "" in folders:
        return _flat(files, top, f"{len(files)} recordings in folders and beside them")
    if "" in folders or not folders:
        several = f"{len(files)} recordings" if len(files) != 1 else "one recording"
        return _flat(files, top, f"{several} in one folder")
    inner = _inner_folders(folders)
    if inner is not None:
        return _two_levels(files, top, prefix, tuple(folders), inner)
    labels = {name: name[len(prefix) :].partition("/")[0] for name in files}
    seen = f"{len(folders)} class folders: {', '.join(folders)}"
    if len(folders) == 1:
        seen = f"the folder {next(iter(folders))!r} alone"
    data_dir = None if top == "classes" else top or "."
    return Layout("folders", tuple(files), labels, data_dir, seen=seen)


def _descend(files: Sequence[str]) -> tuple[str, str]:
    """The folder below which the data divides, and the same as a prefix of the names.

    A lone folder is gone through, unless its name says that everything in it is normal.
    """
    top, prefix = "", ""
    while True:
        folders = folders_of([name[len(prefix) :] for name in files])
        only = next(iter(folders), "")
        if len(folders) != 1 or not only or only.lower() == "normal":
            return top, prefix
        top, prefix = f"{prefix}{only}", f"{prefix}{only}/"


def _flat(files: Sequence[str], top: str, seen: str) -> Layout:
    """Files without class folders: a word of their names may be the class."""
    found = find_labels(files) if len(files) > 3 else None
    data_dir = top if top not in ("", "files") else None
    if found is None:
        return Layout("nowhere", tuple(files), {}, data_dir, seen=seen)
    words = ", ".join(found.counts)
    seen = f"{seen}, with a class in each name: {words}"
    return Layout("file names", tuple(files), found.values, data_dir, found.pattern, seen=seen)


def _inner_folders(folders: dict[str, list[str]]) -> list[str] | None:
    """The class folders that every folder repeats, as below subjects or sides; else None."""
    inside = [set(folders_of([n.partition("/")[2] for n in names])) for names in folders.values()]
    shared = sorted(set.intersection(*inside) - {""})
    everywhere = len(shared) >= 2 and all("" not in names for names in inside)
    return shared if len(folders) >= 2 and everywhere else None


def _two_levels(
    files: Sequence[str], top: str, prefix: str, outer: tuple[str, ...], inner: list[str]
) -> Layout:
    """Class folders inside folders of subjects, sessions, or sides of a split."""
    start = re.escape(prefix)
    label_by, group_by = rf"^{start}[^/]+/([^/]+)/", rf"^{start}([^/]+)/"
    labels = {name: name[len(prefix) :].split("/")[1] for name in files}
    kind = "folders of a split" if {*map(str.lower, outer)} <= {*SIDE_FOLDERS} else "folders"
    seen = f"{len(outer)} {kind} ({', '.join(outer[:6])}), in each the classes {', '.join(inner)}"
    sides = outer if kind != "folders" else ()
    data_dir = top or None
    return Layout("file names", tuple(files), labels, data_dir, label_by, group_by, sides, seen)
