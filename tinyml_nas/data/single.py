"""Recordings from files with labels inside: ``.csv`` tables, or one ``.npz`` of plain arrays.

A table has one row per sample; a recording is a run of rows with one label (and one group).  Many
tables in a folder are read one by one, and a group may then also be a part of their names.

An .npz holds, besides any further array with one value per recording (``subject`` and the like):

    X         [N, T, C] one window per row, [N, T] the same with one channel, or [sum of lengths, C]
    lengths   [R] where X is concatenated: samples of each recording
    y         [R] labels, as text or as numbers (the name can be changed by dataset.label_column)
    classes   optional: the name of each number in y
    channels  optional: the names of the C channels
    scale     optional: [C] factors; the signal is X * scale (small integers save space)
    names     optional: [R] a name for each recording
"""

from __future__ import annotations

import zipfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.data.columns import channel_names, pick_columns
from tinyml_nas.data.layout import check_same_channels, find_group, sha256
from tinyml_nas.data.problems import Problems
from tinyml_nas.data.records import Recording, RecordingSet, Source
from tinyml_nas.data.tables import (
    TEXT_SUFFIXES,
    Cells,
    check_finite,
    is_time,
    load_npy,
    read_cells,
    to_numbers,
)
from tinyml_nas.data.tree import LARGEST_UNPACKED_BYTES, TOP, open_tree
from tinyml_nas.errors import DataError

Array = NDArray[Any]


def read_single(path: Path, config: Config) -> RecordingSet:
    """All recordings of one .csv or .npz file."""
    data = path.read_bytes()
    source = Source(path.name, sha256(data), len(data))
    is_npz = path.suffix.lower() == ".npz"
    parts = _read_npz(path, config) if is_npz else _read_csv(path.name, data, config)
    recordings, names, classes = parts
    if len(classes) < 2:
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
        with problems.collect():
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
        wanted = _group_name(config, name)
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
    labels = cells.column(label)
    groups = [owner] * len(labels) if group is None else cells.column(group)
    recordings = [
        Recording(f"{name}:{cells.line_numbers[a]}", labels[a], values[a:b], groups[a])
        for a, b in _runs(list(zip(labels, groups, strict=True)))
    ]
    return recordings, channel_names(left_names, picked), tuple(sorted(set(labels)))


def _group_name(config: Config, where: str) -> str:
    if config.dataset.group_by is None:
        raise DataError(
            f"split_type by_group needs to know which column of {where} holds the group.",
            hint="Set dataset.group_by to its name.",
        )
    return config.dataset.group_by


def _column(cells: Cells, wanted: str, key: str, where: str) -> int:
    if cells.header is not None and wanted in cells.header:
        return cells.header.index(wanted)
    has = f"its columns are {', '.join(cells.header)}" if cells.header else "it has no header"
    raise DataError(
        f"{where} has no column {wanted!r}; {has}.", hint=f"Set dataset.{key} to a column's name."
    )


def _runs(keys: list[tuple[str, str | None]]) -> list[tuple[int, int]]:
    """(start, stop) of each run of equal keys."""
    borders = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
    return list(pairwise(borders))


def _read_npz(path: Path, config: Config) -> Parts:
    """Recordings from the arrays of an .npz."""
    arrays = _load_arrays(path)
    label_name = config.dataset.label_column or "y"
    blocks = _blocks(arrays, path.name)
    y = _per_recording(arrays, label_name, "label_column", len(blocks), path.name)
    groups: list[str] | list[None] = [None] * len(blocks)
    if config.dataset.split_type == "by_group":
        wanted = _group_name(config, path.name)
        found = _per_recording(arrays, wanted, "group_by", len(blocks), path.name)
        groups = [str(value) for value in found]
    classes, labels = _classes(arrays, y, path.name)
    width = blocks[0].shape[1]
    header = _channels(arrays, width, path.name)
    variables = config.data_processing_feature_extraction.variables
    picked = pick_columns(variables, header, width, path.name)
    scale = _scale(arrays, width, path.name)
    names = arrays.get("names")
    recordings = []
    for index, block in enumerate(blocks):
        name = f"{path.name}:{index}" if names is None else str(names[index])
        values = (block.astype(np.float64) * scale)[:, picked]
        check_finite(values, name)
        recordings.append(Recording(name, labels[index], values.astype(np.float32), groups[index]))
    return recordings, channel_names(header, picked), classes


def _load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npz by name; nothing of it can run code."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_UNPACKED_BYTES:
                raise DataError(f"{path.name} is too large unpacked.", hint="Split the data set.")
            return {
                name.removesuffix(".npy"): load_npy(archive.read(name), f"{name} in {path.name}")
                for name in archive.namelist()
            }
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise DataError(
            f"{path} cannot be opened as .npz: {error}.", hint="Copy or write the file again."
        ) from None


def _blocks(arrays: dict[str, Array], where: str) -> list[Array]:
    """The samples [T, C] of each recording."""
    if "X" not in arrays or arrays["X"].dtype.kind not in "iuf" or arrays["X"].size == 0:
        raise DataError(
            f"{where} has no array X of numbers.", hint="X holds the samples: [N, T, C] or [T, C]."
        )
    x = arrays["X"]
    if x.ndim == 3:
        return list(x)
    if x.ndim != 2:
        raise DataError(f"X in {where} has the shape {x.shape}.", hint="Use [N, T, C] or [T, C].")
    if "lengths" not in arrays:
        return list(x[:, :, None])
    lengths = arrays["lengths"]
    if lengths.dtype.kind not in "iu" or (lengths < 1).any() or int(lengths.sum()) != len(x):
        raise DataError(
            f"lengths in {where} add up to {lengths.sum()}, X has {len(x)} samples.",
            hint="lengths holds the number of samples of each recording, in order.",
        )
    return np.split(x, np.cumsum(lengths)[:-1])


def _per_recording(arrays: dict[str, Array], name: str, key: str, count: int, where: str) -> Array:
    """The array ``name``, which has one value per recording."""
    if name not in arrays:
        raise DataError(
            f"{where} has no array {name!r}; it has {', '.join(sorted(arrays))}.",
            hint=f"Set dataset.{key} to the name of an array.",
        )
    if arrays[name].shape != (count,):
        raise DataError(
            f"{name} in {where} has the shape {arrays[name].shape}, there are {count} recordings.",
            hint=f"{name} needs one value per recording.",
        )
    return arrays[name]


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


def _channels(arrays: dict[str, Array], width: int, where: str) -> tuple[str, ...] | None:
    """The names of the channels, if there are any."""
    if "channels" not in arrays:
        return None
    if arrays["channels"].shape != (width,):
        raise DataError(
            f"channels in {where} has the shape {arrays['channels'].shape}.",
            hint=f"It needs {width} names, one per column of X.",
        )
    return tuple(str(name) for name in arrays["channels"])


def _scale(arrays: dict[str, Array], width: int, where: str) -> Array:
    scale = arrays.get("scale", np.ones(width))
    if scale.shape != (width,):
        raise DataError(
            f"scale in {where} has the shape {scale.shape}.", hint=f"It needs {width} factors."
        )
    return scale.astype(np.float64)
