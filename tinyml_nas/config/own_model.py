"""Keys about a network that the user brings along: what they need, and what they exclude."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from tinyml_nas.config.sections.training import Training
from tinyml_nas.config.sources import is_file_beside, nearest_file
from tinyml_nas.located.draft import Draft

NETWORK, SPEC = "training.model_path", "training.model_spec"
WEIGHTS = "training.pretrained_checkpoint_path"
WEIGHT_FILES = (".safetensors", ".npz", ".pt", ".pth", ".ckpt")


def check_own_model(draft: Draft, folder: Path) -> None:
    """Run every check; relative paths start at ``folder``."""
    training = draft.get("training", Training)
    for path, text in ((NETWORK, training.model_path), (SPEC, spec_file(training.model_spec))):
        if text is not None:
            _check_file(draft, path, text, folder)
    if training.model_spec is not None and SPEC not in draft.wrong:
        _check_python(draft, folder, str(spec_file(training.model_spec)))
    _check_weights(draft, training, folder)
    _check_alone(draft, training)


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
