"""A module in the user's own file: found, built for the data, given weights, exported, equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from foreign import CHANNELS, CLASSES, LENGTH, windows
from safetensors.torch import save_file
from torch import nn

from tinyml_nas.errors import ConfigError, ToolError
from tinyml_nas.graph import Shape
from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.model import import_model
from tinyml_nas.importers.torch_file import build_module, export_module
from tinyml_nas.importers.weights import load_weights, read_weights

SHAPE = Shape(CHANNELS, LENGTH)
NET = """
import torch
from torch import nn
import helpers_of_mine

class Net(nn.Module):
    def __init__(self, {arguments}):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv{axes}d({channels}, 8, {kernel}), nn.BatchNorm{axes}d(8), nn.ReLU()
        )
        self.head = nn.Linear(8, {classes})

    def forward(self, x):
        return self.head(self.body(x).flatten(2).mean(2))
"""
STYLES = {
    "plain": ("channels, classes", "1", "channels", "5", "classes"),
    "image": (
        "config, input_features=512, variables=1, num_classes=2, dual=False",
        *("2", "config['variables']", "(5, 1)", "num_classes"),
    ),
    "fixed": ("", "1", "3", "5", "4"),
}


def _write(folder: Path, style: str = "plain", more: str = "") -> Path:
    keys = ("arguments", "axes", "channels", "kernel", "classes")
    (folder / "helpers_of_mine.py").write_text("HELP = 1\n")
    path = folder / "my_net.py"
    path.write_text(NET.format(**dict(zip(keys, STYLES[style], strict=True))) + more)
    return path


@pytest.mark.parametrize("style", STYLES)
def test_a_module_becomes_a_network_that_can_be_trained(tmp_path: Path, style: str) -> None:
    module = build_module(_write(tmp_path, style), None, SHAPE, CLASSES)
    model = export_module(module, windows(), "my_net.py")
    found = import_model(model, windows(), Wanted(CLASSES), "my_net", "my_net.py")
    assert [node.op.kind for node in found.network.nodes] == ["conv", "global_avg_pool", "linear"]
    assert found.network.nodes[0].op.norm  # type: ignore[attr-defined]
    assert found.equality.difference < 1e-5


def test_the_class_is_named_where_there_are_two(tmp_path: Path) -> None:
    more = "\nclass Other(nn.Module):\n    pass\n"
    path = _write(tmp_path, more=more)
    with pytest.raises(ConfigError, match=r"my_net\.py defines Net, Other") as caught:
        build_module(path, None, SHAPE, CLASSES)
    assert "my_net.py:Net" in str(caught.value.hint)
    with pytest.raises(ConfigError, match=r"has no torch\.nn\.Module 'Nett'") as caught:
        build_module(path, "Nett", SHAPE, CLASSES)
    assert caught.value.hint == "did you mean 'Net'?"
    assert type(build_module(path, "Net", SHAPE, CLASSES)).__name__ == "Net"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import torch\nx = 1 / 0\n",
            r"running the file failed at my_net\.py:2: ZeroDivisionError",
        ),
        ("def broken(:\n", r"running the file failed at my_net\.py:1: SyntaxError"),
        ("import torch\n", r"defines no class at all that is a torch\.nn\.Module"),
        (
            "from torch import nn\nclass N(nn.Module):\n    def __init__(self, layers): 1\n",
            r"N in my_net\.py asks for 'layers', which is not known here",
        ),
        ("import sys\nsys.exit(0)\n", r"running the file failed at my_net\.py:2: SystemExit: 0"),
        ("import os\nos._exit(0)\n", r"running the file failed at my_net\.py:2: SystemExit: 0"),
        (
            "class Mute(Exception):\n    def __str__(self): 1 / 0\nraise Mute\n",
            r"running the file failed at my_net\.py:3: Mute: Mute",
        ),
        ("raise KeyboardInterrupt\n", r"failed at my_net\.py:1: KeyboardInterrupt"),
        (
            "from torch import nn\nclass N(nn.Module):\n    def __init__(self):\n        boom\n",
            r"building N failed at my_net\.py:4: NameError",
        ),
    ],
)
def test_errors_of_the_users_code(tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "my_net.py"
    path.write_text(code)
    with pytest.raises(ConfigError, match=message):
        build_module(path, None, SHAPE, CLASSES)


def test_a_module_for_other_windows(tmp_path: Path) -> None:
    module = build_module(_write(tmp_path, "fixed"), None, SHAPE, CLASSES)
    with pytest.raises(ConfigError, match=r"cannot be run on a window of 1 x 2 x 40 at my_net\.py"):
        export_module(module, windows()[:, :2], str(tmp_path / "my_net.py"))


def test_a_module_that_pytorch_cannot_export(tmp_path: Path) -> None:
    path = _write(tmp_path)
    path.write_text(path.read_text().replace(".mean(2)", ".to(torch.complex64).abs().mean(2)"))
    module = build_module(path, None, SHAPE, CLASSES)
    with pytest.raises(ConfigError, match="PyTorch cannot export the module") as caught:
        export_module(module, windows(), str(path))
    assert "docs/import.md" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("return self", "return 1, self", "forward at my_net.py:14 gives a tuple for a batch of 8"),
        ("return self", "self", "forward at my_net.py:14 gives nothing for a batch of 8"),
        ("self.body(x)", "self.body(x + torch.rand(1))", "gives other scores each time"),
        (
            "return self",
            "x = x * (1 + len(x) // 9)\n        return self",
            "not what PyTorch exports",
        ),
    ],
)
def test_a_forward_that_gives_no_scores(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = _write(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    module = build_module(path, None, SHAPE, CLASSES)
    with pytest.raises(ConfigError, match=message):
        export_module(module, windows(), "my_net.py")


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", ".ckpt"])
def test_weights_of_every_kind(tmp_path: Path, suffix: str) -> None:
    module = build_module(_write(tmp_path), None, SHAPE, CLASSES)
    trained = {name: torch.rand_like(t.float()) for name, t in module.state_dict().items()}
    trained["body.1.num_batches_tracked"] = torch.tensor(7)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(trained, path, {"format": "pt"})
    elif suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in trained.items()})
    elif suffix == ".pt":
        torch.save(trained, path)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in trained.items()}}, path)
    load_weights(module, path)
    assert all(torch.equal(value, trained[name]) for name, value in module.state_dict().items())


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    module = build_module(_write(tmp_path), None, SHAPE, CLASSES)
    path = tmp_path / "weights.pt"
    state = module.state_dict()
    torch.save({k.replace("head", "heads"): v for k, v in state.items()}, path)
    with pytest.raises(
        ConfigError, match=r"the file lacks 'head\.weight' \(2 are missing"
    ) as caught:
        load_weights(module, path)
    assert caught.value.hint == "did you mean 'heads.weight'?"
    torch.save({**state, "head.weight": torch.zeros(9, 8)}, path)
    with pytest.raises(ConfigError, match=r"shape \[9, 8\], the module wants \[4, 8\]"):
        load_weights(module, path)


def test_a_pickled_module_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(ToolError, match="holds more than tensors and is not read") as caught:
        read_weights(path)
    assert "state_dict" in str(caught.value.hint)


def test_weights_that_are_no_real_numbers(tmp_path: Path) -> None:
    module = build_module(_write(tmp_path), None, SHAPE, CLASSES)
    path = tmp_path / "weights.safetensors"
    save_file({name: t.to(torch.complex64) for name, t in module.state_dict().items()}, path)
    with pytest.raises(ConfigError, match=r"is of type torch\.complex64"):
        load_weights(module, path)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"[" * 90_000, b""),
        (b'{"a": 5}', b""),
        (b'{"a": {"dtype": "F32", "shape": [1099511627776], "data_offsets": [0, 4]}}', bytes(4)),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1099511627776]}}', bytes(4)),
        (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', bytes(4)),
        (b'{"a": {"dtype": "X32", "shape": [1], "data_offsets": [0, 4]}}', bytes(4)),
    ],
)
def test_a_broken_header(tmp_path: Path, header: bytes, data: bytes) -> None:
    path = tmp_path / "w.safetensors"
    for length in (len(header), len(header) + 99, 2**40, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little") + header + data)
        with pytest.raises(ToolError, match=r"w\.safetensors cannot be read"):
            read_weights(path)


@pytest.mark.parametrize("name", ["w.pt", "w.npz", "w.safetensors"])
def test_broken_weights(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (b"", b"rubbish that is no archive of weights"):
        path.write_bytes(content)
        with pytest.raises(ToolError, match=name):
            read_weights(path)
    path.unlink()
    with pytest.raises(ToolError, match="No such file"):
        read_weights(path)


def test_the_users_code_moves_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "import os\nfrom torch import nn\nos.chdir('/')\nclass N(nn.Module):\n    pass\n"
    Path("my_net.py").write_text(code)
    build_module(Path("my_net.py"), None, Shape(1, 8), 2)
    assert Path.cwd() == tmp_path
