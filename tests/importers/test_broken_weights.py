"""Weights that are NaN or infinite are the user's: named where they lie, exit code 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from foreign import CLASSES, SHAPES, Image, Residual, exported, made, windows
from torch import nn

from tinyml_nas.cli import main
from tinyml_nas.errors import ConfigError
from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.model import import_model
from tinyml_nas.importers.model_file import checked, read_model
from tinyml_nas.importers.torch_file import export_module

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello_arc_fault" / "config.yaml"


def _with(value: float, kind: type[nn.Module] = Residual) -> nn.Module:
    """A module with ``value`` as one of its weights."""
    module = made(kind)
    with torch.no_grad():
        module.head.weight[1, 2] = value  # type: ignore[index, union-attr, operator]
    return module


def _import(model: onnx.ModelProto) -> None:
    import_model(model, windows(4), Wanted(CLASSES), "net", "mine.onnx")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [Residual, Image])
def test_they_are_named_before_anything_is_computed(value: float, kind: type[nn.Module]) -> None:
    with pytest.raises(ConfigError, match=r"1 of the \d+ weights 'head\.weight' are NaN or infin"):
        exported(_with(value, kind), SHAPES[kind])
    with pytest.raises(ConfigError, match=r"my_net\.py: 1 of the \d+ weights 'head\.weight'"):
        export_module(_with(value, kind), windows(4), "my_net.py")


def test_so_is_a_constant_of_the_graph() -> None:
    model = exported(made(Residual), SHAPES[Residual])
    index, stored = next(
        (i, t) for i, t in enumerate(model.graph.initializer) if t.name == "head.weight"
    )
    broken = onnx.numpy_helper.to_array(stored).copy()
    broken[0] = np.nan
    del model.graph.initializer[index]
    constant = onnx.helper.make_node(
        "Constant", [], [stored.name], value=onnx.numpy_helper.from_array(broken)
    )
    model.graph.node.insert(0, constant)
    with pytest.raises(ConfigError, match=r"20 of the 80 weights 'head\.weight' are NaN"):
        checked(model, "mine.onnx")


def test_finite_weights_whose_scores_are_not() -> None:
    module = made(Residual)
    with torch.no_grad():
        module.stem.weight.fill_(1e38)  # type: ignore[operator, union-attr]
    model = exported(module, SHAPES[Residual], keep_norms=True)
    with pytest.raises(ConfigError, match=r"mine\.onnx gives NaN or infinity for 4 of 4 windows"):
        _import(model)


@pytest.mark.parametrize("variance", [-2.0, -1e-5])
def test_a_variance_without_a_root(variance: float) -> None:
    module = made(Residual)
    with torch.no_grad():
        module.entry.running_var[1] = variance  # type: ignore[index, operator]
        module.entry.eps = -variance if variance > -1 else 1e-5  # type: ignore[union-attr]
    model = exported(module, SHAPES[Residual], keep_norms=True)
    with pytest.raises(ConfigError, match=r"BatchNormalization .*its variance plus"):
        _import(model)


def test_a_division_by_zero() -> None:
    model = exported(made(Residual), SHAPES[Residual])
    model.graph.node[0].input[0] = "scaled"
    zeros = onnx.numpy_helper.from_array(np.array([[1], [0], [2]], np.float32), "divisor")
    model.graph.initializer.append(zeros)
    model.graph.node.insert(0, onnx.helper.make_node("Div", ["x", "divisor"], ["scaled"], "half"))
    with pytest.raises(ConfigError, match=r"Div half .*it divides by zero"):
        _import(checked(model, "mine.onnx"))


def test_an_infinite_bound_is_no_weight() -> None:
    model = exported(made(Residual), SHAPES[Residual])
    bound = onnx.numpy_helper.from_array(np.array(np.inf, np.float32), "bound")
    model.graph.initializer.append(bound)
    first = next(node for node in model.graph.node if node.op_type == "Relu")
    first.op_type = "Clip"
    zero = onnx.numpy_helper.from_array(np.array(0, np.float32), "zero")
    model.graph.initializer.append(zero)
    first.input.extend(["zero", "bound"])
    _import(checked(model, "mine.onnx"))


def test_the_command_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.onnx"
    model = exported(made(Residual), SHAPES[Residual])
    for tensor in model.graph.initializer:
        if tensor.name == "head.weight":
            values = np.full(tuple(tensor.dims), np.nan, np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match=r"'head\.weight' are NaN"):
        read_model(file)
    changes = [f"training.model_path={file}", "training.model_name=null"]
    sets = [part for item in changes for part in ("--set", item)]
    assert main(["check", str(EXAMPLE), *sets]) == 2
    shown = capsys.readouterr()
    assert "the 80 weights 'head.weight' are NaN or infinite" in " ".join(
        (shown.out + shown.err).split()
    )
