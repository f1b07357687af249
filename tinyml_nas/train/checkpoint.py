"""Checkpoints without pickle: nested dictionaries of tensors and plain values in one ``.npz``.

A checkpoint is written to a temporary name, flushed to the disk and renamed, so that a reader
sees the old one or the new one and never half of either.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tinyml_nas.errors import MOST_QUOTED, ToolError, quoted
from tinyml_nas.files import write_whole

_TREE = "tree.json"
DAMAGE = (
    *(OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error),
    *(LookupError, TypeError, AttributeError, RuntimeError, NotImplementedError),
)
"""What NumPy, JSON and torch raise for a file that was cut, changed or exchanged."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state``: dictionaries and lists of tensors, arrays, numbers, strings, None."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}

    def encode(value: Any) -> Any:
        if isinstance(value, torch.Tensor | np.ndarray):
            name = f"a{len(arrays)}"
            if isinstance(value, torch.Tensor):
                arrays[name] = value.detach().cpu().numpy()
                return {"$tensor": name}
            arrays[name] = value
            return {"$array": name}
        if isinstance(value, dict):
            return {"$dict": [[key, encode(item)] for key, item in value.items()]}
        if isinstance(value, list | tuple):
            return [encode(item) for item in value]
        return value

    tree = np.frombuffer(json.dumps(encode(state)).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez(content, **{_TREE: tree}, **arrays)  # type: ignore[arg-type]
    write_whole(path, content.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that :func:`save_checkpoint` wrote.

    Raises ``ToolError`` when the file is missing or damaged.
    """
    with restoring(path), open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
        tree = json.loads(arrays[_TREE].tobytes())

    def decode(value: Any) -> Any:
        if isinstance(value, dict):
            if "$tensor" in value:
                return torch.from_numpy(arrays[value["$tensor"]].copy())
            if "$array" in value:
                return arrays[value["$array"]]
            return {key: decode(item) for key, item in value["$dict"]}
        if isinstance(value, list):
            return [decode(item) for item in value]
        return value

    with restoring(path):
        state: dict[str, Any] = dict(decode(tree))
    return state


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Take apart what a checkpoint holds: ``ToolError`` where it is not what was written."""
    try:
        yield
    except ToolError:
        raise
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise ToolError(
            f"The checkpoint {path} cannot be read: "
            f"{reason if len(reason) <= MOST_QUOTED else quoted(reason)}.",
            hint="Delete it to start this stage again, or run without --resume.",
        ) from error
