"""Recordings from folders: ``classes/<label>/*.csv`` in a folder or a zip, one file per recording.

``data_dir: .`` takes class folders at the top, ``label_by`` the label out of each file's name.
Files of an anomaly detection that lie in no class folder are normal.  Lists
``annotations/instances_{train,val,test}_list.txt``, where they exist, fix the split.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

import numpy as np

from tinyml_nas.config import Config
from tinyml_nas.data.faults import Problems
from tinyml_nas.data.readers.columns import channel_names, pick_columns
from tinyml_nas.data.readers.reading import read_file
from tinyml_nas.data.readers.tables import SUFFIXES, Table, read_table
from tinyml_nas.data.readers.text_table import decode
from tinyml_nas.data.readers.tree import TOP, Tree, is_hidden, open_tree
from tinyml_nas.data.readers.wav import SUFFIX as WAV
from tinyml_nas.data.readers.wav import read_clip
from tinyml_nas.data.records import SIDES, Recording, RecordingSet, Side, Source
from tinyml_nas.errors import DataError, listed

PICKLES = (".pkl", ".pickle")
NORMAL = "Normal"
"""The class of what an anomaly detection learns from."""


def sha256(data: bytes) -> str:
    """The SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_layout(path: Path, config: Config) -> RecordingSet:
    """All recordings below the class folders of a folder or zip."""
    folder = config.dataset.data_dir or (TOP if config.dataset.label_by else "classes")
    classes = folder.strip("/")
    tree = open_tree(path, classes)
    problems = Problems()
    files = _files(tree, classes, config, problems)
    labels = _labels(tree, classes, config, files, problems)
    sides = listed_sides(tree, classes, config, problems)
    recordings: list[Recording] = []
    sources: list[Source] = []
    names: tuple[str, ...] | None = None
    for name, label in files:
        with problems.collect(name):
            data = tree.read(name)
            sources.append(Source(name, sha256(data), len(data)))
            samples, found = _samples(_table(data, name, config), config, name)
            names = names or found
            check_same_channels(names, found, name)
            group = find_group(config, name)
            recordings.append(Recording(name, label, samples, group, sides.get(name)))
    problems.raise_any()
    if path.is_file():
        data = read_file(path)
        sources.insert(0, Source(path.name, sha256(data), len(data)))
    notes = unlisted_note(recordings) if sides else ()
    return RecordingSet(tuple(recordings), names or (), tuple(labels), tuple(sources), notes)


def _labels(
    tree: Tree, classes: str, config: Config, files: list[tuple[str, str]], problems: Problems
) -> list[str]:
    """Names of the classes; each class folder must hold at least one file."""
    folders = [] if config.dataset.label_by else _class_folders(tree, classes)
    for label in folders:
        prefix = f"{PurePosixPath(classes, label)}/"
        if not any(name.startswith(prefix) for name in tree.names()):
            problems.add(f"Class folder {prefix} is empty.", "Add recordings or remove the folder.")
    labels = sorted({*folders, *(label for _, label in files)})
    if len(labels) < 2 and config.common.task == "classification":
        found = f"only one class folder, {labels[0]!r}," if labels else "no class folders"
        problems.add(
            f"{tree.path} has {found} in {classes}/.",
            "A classification needs at least two classes, one folder each.",
        )
    return labels


def _class_folders(tree: Tree, classes: str) -> list[str]:
    paths = [PurePosixPath(name) for name in tree.folders()]
    return [path.name for path in paths if str(path.parent) == classes]


def listed_classes(path: Path, config: Config) -> tuple[str, ...] | None:
    """The classes of the data set at ``path`` as its folders are called, sorted.

    ``None`` where names or columns of files tell the classes, and where no folder has one.  No file
    is opened but the index of a zip, and no folder but the one that holds the classes.
    """
    if config.dataset.label_by is not None or config.dataset.label_column is not None:
        return None
    classes = (config.dataset.data_dir or "classes").strip("/")
    found: list[str] = []
    try:
        if path.is_dir():
            inside = _class_folder(path, classes).iterdir()
            found = [below.name for below in inside if below.is_dir() and not is_hidden(below.name)]
        elif path.suffix.lower() == ".zip":
            found = _class_folders(open_tree(path, classes), classes)
    except (DataError, OSError):  # whoever reads the data says what is wrong with them
        return None
    return tuple(sorted(found)) or None


def _class_folder(path: Path, classes: str) -> Path:
    """The folder that holds the classes: in ``path``, or in its only folder that has one."""
    deeper = [below / classes for below in path.iterdir() if not is_hidden(below.name)]
    there = [folder for folder in deeper if folder.is_dir()]
    return there[0] if len(there) == 1 and not (path / classes).is_dir() else path / classes


