"""Weights of a PyTorch module in a file, without pickle: .safetensors, .npz, or .pt of tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tinyml_nas.errors import ConfigError, ToolError
from tinyml_nas.located.suggest import did_you_mean

NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the weights in a larger checkpoint."""
REAL = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32)
"""Types of numbers that a module of float32 can take over."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name; raises ``ToolError`` for a file that is missing or holds anything else."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: torch.from_numpy(archive[name]) for name in archive.files}
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file, each library raises what it happens to
        if "GLOBAL" in str(error) or "Unsupported global" in str(error):
            raise ToolError(
                f"{path} holds more than tensors and is not read: reading it could run any code.",
                hint="Save the weights alone: torch.save(model.state_dict(), path).",
            ) from error
        reason = str(error).split("\n")[0]
        raise ToolError(f"The weights {path} cannot be read: {reason.rstrip('.')}.") from error
    for key in NESTED:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    tensors = isinstance(found, dict) and all(isinstance(t, Tensor) for t in found.values())
    if not tensors:
        raise ToolError(
            f"{path} holds no weights by name.",
            hint="Save them with torch.save(model.state_dict(), path).",
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
        lacks = "file lacks" if missing else "module lacks"
        near = did_you_mean(first, unknown if missing else list(wanted))
        raise ConfigError(
            f"The weights {path} do not fit: the {lacks} {first!r} "
            f"({len(missing)} are missing, {len(unknown)} are unknown).",
            hint=near or "Name the class that these weights were trained with.",
        )
    for name, value in given.items():
        if value.dtype not in REAL:
            raise ConfigError(
                f"The weights {path} cannot be used: {name!r} is of type {value.dtype}.",
                hint="Save the weights as float32.",
            )
        if value.shape != wanted[name].shape:
            raise ConfigError(
                f"The weights {path} do not fit: {name!r} has the shape {list(value.shape)}, the "
                f"module wants {list(wanted[name].shape)}.",
                hint="Check the channels, window length and classes of the data set.",
            )
    module.load_state_dict(given, strict=False)
