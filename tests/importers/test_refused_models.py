"""What cannot be read is refused with the node, the reason and the way to mend it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
import torch.nn.functional as F
from foreign import CLASSES, SHAPES, Residual, exported, made, windows
from onnx import helper
from torch import Tensor, nn

from tinyml_nas.errors import ConfigError, TinymlError, ToolError
from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.model import import_model
from tinyml_nas.importers.model_file import checked, read_model
from tinyml_nas.importers.source import HANDLERS


class Head(nn.Module):
    """A convolution, ``middle``, and a linear layer over ``width`` values."""

    def __init__(self, middle: Callable[[Tensor], Tensor], width: int = 8) -> None:
        super().__init__()
        self.conv, self.head, self.middle = nn.Conv1d(3, 8, 3), nn.Linear(width, CLASSES), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.middle(self.conv(x)))


class Recurrent(nn.Module):
    """A GRU over time."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x.transpose(1, 2))[0][:, -1]


class Mean(nn.Module):
    """The mean over time."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(2)


def _squeezed(x: Tensor) -> Tensor:
    return (x * x.mean(2, keepdim=True)).mean(2)


CASES: dict[str, tuple[nn.Module, str, str]] = {
    "recurrent": (Head(Recurrent()), "the operation GRU is not supported", "recurrent"),
    "gelu": (Head(lambda x: F.gelu(x).mean(2)), "the operation Erf is not supported", "use ReLU"),
    "sigmoid": (Head(lambda x: x.sigmoid().mean(2)), "Sigmoid", "use ReLU"),
    "gate": (Head(_squeezed), "Mul /Mul .* it combines two computed tensors", "residual sum"),
    "padded mean": (
        Head(lambda x: F.avg_pool1d(x, 3, padding=1, count_include_pad=False).amax(2)),
        "its padding does not count as zeros",
        "count_include_pad=True",
    ),
    "reflection": (
        Head(lambda x: F.avg_pool1d(F.pad(x, (1, 1), mode="reflect"), 2).mean(2)),
        "only zeros along time work, not mode 'reflect'",
        "padding=",
    ),
    "padded channels": (
        Head(nn.Sequential(nn.ConstantPad2d((0, 0, 1, 1), 0), nn.Conv1d(10, 8, 3), Mean())),
        "a Pad before it does not pad time alone",
        "padding=",
    ),
    "padded maximum": (
        Head(lambda x: F.max_pool1d(F.pad(x, (1, 1)), 3).amax(2)),
        "MaxPool .* it comes behind a Pad",
        "padding=",
    ),
    "dilated maximum": (
        Head(lambda x: F.max_pool1d(x, 3, dilation=2).amax(2)),
        "no pool with a dilation runs here",
        "nn.Conv1d",
    ),
    "dilated transposed": (
        Head(nn.Sequential(nn.ConvTranspose1d(8, 8, 3, padding=2, dilation=2), Mean())),
        "it is dilated",
        "set dilation=1, with a longer kernel",
    ),
    "over channels": (Head(lambda x: x.mean(1), 38), "it is over the axes", "time"),
    "two axes": (
        Head(lambda x: F.max_pool2d(x[:, None], 2).flatten(1), 76),
        "its kernel of 2 x 2 moves over two axes, of 8 and 38",
        "cover its axis",
    ),
    "rounding": (
        Head(lambda x: x.int().float().mean(2)),
        "the operation Cast is not supported",
        "these are: Add",
    ),
    "leaky": (Head(lambda x: F.leaky_relu(x).mean(2)), "LeakyRelu", "use ReLU"),
    "layer norm": (
        Head(nn.Sequential(nn.LayerNorm(38), nn.AdaptiveAvgPool1d(1), nn.Flatten())),
        "is not supported|combines two computed",
        "",
    ),
    "wide": (Head(lambda x: x.flatten(1), 8 * 38), "", ""),
}


@pytest.mark.parametrize("name", [name for name in CASES if name != "wide"])
def test_unsupported_nodes_are_named_with_a_way_out(name: str) -> None:
    module, reason, hint = CASES[name]
    model = exported(module.eval(), SHAPES[Residual])
    with pytest.raises(ConfigError, match=reason) as caught:
        import_model(model, windows(4), Wanted(CLASSES), "net", "mine.onnx")
    assert caught.value.message.startswith("mine.onnx: ")
    assert "it makes '" in caught.value.message
    assert hint in (caught.value.hint or "")


def test_the_message_of_a_recurrent_layer_as_a_whole() -> None:
    model = exported(CASES["recurrent"][0].eval(), SHAPES[Residual])
    with pytest.raises(ConfigError) as caught:
        import_model(model, windows(4), Wanted(CLASSES), "net", "mine.onnx")
    assert caught.value.message == (
        "mine.onnx: GRU /middle/gru/GRU (it makes '/middle/gru/GRU_output_0'): "
        "the operation GRU is not supported."
    )
    assert "a Conv with a stride or a dilation sees as far back" in str(caught.value.hint)
    assert "replace it by two or three nn.Conv1d" in str(caught.value.hint)


def test_all_that_does_not_run_is_named_at_once() -> None:
    module = Head(nn.Sequential(Recurrent(), nn.Softplus(), nn.Tanh()))
    with pytest.raises(ConfigError) as caught:
        import_model(
            exported(module.eval(), SHAPES[Residual]), windows(4), Wanted(4), "n", "m.onnx"
        )
    assert "the operation GRU is not supported (nor Softplus, Tanh in it)." in caught.value.message


def test_a_window_of_another_length_and_other_classes() -> None:
    module, fixed = made(Residual), exported(made(Residual), SHAPES[Residual])
    with pytest.raises(ConfigError, match=r"reads windows of 3 x 40; .* are 3 x 30") as caught:
        import_model(fixed, windows(4)[:, :, :30], Wanted(CLASSES), "net", "m.onnx")
    assert "frame_size" in str(caught.value.hint)
    model = exported(module, SHAPES[Residual])
    with pytest.raises(ConfigError, match=r"m.onnx gives 4 scores; the data set asks for 7"):
        import_model(model, windows(4), Wanted(7), "net", "m.onnx")
    linear = exported(CASES["wide"][0].eval(), SHAPES[Residual])
    for dim in linear.graph.input[0].type.tensor_type.shape.dim:
        dim.dim_param = "any"
    with pytest.raises(ConfigError, match=r"Gemm /head/Gemm .* its weights take 304"):
        import_model(linear, windows(4)[:, :, :30], Wanted(CLASSES), "net", "m.onnx")


def test_a_quantized_model_and_one_with_two_outputs() -> None:
    model = exported(made(Residual), SHAPES[Residual])
    node = model.graph.node[0]
    node.op_type = "DequantizeLinear"
    with pytest.raises(ConfigError, match="DequantizeLinear is not supported") as caught:
        import_model(model, windows(4), Wanted(CLASSES), "net", "m.onnx")
    assert "it is quantized here" in str(caught.value.hint)
    model = exported(made(Residual), SHAPES[Residual])
    model.graph.output.append(helper.make_tensor_value_info("more", 1, None))
    with pytest.raises(ConfigError, match=r"has 2 outputs: .*more"):
        import_model(model, windows(4), Wanted(CLASSES), "net", "m.onnx")


def test_a_model_in_double_precision() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(120, CLASSES)).double().eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.zeros(1, 3, 40).double(),), buffer, dynamo=False)
    model = checked(onnx.load_from_string(buffer.getvalue()), "m.onnx")
    with pytest.raises(ConfigError, match=r"m\.onnx reads double; what reads float32"):
        import_model(model, windows(4), Wanted(CLASSES), "net", "m.onnx")


def test_a_softmax_in_the_middle() -> None:
    model = exported(Head(lambda x: x.mean(2).softmax(1)).eval(), SHAPES[Residual])
    with pytest.raises(ConfigError, match=r"Gemm .* it comes behind a Softmax or ArgMax"):
        import_model(model, windows(4), Wanted(CLASSES), "net", "m.onnx")


@pytest.fixture(scope="module")
def whole() -> bytes:
    return exported(made(Residual), SHAPES[Residual]).SerializeToString()


def _refused(path: Path) -> TinymlError:
    with pytest.raises(ToolError) as caught:
        read_model(path)
    assert str(path) in caught.value.message
    return caught.value


@pytest.mark.parametrize("content", [b"", b"no ONNX at all, but text\n" * 9, b"\x00" * 64])
def test_files_that_are_no_onnx(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert "no ONNX file" in _refused(path).message


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.99])
def test_truncated_files(tmp_path: Path, whole: bytes, share: float) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "torch.onnx.export" in str(_refused(path).hint)


def test_a_file_that_is_missing_or_a_folder(tmp_path: Path) -> None:
    assert "No such file" in _refused(tmp_path / "model.onnx").message
    assert "cannot be read" in _refused(tmp_path).message


def test_weights_in_a_file_that_is_missing_or_short(tmp_path: Path, whole: bytes) -> None:
    path, data = tmp_path / "model.onnx", tmp_path / "model.data"
    model = onnx.load_from_string(whole)
    onnx.save(model, path, save_as_external_data=True, location=data.name, size_threshold=0)
    assert read_model(path).graph.node  # whole, it is read
    data.write_bytes(data.read_bytes()[:100])
    assert "is too short" in _refused(path).message
    data.unlink()
    error = _refused(path)
    assert "'model.data', which is not there" in error.message
    assert "copy that file beside the model" in str(error.hint)


def test_an_opset_of_the_dawn(tmp_path: Path, whole: bytes) -> None:
    model = onnx.load_from_string(whole)
    model.opset_import[0].version = 6
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert "opset" in _refused(path).message.lower()


def test_what_a_handler_did_not_foresee_is_an_error_about_the_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(reader: object, node: object) -> None:
        raise KeyError("nobody")

    monkeypatch.setitem(HANDLERS, "Relu", broken)
    model = exported(made(Residual), SHAPES[Residual])
    words = r"m\.onnx: Relu \S+ \(it makes .*\): it cannot be read: KeyError: 'nobody'"
    with pytest.raises(ConfigError, match=words) as caught:
        import_model(model, windows(4), Wanted(CLASSES), "net", "m.onnx")
    assert isinstance(caught.value.__cause__, KeyError)  # and the cause is not lost
    assert "please report it" in str(caught.value.hint)