def _files(tree: Tree, classes: str, config: Config, problems: Problems) -> list[tuple[str, str]]:
    """(name, label) of every recording; files of other kinds in a class folder are problems."""
    files = []
    for path in map(PurePosixPath, tree.names()):
        if not path.is_relative_to(classes):
            continue
        name, folders = str(path), path.relative_to(classes).parts[:-1]
        if path.suffix.lower() in SUFFIXES:
            with problems.collect(name):
                label = _label(name, folders, config)
                files += [(name, label)] if label is not None else []
        elif folders and config.dataset.label_by is None:  # else a note beside the recordings
            check_suffix(name, problems)
    return files


def _table(data: bytes, name: str, config: Config) -> Table:
    if name.lower().endswith(WAV):
        return read_clip(data, name, config.data_processing_feature_extraction)
    return read_table(data, name)


def check_suffix(name: str, problems: Problems) -> bool:
    """Whether the file can be a recording; what cannot is a problem."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in PICKLES:
        problems.add(
            f"{name} is a pickle, which can run code when it is read.",
            "Convert it: numpy.save('name.npy', array, allow_pickle=False).",
        )
    elif suffix not in SUFFIXES:
        problems.add(
            f"{name} is no recording: {suffix or 'no suffix'} is not read here.",
            f"Recordings end in {', '.join(SUFFIXES)}; move other files elsewhere.",
        )
    return suffix in SUFFIXES


def _label(name: str, folders: tuple[str, ...], config: Config) -> str | None:
    """The class of a file: what ``label_by`` finds, else its folder; None for one beside those."""
    pattern = config.dataset.label_by
    if pattern is None:
        return folders[0] if folders else NORMAL if config.common.task == "anomaly" else None
    return _found(pattern, name, "label_by", r"'([a-z]+)_\d+'")


def _found(pattern: str, name: str, key: str, example: str) -> str:
    """What the first group of a regular expression matches in a file's name."""
    match = re.search(pattern, name)
    if match is None or not match.groups() or not match.group(1):
        what = key.removesuffix("_by")
        raise DataError(
            f"dataset.{key} {pattern!r} finds no {what} in {name}.",
            hint=f"Write a regular expression with one group, such as {example}.",
        )
    return str(match.group(1))


def _samples(
    table: Table, config: Config, name: str
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], tuple[str, ...]]:
    """Samples (T, C) of the wanted columns, and the names of the channels."""
    variables = config.data_processing_feature_extraction.variables
    picked = pick_columns(variables, table.header, table.width, name)
    names = channel_names(table.header, picked)
    return np.ascontiguousarray(table.read(picked), dtype=np.float32), names


def check_same_channels(names: tuple[str, ...], found: tuple[str, ...], name: str) -> None:
    """Raise if a file's channels are not those of the first file."""
    if names != found:
        raise DataError(
            f"{name} has the columns {listed(found)}, the first file {listed(names)}.",
            hint="Every file needs the same columns in the same order.",
        )


def find_group(config: Config, name: str) -> str | None:
    """The group that ``group_by`` finds in a file's name."""
    pattern = config.dataset.group_by
    if config.dataset.split_type != "by_group" or pattern is None:
        return None
    return _found(pattern, name, "group_by", r"'subject(\d+)'")


def listed_sides(tree: Tree, classes: str, config: Config, problems: Problems) -> dict[str, Side]:
    """The side of each listed file; empty without lists, or where another split is asked for."""
    dataset = config.dataset
    if dataset.split_type != "amongst_files":
        return {}
    lists = {
        side: f"{dataset.annotation_dir}/{dataset.annotation_prefix}_{word}_list.txt"
        for side, word in zip(SIDES, dataset.split_names, strict=True)
    }
    present = set(tree.names())
    missing = [name for name in lists.values() if name not in present]
    if len(missing) == len(lists):
        return {}
    if missing:
        problems.add(
            f"{tree.path} has lists of files, but not {', '.join(missing)}.",
            "Write all three lists, or remove them all for a random split.",
        )
        return {}
    sides: dict[str, Side] = {}
    for side, name in lists.items():
        _read_list(tree, classes, name, side, sides, problems)
    return sides


def _read_list(
    tree: Tree, classes: str, name: str, side: Side, sides: dict[str, Side], problems: Problems
) -> None:
    """Add the files of one list to ``sides``; paths start at the data set or at its classes."""
    present = set(tree.names())
    for line, text in enumerate(decode(tree.read(name), name).splitlines(), 1):
        wanted = text.strip().replace("\\", "/").removeprefix("./")
        if not wanted:
            continue
        below = str(PurePosixPath(classes, wanted))
        found = next((n for n in (wanted, below) if n in present), None)
        if found is None:
            problems.add(f"{name}, line {line}: there is no file {wanted!r}.", "Correct the list.")
        elif sides.setdefault(found, side) != side:
            problems.add(
                f"{name}, line {line}: {wanted!r} is also in the list of {sides[found]}.",
                "A file belongs to one list only.",
            )


def unlisted_note(recordings: list[Recording]) -> tuple[str, ...]:
    """A note on files that the lists leave out."""
    unlisted = [recording.name for recording in recordings if recording.side is None]
    if not unlisted:
        return ()
    return (
        f"{len(unlisted)} files are in no annotation list and were left out, e.g. {unlisted[0]}.",
    )
