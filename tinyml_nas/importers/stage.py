"""The network that ``training.model_path`` or ``training.model_spec`` names, ready for the run."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.features import FeatureSet, Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.equality import Values
from tinyml_nas.importers.model import Imported, import_model
from tinyml_nas.importers.model_file import read_model
from tinyml_nas.importers.torch_file import build_module, export_module
from tinyml_nas.importers.weights import load_weights
from tinyml_nas.train.builder import NetworkModule
from tinyml_nas.train.loop import validation_score
from tinyml_nas.train.seeding import derive_seed
from tinyml_nas.train.tasks import task_of


def bring_model(config: Config, features: FeatureSet, console: Console) -> Imported | None:
    """The user's own network, or ``None`` where the file names none.

    It is compared with its source on training windows.  ``features`` are to be normalized as it
    says: by what it does to them itself, after the statistics of the training side where its
    weights have not learned from raw inputs yet.
    """
    training = config.training
    if not training.own_model:
        return None
    fitted = training.model_normalize
    if fitted is None:
        fitted = not training.own_weights
    windows = features.train.x
    if fitted:
        mean, std = (part.reshape(1, -1, 1) for part in vars(features.normalization).values())
        windows = (windows - mean) / std
    folder, name = config.path.parent, training.model_name
    if training.model_path is not None:
        path = folder / Path(training.model_path).expanduser()
        model, files = read_model(path), [path]
    else:
        model, files = _trace(config, windows, features.outputs)
    units = None if fitted else features.targets
    wanted = Wanted(features.outputs, units, rebuilds=features.task == "anomaly")
    imported = import_model(model, windows, wanted, name or files[0].stem, files[0].name)
    if fitted:
        combined = _after(features.normalization, imported.normalization)
        imported = replace(imported, normalization=combined)
    if training.own_weights:
        imported = replace(imported, validation_score=_score(imported, features))
    imported = replace(imported, file=files[0].name, digest=_digest(files))
    _tell(imported, console)
    _tell_outputs(imported, features, wanted, console)
    return imported


def _score(imported: Imported, features: FeatureSet) -> float | None:
    """Score of the network as it came, on validation windows."""
    module = NetworkModule(imported.network)
    module.load_state_dict(imported.state)
    return validation_score(module, replace(features, normalization=imported.normalization))


def _trace(config: Config, windows: Values, outputs: int) -> tuple[onnx.ModelProto, list[Path]]:
    """The module of ``training.model_spec`` as an ONNX model, and the files that it comes from."""
    training, folder = config.training, config.path.parent
    assert training.model_spec is not None
    file, _, class_name = training.model_spec.partition(".py:")
    path = folder / Path(file if not class_name else f"{file}.py").expanduser()
    shape = Shape(*windows.shape[1:])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.common.seed, "model_spec"))
        module = build_module(path, class_name or None, shape, outputs)
    files = [path]
    if training.pretrained_checkpoint_path is not None:
        files.append(folder / Path(training.pretrained_checkpoint_path).expanduser())
        load_weights(module, files[1])
    return export_module(module, windows, path.name), files


def _after(first: Normalization, second: Normalization) -> Normalization:
    """``first``, then ``second``."""
    return Normalization(
        (first.mean + second.mean * first.std).astype(np.float32),
        (first.std * second.std).astype(np.float32),
    )


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _tell(imported: Imported, console: Console) -> None:
    layers, equality = len(imported.network.nodes), imported.equality
    console.info(
        f"{imported.file}: {layers} layers, the same scores as its source on {equality.windows} "
        f"training windows (largest difference {equality.difference:.1g}, {equality.tolerance:g} "
        "allowed)"
    )
    for note in imported.notes:
        console.info(f"{imported.file}: {note}")


def _tell_outputs(
    imported: Imported, features: FeatureSet, wanted: Wanted, console: Console
) -> None:
    """What its outputs are taken for, which no file says, and how good they are as they came."""
    file, score, targets = imported.file, imported.validation_score, features.targets
    if wanted.rebuilds:
        console.info(f"{file}: its output is taken for its input again; the rest is the error")
    elif targets is not None:
        units = "deviations from the mean of" if wanted.targets is None else "the units of"
        names = ", ".join(features.output_names)
        console.info(f"{file}: its values are taken for these, in {units} the data: {names}")
    else:
        order = ", ".join(features.class_names)
        console.info(f"{file}: its scores are taken for these classes, in order: {order}")
    if score is None:
        return
    console.info(f"{file}: {task_of(features).metric} {score:.3f} on validation as it came")
    if targets is not None and score < 0:
        console.warning(
            f"{file} tells the validation values worse than their mean does (R2 {score:.3g}): are "
            "its outputs in the order and the units of the targets, and its inputs these features? "
            "training.model_normalize: true is for one that was trained on normalized ones."
        )
