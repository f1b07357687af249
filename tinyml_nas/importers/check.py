"""The network that a file names or holds: its keys, and whether it can read the features.

A run builds the same network for the features of its data.  Free of torch, and ONNX is imported
only where a file is named.  A PyTorch module is code of the user's, which a check does not run.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_nas.config import Config
from tinyml_nas.config.sections.training import AUTO, Training
from tinyml_nas.config.sources import is_file_beside, nearest_file
from tinyml_nas.cost.packing import UnknownLayer, fixed_bits
from tinyml_nas.data.check import told_channels
from tinyml_nas.data.expected import told_outputs
from tinyml_nas.errors import ConfigError, ToolError
from tinyml_nas.features.check import told_input
from tinyml_nas.features.window_reach import is_series
from tinyml_nas.graph import Network, Shape
from tinyml_nas.located.draft import Draft
from tinyml_nas.zoo import fewest_outputs
from tinyml_nas.zoo.named import fixed_model, resolved, zoo_network

if TYPE_CHECKING:
    from tinyml_nas.importers.ending import Wanted

NETWORK, SPEC = "training.model_path", "training.model_spec"
WEIGHTS = "training.pretrained_checkpoint_path"
LAYERS = "training.quantization_layers"
WEIGHT_FILES = (".safetensors", ".npz", ".pt", ".pth", ".ckpt")
SOME_LENGTH = 256
"""Steps of a window, to look for operations that run for no window."""


def check_own_model(draft: Draft, folder: Path) -> None:
    """Check the keys of a network of the user's own; relative paths start at ``folder``."""
    training = draft.get("training", Training)
    for path, text in ((NETWORK, training.model_path), (SPEC, spec_file(training.model_spec))):
        if text is not None:
            _check_file(draft, path, text, folder)
    if training.model_spec is not None and SPEC not in draft.wrong:
        _check_python(draft, folder, str(spec_file(training.model_spec)))
    _check_weights(draft, training, folder)
    _check_alone(draft, training)


def check_network(draft: Draft, config: Config) -> None:
    """Report a network that cannot read the features, or is none; the last of all checks.

    It is left alone where anything else is wrong, because that may be why.  Raises ``ToolError``
    for a broken file.
    """
    if draft.problems:
        return
    path = _named_by(config.training)
    try:
        given_network(config)
    except UnknownLayer as error:
        draft.error(LAYERS, error.message, hint=error.hint)
    except ConfigError as error:
        draft.error(path, f"{path}: {error.message}", hint=error.hint)
    except ToolError as error:
        raise ToolError(f"{path}{draft.where(path)}: {error.message}", hint=error.hint) from error


def _named_by(training: Training) -> str:
    """The key that names the network."""
    if training.model_path is not None:
        return NETWORK
    return "training.nas_compare_model" if training.nas_enabled else "training.model_name"


def spec_file(spec: str | None) -> str | None:
    """The file of ``my_net.py:MyNet``."""
    if spec is None:
        return None
    file, colon, _ = spec.partition(".py:")
    return f"{file}.py" if colon else file


def _check_python(draft: Draft, folder: Path, text: str) -> None:
    """Report a file that Python cannot read; it is not run."""
    path = folder / os.path.expanduser(text)
    if not is_file_beside(folder, text):
        return
    if path.suffix != ".py":
        draft.error(SPEC, f"{SPEC}: {text!r} is no .py file.", hint="name my_net.py:MyNet")
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run shows them
            compile(path.read_bytes(), path.name, "exec", dont_inherit=True)
    except OSError as error:
        draft.error(SPEC, f"{SPEC}: {path} cannot be read: {error.strerror}.")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        what = error.msg if isinstance(error, SyntaxError) else error
        words = (
            f"{SPEC}: Python cannot read {path.name}{line}: {what or 'it is nested too deeply'}."
        )
        draft.error(SPEC, words)


