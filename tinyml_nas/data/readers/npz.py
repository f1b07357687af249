"""Plain arrays out of one ``.npz``.

It holds, besides any further array with one value per recording (``subject`` and the like):

    X         (N, T, C) one window per row, (N, T) the same with one channel, or (sum of lengths, C)
    lengths   [R] where X is concatenated: samples of each recording
    y         [R] labels, as text or as numbers (the name can be changed by
              dataset.label_column); values to learn [R] or [R, K] for a regression
    classes   optional: the name of each number in y
    channels  optional: the names of the C channels
    scale     optional: (C,) factors; the signal is X * scale (small integers save space)
    names     optional: [R] a name for each recording
    targets   optional: the names of the K values
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_nas.config import Config
from tinyml_nas.data.readers.reading import check_name, readable
from tinyml_nas.data.readers.tables import load_npy
from tinyml_nas.data.readers.tree import LARGEST_UNPACKED_BYTES
from tinyml_nas.errors import DataError, listed

Array = NDArray[Any]


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npz by name; nothing of it can run code."""
    with (
        readable(f"{path} cannot be opened as .npz", "Copy or write the file again."),
        zipfile.ZipFile(path) as archive,
    ):
        if sum(member.file_size for member in archive.infolist()) > LARGEST_UNPACKED_BYTES:
            raise DataError(f"{path.name} is too large unpacked.", hint="Split the data set.")
        members = {name: archive.read(name) for name in archive.namelist()}
    return {
        name.removesuffix(".npy"): _load(data, f"{name} in {path.name}")
        for name, data in members.items()
    }


def _load(data: bytes, name: str) -> Array:
    """One array; of text the longest is checked, since it becomes a name."""
    check_name(name, "The archive")
    array = load_npy(data, name)
    if array.dtype.kind in "US":
        check_name(str(max(array.ravel().tolist(), key=len, default="")), name)
    return array


def blocks_of(arrays: dict[str, Array], where: str) -> list[Array]:
    """The samples (T, C) of each recording."""
    if "X" not in arrays or arrays["X"].dtype.kind not in "iuf" or arrays["X"].size == 0:
        raise DataError(
            f"{where} has no array X of numbers.", hint="X holds the samples: (N, T, C) or (T, C)."
        )
    x = arrays["X"]
    if x.ndim == 3:
        return list(x)
    if x.ndim != 2:
        raise DataError(f"X in {where} has the shape {x.shape}.", hint="Use (N, T, C) or (T, C).")
    if "lengths" not in arrays:
        return list(x[:, :, None])
    lengths = arrays["lengths"]
    hint = "lengths holds the number of samples of each recording, in order."
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1 or (lengths < 1).any():
        raise DataError(f"lengths in {where} is no row of whole numbers above 0.", hint=hint)
    if (total := sum(lengths.tolist())) != len(x):
        raise DataError(f"lengths in {where} add up to {total}, X has {len(x)} samples.", hint=hint)
    return np.split(x, np.cumsum(lengths)[:-1])


def per_recording(arrays: dict[str, Array], name: str, key: str, count: int, where: str) -> Array:
    """The array ``name``, which has one value per recording."""
    if name not in arrays:
        raise DataError(
            f"{where} has no array {name!r}; it has {listed(sorted(arrays))}.",
            hint=f"Set dataset.{key} to the name of an array.",
        )
    if arrays[name].shape != (count,):
        raise DataError(
            f"{name} in {where} has the shape {arrays[name].shape}, there are {count} recordings.",
            hint=f"{name} needs one value per recording.",
        )
    return arrays[name]


def channels_of(arrays: dict[str, Array], width: int, where: str) -> tuple[str, ...] | None:
    """The names of the channels, if there are any."""
    if "channels" not in arrays:
        return None
    if arrays["channels"].shape != (width,):
        raise DataError(
            f"channels in {where} has the shape {arrays['channels'].shape}.",
            hint=f"It needs {width} names, one per column of X.",
        )
    return tuple(str(name) for name in arrays["channels"])


def scale_of(arrays: dict[str, Array], width: int, where: str) -> Array:
    scale = arrays.get("scale", np.ones(width))
    if scale.shape != (width,) or scale.dtype.kind not in "iuf":
        raise DataError(
            f"scale in {where} has the shape {scale.shape} and the type {scale.dtype}.",
            hint=f"It needs {width} numbers as factors.",
        )
    return scale.astype(np.float64)


def groups_of(
    arrays: dict[str, Array], count: int, where: str, config: Config
) -> list[str] | list[None]:
    """The group of each recording, where the split is by group."""
    if config.dataset.split_type != "by_group":
        return [None] * count
    found = per_recording(arrays, group_name(config, where), "group_by", count, where)
    return [str(value) for value in found]


def group_name(config: Config, where: str) -> str:
    """The column or array that ``group_by`` names."""
    if config.dataset.group_by is None:
        raise DataError(
            f"split_type by_group needs to know which column of {where} holds the group.",
            hint="Set dataset.group_by to its name.",
        )
    return config.dataset.group_by
