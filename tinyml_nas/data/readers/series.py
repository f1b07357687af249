"""Recordings whose samples carry values to learn: for regression and forecasting.

A folder or zip with one table per recording, in ``files/`` or at its top; or a single table; or an
``.npz`` as ``arrays.py`` describes it, whose ``y`` holds one value or one row of values for each
recording.  ``target_variables`` says which columns of a table are to be learned.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.data.faults import Problems
from tinyml_nas.data.readers.columns import Variables, channel_names, pick_columns
from tinyml_nas.data.readers.folders import (
    check_suffix,
    find_group,
    listed_sides,
    sha256,
    unlisted_note,
)
from tinyml_nas.data.readers.npz import (
    Array,
    blocks_of,
    channels_of,
    groups_of,
    load_arrays,
    scale_of,
)
from tinyml_nas.data.readers.reading import read_file
from tinyml_nas.data.readers.tables import Table, check_finite, read_table
from tinyml_nas.data.readers.tree import (
    TOP,
    Tree,
    is_archive,
    open_tree,
    whole_tree,
)
from tinyml_nas.data.records import Recording, RecordingSet, Source
from tinyml_nas.errors import DataError, listed

FILES = "files"


def read_series(path: Path, config: Config) -> RecordingSet:
    """All recordings of a folder, a zip, a table or an .npz, with their targets."""
    if path.suffix.lower() == ".npz":
        return _read_npz(path, config)
    if path.is_dir() or is_archive(path):
        return _read_tree(path, config)
    data = read_file(path)
    table = read_table(data, path.name)
    recording, channels, targets = _recording(table, path.name, config)
    source = Source(path.name, sha256(data), len(data))
    return RecordingSet((recording,), channels, (), (source,), target_names=targets)


def chosen_columns(data: RecordingSet, config: Config) -> RecordingSet:
    """The recordings of a generator with the targets that are asked for, all if none are."""
    wanted = config.data_processing_feature_extraction.target_variables
    if not data.target_names or not wanted:
        return data
    names = data.target_names
    picked = pick_columns(wanted, names, len(names), "the generator", key="target_variables")
    recordings = tuple(
        replace(recording, targets=recording.targets[:, picked])
        for recording in data.recordings
        if recording.targets is not None
    )
    return replace(
        data, recordings=recordings, target_names=tuple(names[column] for column in picked)
    )


def _read_tree(path: Path, config: Config) -> RecordingSet:
    tree, folder = _tree(path, config)
    problems = Problems()
    sides = listed_sides(tree, folder, config, problems)
    recordings: list[Recording] = []
    sources: list[Source] = []
    columns: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    for name in _tables(tree, folder, config, problems):
        with problems.collect(name):
            data = tree.read(name)
            sources.append(Source(name, sha256(data), len(data)))
            recording, *found = _recording(read_table(data, name), name, config)
            columns = columns or (found[0], found[1])
            if columns != tuple(found):
                raise DataError(
                    f"{name} has the columns {listed(sum(found, ()))}, the first file "
                    f"{listed(sum(columns, ()))}.",
                    hint="Every file needs the same columns in the same order.",
                )
            recording = Recording(
                name, "", recording.samples, find_group(config, name), sides.get(name),
                recording.targets,
            )  # fmt: skip
            recordings.append(recording)
    problems.raise_any()
    channels, targets = columns or ((), ())
    notes = unlisted_note(recordings) if sides else ()
    return RecordingSet(
        tuple(recordings), channels, (), tuple(sources), notes, target_names=targets
    )


def _tree(path: Path, config: Config) -> tuple[Tree, str]:
    """The data set and the folder of its tables: the one named, ``files``, or empty for the top."""
    wanted = (config.dataset.data_dir or FILES).strip("/")
    for tree in (whole_tree(path), open_tree(path, TOP)):  # a lone folder may be named, too
        if wanted in (TOP, *tree.folders()):
            return tree, wanted
    if config.dataset.data_dir is not None:
        raise DataError(
            f"{path} has no folder {wanted!r}.", hint="Correct dataset.data_dir, or leave it out."
        )
    return whole_tree(path), ""


def _tables(tree: Tree, folder: str, config: Config, problems: Problems) -> list[str]:
    """Names of the tables below ``folder``; without one, of those that lie at the top."""
    prefix = f"{folder}/" if folder not in ("", TOP) else ""
    lists = f"{config.dataset.annotation_dir}/"
    names = [
        name
        for name in tree.names()
        if name.startswith(prefix) and (folder or "/" not in name) and not name.startswith(lists)
    ]
    names = [name for name in names if check_suffix(name, problems)]
    if not names:
        problems.add(
            f"{tree.path} has no recordings in {prefix or 'its top folder'}.",
            f"Put one table per recording into {FILES}/.",
        )
    return names


def _recording(
    table: Table, name: str, config: Config
) -> tuple[Recording, tuple[str, ...], tuple[str, ...]]:
    """The recording of a table, and the names of its channels and its targets."""
    processing, width = config.data_processing_feature_extraction, table.width
    wanted: Variables = processing.target_variables
    if not wanted and config.common.task == "regression":
        wanted = (width - 1,)
    targets = pick_columns(wanted, table.header, width, name, key="target_variables")
    picked = _channels(processing.variables, targets, table, name, config)
    if config.common.task == "regression":
        picked = _apart(picked, targets, table, processing.target_variables != ())
    targets = targets or picked
    values = table.read([*picked, *targets]).astype(np.float32)
    samples, learned = values[:, : len(picked)].copy(), values[:, len(picked) :].copy()
    recording = Recording(name, "", samples, targets=learned)
    return recording, channel_names(table.header, picked), channel_names(table.header, targets)


def _apart(picked: list[int], targets: list[int], table: Table, written: bool) -> list[int]:
    """The inputs without the target by default; an error where a written one is an input.

    The network would read the answer.
    """
    left = [column for column in picked if column not in targets]
    if left == picked or (left and not written):
        return left
    (name,) = channel_names(table.header, [column for column in picked if column in targets][:1])
    raise DataError(
        f"{name!r} is in variables and is the target: the network would read the answer.",
        hint=f"Take {name!r} out of variables, or name another one in target_variables.",
    )


def _channels(
    variables: Variables, targets: list[int], table: Table, name: str, config: Config
) -> list[int]:
    """Columns that the network reads; a count does not count what a regression is to tell."""
    width = table.width
    if isinstance(variables, int) and config.common.task == "regression":
        left = [column for column in range(width) if column not in targets]
        return [left[i] for i in pick_columns(variables, None, len(left), name)]
    return pick_columns(variables, table.header, width, name)


def _read_npz(path: Path, config: Config) -> RecordingSet:
    data = read_file(path)
    arrays = load_arrays(path)
    blocks = blocks_of(arrays, path.name)
    values, names = _npz_targets(arrays, len(blocks), path.name, config)
    width = blocks[0].shape[1]
    header = channels_of(arrays, width, path.name)
    variables = config.data_processing_feature_extraction.variables
    picked = pick_columns(variables, header, width, path.name)
    groups, scale = (
        groups_of(arrays, len(blocks), path.name, config),
        scale_of(arrays, width, path.name),
    )
    recordings = [
        Recording(
            f"{path.name}:{index}",
            "",
            (block * scale)[:, picked].astype(np.float32),
            group,
            targets=np.tile(target, (len(block), 1)),
        )
        for index, (block, target, group) in enumerate(zip(blocks, values, groups, strict=True))
    ]
    source = Source(path.name, sha256(data), len(data))
    channels = channel_names(header, picked)
    return RecordingSet(tuple(recordings), channels, (), (source,), target_names=names)


def _npz_targets(
    arrays: dict[str, Array], count: int, where: str, config: Config
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Values [R, K] that each recording has as a whole, and their names."""
    name = config.dataset.label_column or "y"
    if config.common.task != "regression":
        raise DataError(
            f"{where} has one value per recording, but a forecast needs one per sample.",
            hint="Give the series as tables with a column for each variable.",
        )
    if name not in arrays:
        raise DataError(
            f"{where} has no array {name!r}; it has {listed(sorted(arrays))}.",
            hint="Set dataset.label_column to the name of the array with the targets.",
        )
    y = arrays[name]
    if y.dtype.kind not in "iuf" or y.ndim not in (1, 2) or len(y) != count:
        raise DataError(
            f"{name} in {where} has the shape {y.shape} and the type {y.dtype}; there are {count} "
            "recordings.",
            hint=f"A regression needs numbers: {name} is [recordings] or [recordings, targets].",
        )
    values = y.reshape(count, -1).astype(np.float64)
    check_finite(values, f"{name} in {where}")
    names = arrays.get("targets", np.array([]))
    if names.shape == (values.shape[1],):
        return values.astype(np.float32), tuple(str(text) for text in names)
    only = (name,) if values.shape[1] == 1 else ()
    titles = only or tuple(f"{name}_{index}" for index in range(values.shape[1]))
    return values.astype(np.float32), titles