def _check_weights(draft: Draft, training: Training, folder: Path) -> None:
    weights = training.pretrained_checkpoint_path
    if training.model_spec is None:
        return
    if weights is None and not training.enable:
        draft.error(
            SPEC,
            f"{SPEC}: the network is not trained, and no weights are given.",
            hint="name them in pretrained_checkpoint_path, or set enable: true",
            also=["training.enable"],
        )
    elif weights is not None:
        _check_file(draft, WEIGHTS, weights, folder)
        if not weights.lower().endswith(WEIGHT_FILES):
            draft.error(
                WEIGHTS,
                f"{WEIGHTS}: {weights!r} is none of {', '.join(WEIGHT_FILES)}.",
                hint="save the weights with torch.save(model.state_dict(), 'weights.pt')",
            )


def _check_alone(draft: Draft, training: Training) -> None:
    """One network at a time: a search, or one of the two files."""
    if training.model_path and training.model_spec:
        draft.error(
            SPEC,
            "training: model_path and model_spec exclude each other.",
            hint="remove one of the two",
            also=[NETWORK],
        )
    if training.own_model and training.nas_enabled:
        draft.error(
            "training.nas_enabled",
            "training: a search does not go with a network of your own.",
            hint="remove nas_enabled, or model_path and model_spec",
            also=[NETWORK, SPEC],
        )


def _check_file(draft: Draft, path: str, text: str, folder: Path) -> None:
    if not is_file_beside(folder, text):
        draft.error(
            path,
            f"{path}: there is no file {text!r}.",
            hint=nearest_file(folder / os.path.expanduser(text))
            or "paths are relative to this file",
        )


@dataclass(frozen=True)
class Given:
    """A network, and its role in the run; ``outputs`` says how many they are, and how it is known.

    ``network`` is ``None`` where the data tell its input, or the user's code makes it.
    """

    role: str
    name: str
    network: Network | None
    outputs: str = ""


def given_network(config: Config) -> Given | None:
    """What the YAML names; ``None`` where it names no network.

    Raises ``ConfigError`` where the run refuses the network, ``ToolError`` for a broken file.
    """
    training, told = config.training, told_input(config)
    shape = None if told is None else Shape(told.channels, told.length)
    if training.model_path is not None:
        network = _in_file(config, training.model_path, shape)
        return Given("chosen", training.model_path, network)
    if training.own_model is not None:
        return Given("chosen", training.own_model, None)
    fixed = fixed_model(training)
    if fixed is None:
        return None
    role, name = fixed
    if shape is None:
        return Given(role, "the baseline" if name == AUTO else name, None)
    known = shape.size if config.common.task == "anomaly" else told_outputs(config)
    outputs = known or fewest_outputs(config.common.task)
    name = resolved(name, shape, outputs, is_series(config), config)
    what = "classes" if config.common.task == "classification" else "outputs"
    words = f" and {outputs} {what if outputs > 1 else 'output'}"
    words += "" if known else " (assumed: the data tell)"
    return Given(role, name, zoo_network(name, shape, outputs, config), words)


def _in_file(config: Config, file: str, shape: Shape | None) -> Network | None:
    import numpy as np

    from tinyml_nas.importers.ending import Wanted
    from tinyml_nas.importers.model_file import read_model
    from tinyml_nas.importers.refusal import UnsupportedOperation
    from tinyml_nas.importers.source import read_source

    training, path = config.training, config.path.parent / Path(file).expanduser()
    model, name = read_model(path), training.model_name or path.stem
    if shape is None:
        try:
            some = Shape(told_channels(config) or 1, SOME_LENGTH)
            read_source(model, some, Wanted(None), name, path.name)
        except UnsupportedOperation:
            raise
        except (ConfigError, ToolError):  # of a window that may be another one: the run says so
            return None
        return None
    source = read_source(model, shape, _wanted(config, shape), name, path.name)
    source.scores(np.zeros((1, *shape), np.float32))
    fixed_bits(source.network, training)
    return source.network


def _wanted(config: Config, shape: Shape) -> Wanted:
    """What the task asks of the file; any scale of the targets does for the network's layers."""
    import numpy as np

    from tinyml_nas.features import Targets
    from tinyml_nas.importers.ending import Wanted

    if config.common.task == "anomaly":
        return Wanted(shape.size, rebuilds=True)
    outputs = told_outputs(config)
    if config.common.task == "classification" or config.training.model_normalize:
        return Wanted(outputs)
    scale = np.ones(outputs or 1, np.float32)
    mean = scale if outputs else 0 * scale
    return Wanted(outputs, Targets((), 1, mean, 1 + mean, scale))
