"""Weights of a PyTorch module in a file, without pickle: .safetensors, .npz, or .pt of tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinyml_nas.errors import ConfigError, ToolError
from tinyml_nas.located.suggest import did_you_mean

NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the weights in a larger checkpoint."""
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
}
"""Of the safetensors format, https://huggingface.co/docs/safetensors."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name; raises ``ToolError`` for a file that is missing or holds anything else."""
    try:
        if path.suffix == ".safetensors":
            return _safetensors(path.read_bytes())
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: torch.from_numpy(archive[name]) for name in archive.files}
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file, each library raises what it happens to
        if "GLOBAL" in str(error) or "Unsupported global" in str(error):
            raise ToolError(
                f"{path} holds more than tensors, and is not read: that could run any code.",
                hint="save the weights alone: torch.save(model.state_dict(), path)",
            ) from error
        reason = str(error).split("\n")[0]
        raise ToolError(f"the weights {path} cannot be read: {reason}") from error
    for key in NESTED:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    tensors = isinstance(found, dict) and all(isinstance(t, Tensor) for t in found.values())
    if not tensors:
        raise ToolError(
            f"{path} holds no weights by name.",
            hint="save them with torch.save(model.state_dict(), path)",
        )
    return dict(found)


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Give ``module`` the weights in ``path``; raises ``ConfigError`` unless all of them fit."""
    given, wanted = read_weights(path), module.state_dict()
    given = {name.removeprefix("module."): value for name, value in given.items()}
    missing = [name for name in wanted if name not in given and "num_batches" not in name]
    unknown = [name for name in given if name not in wanted]
    if missing or unknown:
        first = missing[0] if missing else unknown[0]
        what = "does not have" if missing else "has, and the module does not,"
        near = did_you_mean(first, unknown if missing else list(wanted))
        raise ConfigError(
            f"the weights {path} do not fit: the file {what} {first!r} "
            f"({len(missing)} are missing, {len(unknown)} are unknown).",
            hint=near or "name the class that these weights were trained with",
        )
    for name, value in given.items():
        if value.shape != wanted[name].shape:
            raise ConfigError(
                f"the weights {path} do not fit: {name!r} has the shape {list(value.shape)}, the "
                f"module wants {list(wanted[name].shape)}.",
                hint="check the channels, window length and classes of the data set",
            )
    module.load_state_dict(given, strict=False)


def _safetensors(data: bytes) -> dict[str, Tensor]:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in DTYPES:
            raise ValueError(
                f"{name!r} is of type {entry['dtype']}, not one of {', '.join(DTYPES)}"
            )
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        array = np.frombuffer(data[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors
