"""A PyTorch module in the user's file: loaded, built for the data at hand, and exported to ONNX.

His code runs because he names it in ``training.model_spec``, and for nothing else.  From there on
it is an ONNX model like any other, in memory.
"""

from __future__ import annotations

import importlib.util
import inspect
import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from tinyml_nas import interrupts
from tinyml_nas.errors import ConfigError, ParityError
from tinyml_nas.graph import Shape
from tinyml_nas.importers.equality import Values, require_equal, source_scores
from tinyml_nas.importers.model_file import checked
from tinyml_nas.located.problems import shortened
from tinyml_nas.located.suggest import did_you_mean

OPSET = 17
CHANNELS = ("channels", "in_channels", "input_channels", "num_channels", "n_channels", "variables")
LENGTH = ("length", "input_length", "input_features", "seq_len", "window", "window_size")
OUTPUTS = ("classes", "num_classes", "n_classes", "outputs", "num_outputs", "out_features")


def build_module(spec: Path, class_name: str | None, shape: Shape, outputs: int) -> nn.Module:
    """The module of ``spec`` for windows of ``shape``; its initial weights come from torch's seed.

    A constructor gets what its arguments' names ask for.  Raises ``ConfigError`` for a file that
    fails, and for a class that is not there or asks for something else.
    """
    with torch.enable_grad():  # whatever his file sets
        with _his_code(spec, "running the file"):
            namespace = _run_file(spec)
        chosen = _choose(spec, class_name, namespace)
        with _his_code(spec, f"building {chosen.__name__}"):
            return chosen(**_arguments(spec, chosen, shape, outputs)).eval()


def export_module(module: nn.Module, windows: Values, file: str) -> onnx.ModelProto:
    """``module`` as an ONNX model that gives the same scores for ``windows`` (N, C, L).

    Batch norms stay what they are, so that training can go on.
    """
    order = _order(module, windows.shape[1:], file)
    scores, few = partial(_scores, module, order[1:], file), windows[:8]
    if not np.array_equal(scores(few), scores(few), equal_nan=True):
        raise ConfigError(
            f"{file}: forward{_place_of_forward(module, file)} gives other scores each time for "
            "the same window.",
            hint="nothing may be drawn at random where self.training is False: F.dropout needs "
            "training=self.training",
        )
    try:
        with _contained():
            model = _exported(module, order)
    except BaseException as error:
        interrupts.check()
        reason = f"{_line_of(error, file)}: {_first_line(error)}"
        raise ConfigError(
            f"{file}: PyTorch cannot export the module{reason}.",
            hint="docs/import.md lists the operations that can be read",
        ) from error
    model = checked(model, file)
    layout = np.arange(windows[0].size).reshape(order)
    source = source_scores(model, model.graph.output[0].name, layout, file)
    try:
        require_equal(scores, source, windows, file)
    except ParityError as error:
        raise ConfigError(
            f"{file}: forward{_place_of_forward(module, file)} is not what PyTorch exports of it: "
            f"{error.message}.",
            hint="forward may not decide by the values of its input, nor change the module",
        ) from error
    return model


def _order(module: nn.Module, window: tuple[int, ...], file: str) -> tuple[int, ...]:
    """The shape in which the module takes a ``window``, the batch of one included."""
    orders = [(1, *window), (1, *window, 1)]
    two_dimensional = any(isinstance(part, nn.Conv2d) for part in module.modules())
    tried = orders[::-1] if two_dimensional else orders
    errors = {order: _failure(module, order) for order in tried}
    for order, error in errors.items():
        if error is None:
            return order
    first = errors[tried[0]]
    assert first is not None
    raise ConfigError(
        f"{file}: the module cannot be run on a window of {' x '.join(map(str, tried[0]))}"
        f"{_line_of(first, file)}: {_first_line(first)}.",
        hint="forward takes windows of batch x channels x length, or of one more axis of 1",
    )


def _failure(module: nn.Module, order: tuple[int, ...]) -> BaseException | None:
    """What running ``module`` on a tensor of that shape raises."""
    try:
        with torch.no_grad(), _contained():
            module(torch.zeros(order))
    except BaseException as error:
        interrupts.check()
        return error
    return None


def _exported(module: nn.Module, shape: tuple[int, ...]) -> onnx.ModelProto:
    """``module`` as the exporter of TorchScript writes it, which needs no further package."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: what it gives is compared
        torch.onnx.export(
            module,
            (torch.zeros(shape),),
            buffer,  # type: ignore[arg-type]  # this exporter takes a file object too
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def _scores(module: nn.Module, shape: tuple[int, ...], file: str, x: Values) -> Values:
    """What ``module`` says of windows; raises ``ConfigError`` where that is not a row for each."""
    with torch.no_grad(), _his_code(file, f"running forward on a batch of {len(x)}"):
        found: object = module(torch.from_numpy(x.reshape(-1, *shape)))
    if not isinstance(found, Tensor):
        gives = "nothing" if found is None else f"a {type(found).__name__}"
    elif found.ndim < 2 or len(found) != len(x) or not found.numel():
        gives = f"a tensor of the shape {list(found.shape)}"
    elif not found.is_floating_point():
        gives = f"values of type {str(found.dtype).removeprefix('torch.')}"
    else:
        return found.detach().flatten(1).float().numpy()
    raise ConfigError(
        f"{file}: forward{_place_of_forward(module, file)} gives {gives} for a batch of {len(x)}.",
        hint="return one tensor of floating-point numbers, batch x outputs",
    )


def _place_of_forward(module: nn.Module, file: str) -> str:
    code = getattr(type(module).forward, "__code__", None)
    ours = code is not None and Path(code.co_filename).name == Path(file).name
    return f" at {Path(file).name}:{code.co_firstlineno}" if code and ours else ""


def _run_file(spec: Path) -> dict[str, Any]:
    """What the file defines; modules beside it can be imported by it."""
    found = importlib.util.spec_from_file_location(f"model_spec_{spec.stem}", spec)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look their module up there
    sys.path.insert(0, str(spec.parent))
    try:
        found.loader.exec_module(module)
    finally:
        with suppress(ValueError):  # his code may have changed the list
            sys.path.remove(str(spec.parent))
    return vars(module)


def _choose(spec: Path, name: str | None, namespace: dict[str, Any]) -> type[nn.Module]:
    """The class called ``name``, or the only one that the file itself defines."""
    known = {
        key: item
        for key, item in namespace.items()
        if isinstance(item, type)
        and issubclass(item, nn.Module)
        and item.__module__ == namespace["__name__"]
    }
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name in known:
        return known[name]
    listed = ", ".join(known) or "no class at all that is a torch.nn.Module"
    if name is None:
        raise ConfigError(
            f"training.model_spec: {spec.name} defines {listed}.",
            hint=f"name the one to take, such as {spec.name}:{next(iter(known), 'MyNet')}",
        )
    raise ConfigError(
        f"training.model_spec: {spec.name} has no torch.nn.Module {name!r}; it defines {listed}.",
        hint=did_you_mean(name, known),
    )


def _arguments(spec: Path, chosen: type[nn.Module], shape: Shape, outputs: int) -> dict[str, Any]:
    """What the constructor asks for, by the names of its arguments."""
    offered: dict[str, Any] = {
        **dict.fromkeys(CHANNELS, shape.channels),
        **dict.fromkeys(LENGTH, shape.length),
        **dict.fromkeys(OUTPUTS, outputs),
        "config": {
            "variables": shape.channels,
            "input_features": shape.length,
            "num_classes": outputs,
        },
    }
    arguments = {}
    for name, parameter in inspect.signature(chosen).parameters.items():
        if name in offered:
            arguments[name] = offered[name]
        elif parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            raise ConfigError(
                f"training.model_spec: {chosen.__name__} in {spec.name} asks for {name!r}, which "
                "is not known here.",
                hint=f"give it a default; offered are {CHANNELS[0]}, {LENGTH[0]} and {OUTPUTS[0]} "
                f"(or {CHANNELS[-1]}, {LENGTH[2]} and {OUTPUTS[1]})",
            )
    return arguments


@contextmanager
def _contained() -> Iterator[None]:
    """While the user's code runs it cannot end the process, nor move it to another folder."""

    def refuse(code: int) -> NoReturn:
        raise SystemExit(code)

    leave, folder = os._exit, Path.cwd()
    os._exit = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave
        os.chdir(folder)


@contextmanager
def _his_code(spec: Path | str, doing: str) -> Iterator[None]:
    """Errors of the user's code as such, with his line; ``sys.exit`` may not end a run, either."""
    try:
        with _contained():
            yield
    except ConfigError:
        raise
    except BaseException as error:
        interrupts.check()  # a Ctrl-C is none of his
        raise ConfigError(
            f"training.model_spec: {doing} failed{_line_of(error, spec)}: "
            f"{type(error).__name__}: {_first_line(error)}",
            hint="it is the code of that file that raised this",
        ) from error


def _line_of(error: BaseException, spec: Path | str) -> str:
    """Where in the user's file it happened, as far as is known."""
    name = Path(spec).name
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    lines = [line for file, line in places if line and Path(file).name == name]
    return f" at {name}:{lines[-1]}" if lines else f" in {name}"


def _first_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # his class may fail at that too
        text = ""
    first = (text.splitlines() or [""])[0].rstrip(".")
    return shortened(first) or type(error).__name__
