"""Recordings from files with labels inside: ``.csv`` tables, or one ``.npz`` of plain arrays.

A table has one row per sample; a recording is a run of rows with one label (and one group).  Many
tables in a folder are read one by one, and a group may then also be a part of their names.

The arrays of an .npz are described in ``arrays.py``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.data.faults import Problems
from tinyml_nas.data.readers.columns import channel_names, pick_columns
from tinyml_nas.data.readers.folders import (
    check_same_channels,
    find_group,
    sha256,
)
from tinyml_nas.data.readers.npz import (
    blocks_of,
    channels_of,
    group_name,
    groups_of,
    load_arrays,
    per_recording,
    scale_of,
)
from tinyml_nas.data.readers.reading import check_name, read_file
from tinyml_nas.data.readers.tables import (
    TEXT_SUFFIXES,
    check_finite,
    is_time,
    to_numbers,
)
from tinyml_nas.data.readers.text_table import Cells, read_cells
from tinyml_nas.data.readers.tree import TOP, open_tree
from tinyml_nas.data.records import Recording, RecordingSet, Source
from tinyml_nas.errors import DataError, listed

Array = NDArray[Any]


def read_single(path: Path, config: Config) -> RecordingSet:
    """All recordings of one .csv or .npz file."""
    data = read_file(path)
    source = Source(path.name, sha256(data), len(data))
    is_npz = path.suffix.lower() == ".npz"
    parts = _read_npz(path, config) if is_npz else _read_csv(path.name, data, config)
    recordings, names, classes = parts
    if len(classes) < (1 if config.common.task == "anomaly" else 2):
        raise DataError(
            f"{path.name} holds {len(classes)} class.", hint="A classification needs at least two."
        )
    return RecordingSet(tuple(recordings), names, classes, (source,))


def read_tables(path: Path, config: Config) -> RecordingSet:
    """All recordings of the .csv files of a folder or zip, each with a column of labels."""
    tree = open_tree(path, config.dataset.data_dir or TOP)
    recordings: list[Recording] = []
    sources: list[Source] = []
    channels: tuple[str, ...] = ()
    labels: set[str] = set()
    problems = Problems()
    for name in (n for n in tree.names() if n.lower().endswith(TEXT_SUFFIXES)):
        with problems.collect(name):
            data = tree.read(name)
            sources.append(Source(name, sha256(data), len(data)))
            found, names, classes = _read_csv(name, data, config)
            channels = channels or names
            check_same_channels(channels, names, name)
            recordings += found
            labels |= {*classes}
    if not sources:
        problems.add(f"{path} holds no table.", "Tables end in .csv or .txt.")
    elif len(labels) < 2:
        problems.add(f"{path} holds {len(labels)} class.", "A classification needs at least two.")
    problems.raise_any()
    return RecordingSet(tuple(recordings), channels, tuple(sorted(labels)), tuple(sources))


Parts = tuple[list[Recording], tuple[str, ...], tuple[str, ...]]


def _read_csv(name: str, data: bytes, config: Config) -> Parts:
    """Recordings from runs of equal labels in one table."""
    cells = read_cells(data, name)
    label = _column(cells, config.dataset.label_column or "label", "label_column", name)
    group, owner = None, None
    if config.dataset.split_type == "by_group":
        wanted = group_name(config, name)
        if wanted not in (cells.header or ()) and "(" in wanted:
            owner = find_group(config, name)
        else:
            group = _column(cells, wanted, "group_by", name)
    left = [
        i for i in range(cells.width) if i not in (label, group) and not is_time(cells.header, i)
    ]
    left_names = tuple((cells.header or ())[i] for i in left)
    variables = config.data_processing_feature_extraction.variables
    picked = pick_columns(variables, left_names, len(left), name)
    values = to_numbers(cells, name, [left[i] for i in picked]).astype(np.float32)
    labels = _names(cells, label, name)
    groups = [owner] * len(labels) if group is None else _names(cells, group, name)
    recordings = [
        Recording(f"{name}:{cells.line_numbers[a]}", labels[a], values[a:b], groups[a])
        for a, b in _runs(list(zip(labels, groups, strict=True)))
    ]
    return recordings, channel_names(left_names, picked), tuple(sorted(set(labels)))


def _column(cells: Cells, wanted: str, key: str, where: str) -> int:
    if cells.header is not None and wanted in cells.header:
        return cells.header.index(wanted)
    has = f"its columns are {listed(cells.header)}" if cells.header else "it has no header"
    raise DataError(
        f"{where} has no column {wanted!r}; {has}.", hint=f"Set dataset.{key} to a column's name."
    )


def _names(cells: Cells, column: int, where: str) -> list[str]:
    """A column of labels or groups; raises where one is too long for a name."""
    names = cells.column(column)
    for line, text in zip(cells.line_numbers, names, strict=True):
        check_name(text, f"{where}, line {line}, column {column + 1}")
    return names


def _runs(keys: list[tuple[str, str | None]]) -> list[tuple[int, int]]:
    """(start, stop) of each run of equal keys."""
    borders = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
    return list(pairwise(borders))


def _read_npz(path: Path, config: Config) -> Parts:
    """Recordings from the arrays of an .npz."""
    arrays = load_arrays(path)
    label_name = config.dataset.label_column or "y"
    blocks = blocks_of(arrays, path.name)
    y = per_recording(arrays, label_name, "label_column", len(blocks), path.name)
    groups = groups_of(arrays, len(blocks), path.name, config)
    classes, labels = _classes(arrays, y, path.name)
    width = blocks[0].shape[1]
    header = channels_of(arrays, width, path.name)
    variables = config.data_processing_feature_extraction.variables
    picked = pick_columns(variables, header, width, path.name)
    scale = scale_of(arrays, width, path.name)
    names = _recording_names(arrays, len(blocks), path.name)
    recordings = []
    for index, block in enumerate(blocks):
        name = names[index]
        values = (block.astype(np.float64) * scale)[:, picked]
        check_finite(values, name)
        recordings.append(Recording(name, labels[index], values.astype(np.float32), groups[index]))
    return recordings, channel_names(header, picked), classes


def _recording_names(arrays: dict[str, Array], count: int, where: str) -> list[str]:
    """The name of each recording: what the array ``names`` says, else its number."""
    if "names" not in arrays:
        return [f"{where}:{index}" for index in range(count)]
    names = arrays["names"]
    if names.shape != (count,):
        raise DataError(
            f"names in {where} has the shape {names.shape}, there are {count} recordings.",
            hint="It needs one name per recording; or leave it out.",
        )
    return [str(name) for name in names]


def _classes(arrays: dict[str, Array], y: Array, where: str) -> tuple[tuple[str, ...], list[str]]:
    """The class names in order, and the label of each recording."""
    if "classes" not in arrays:
        values = sorted(set(y.tolist()))
        return tuple(str(value) for value in values), [str(value) for value in y.tolist()]
    names = [str(name) for name in arrays["classes"]]
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= len(names):
        raise DataError(
            f"y in {where} does not number the {len(names)} classes.",
            hint="With an array classes, y holds numbers from 0 on.",
        )
    return tuple(names), [names[value] for value in y]
