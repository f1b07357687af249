"""Values, forecasts and reconstructions of foreign networks; layers that make signals longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from foreign import exported, windows
from torch import Tensor, nn

from tinyml_nas.errors import ConfigError
from tinyml_nas.features import Targets
from tinyml_nas.graph import INPUT
from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.model import Imported, import_model, our_scores
from tinyml_nas.train.builder import NetworkModule

SIGNAL = (1, 3, 40)
REBUILT = Wanted(120, rebuilds=True)
CLOSE = 1e-5


class Written(nn.Module):
    """Parts, and the way through them."""

    def __init__(self, way: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        return self.way(self, x)


def _read(module: nn.Module, wanted: Wanted, shape: tuple[int, ...] = SIGNAL) -> Imported:
    torch.manual_seed(0)
    return import_model(exported(module.eval(), shape), windows(), wanted, "net", "mine.onnx")


def _outputs(found: Imported) -> np.ndarray:
    module = NetworkModule(found.network)
    module.load_state_dict(found.state)
    return our_scores(module, found.normalization)(windows())


def _kinds(found: Imported) -> list[str]:
    return [node.op.kind for node in found.network.nodes]


def _autoencoder(up: nn.Module, down: int = 2, **more: nn.Module) -> Written:
    parts = {"norm": nn.BatchNorm1d(3), "a": nn.Conv1d(3, 8, 3, stride=down, padding=1)}
    parts |= {"up": up, "b": nn.Conv1d(8, 3, 3, padding=1), **more}
    module = Written(lambda n, x: n.b(F.relu(n.up(n.a(n.norm(x))))), **parts)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            nn.init.uniform_(part.running_mean, -1, 1)
            nn.init.uniform_(part.running_var, 0.5, 3)
    return module


UPS = {
    "staircase": (nn.Upsample(scale_factor=2), "upsample"),
    # a ReLU behind lines is a layer of its own
    "lines": (nn.Upsample(scale_factor=2, mode="linear"), "interpolate depthwise_conv"),
    "lines to a size": (nn.Upsample(size=40, mode="linear"), "interpolate depthwise_conv"),
    "transposed, twice the stride": (nn.ConvTranspose1d(8, 8, 4, 2, 1), "conv reshape"),
    "transposed, no overlap": (nn.ConvTranspose1d(8, 8, 2, 2), "conv reshape"),
    "transposed, odd": (nn.ConvTranspose1d(8, 8, 3, 2, 1, output_padding=1), "conv reshape"),
    "transposed, long": (
        nn.ConvTranspose1d(8, 8, 7, 2, 3, output_padding=1, groups=2),
        "conv reshape",
    ),
    "transposed, a norm behind": (
        nn.Sequential(nn.ConvTranspose1d(8, 8, 4, 2, 1, bias=False), nn.BatchNorm1d(8)),
        "conv reshape",
    ),
}


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("up", UPS)
def test_what_is_left_of_a_window_behind_an_autoencoder(up: str, opset: int) -> None:
    torch.manual_seed(0)
    module = _autoencoder(UPS[up][0]).eval()
    model = exported(module, SIGNAL, opset)
    found = import_model(model, windows(), REBUILT, "net", "mine.onnx")
    assert " ".join(_kinds(found)) == f"conv {UPS[up][1]} conv add"
    assert found.network.nodes[-1].inputs[0] == INPUT
    assert found.equality.difference < CLOSE
    x = windows()
    with torch.no_grad():
        rest = (x - module(torch.from_numpy(x)).numpy()) / found.normalization.std.reshape(1, -1, 1)
    np.testing.assert_allclose(_outputs(found).reshape(x.shape), rest, rtol=1e-4, atol=1e-4)
    assert not np.allclose(found.normalization.std, 1)  # its batch norm is the normalization


def test_a_transposed_convolution_without_stride_and_one_of_an_image() -> None:
    same = _autoencoder(nn.ConvTranspose1d(8, 8, 3, 1, 1), down=1)
    assert _kinds(_read(same, REBUILT)) == ["conv", "conv", "conv", "add"]
    image = Written(
        lambda n, x: n.up(F.relu(n.a(x))),
        a=nn.Conv2d(3, 8, (3, 1), (2, 1), (1, 0)),
        up=nn.ConvTranspose2d(8, 3, (4, 1), (2, 1), (1, 0)),
    )
    assert _kinds(_read(image, REBUILT, (*SIGNAL, 1))) == ["conv", "conv", "reshape", "add"]


def test_an_autoencoder_of_linear_layers_gives_its_values_in_any_order() -> None:
    flat = Written(
        lambda n, x: n.norm(n.b(F.relu(n.a(x.flatten(1))))).view(-1, 3, 40),
        a=nn.Linear(120, 6),
        b=nn.Linear(6, 120),
        norm=nn.BatchNorm1d(120),
    )
    nn.init.normal_(flat.norm.bias)
    found = _read(flat, REBUILT)
    assert _kinds(found) == ["linear", "linear", "reshape", "add"]
    time_first = Written(
        lambda n, x: n.b(F.relu(n.a(x.flatten(1)))).view(-1, 40, 3),
        a=nn.Linear(120, 6),
        b=nn.Linear(6, 120),
    )
    for module, shape in ((time_first, (1, 40, 3)), (time_first, (1, 120))):
        assert _read(module, REBUILT, shape).equality.difference < CLOSE
    turned = Written(
        lambda n, x: n.b(F.relu(n.a(x.transpose(1, 2)))).transpose(1, 2),
        a=nn.Conv1d(3, 4, 3, padding=1),
        b=nn.Conv1d(4, 3, 1),
    )
    assert _kinds(_read(turned, REBUILT, (1, 40, 3))) == ["conv", "conv", "add"]


def test_what_rebuilds_nothing_or_in_another_order_is_refused() -> None:
    scores = Written(lambda n, x: n.a(x).mean(2), a=nn.Conv1d(3, 4, 3))
    with pytest.raises(ConfigError, match="gives 4 values for windows of 3 x 40: it does not"):
        _read(scores, REBUILT)
    turned = Written(lambda n, x: n.a(x).transpose(1, 2), a=nn.Conv1d(3, 3, 3, padding=1))
    with pytest.raises(ConfigError, match=r"its output \[40, 3\] is in another order .* \[3, 40\]"):
        _read(turned, REBUILT)


LONGER = {
    "crooked": (nn.ConvTranspose1d(8, 8, 3, 2), "makes 41 steps", "padding=1, output_padding=1"),
    "dilated": (nn.ConvTranspose1d(8, 8, 3, 2, dilation=2), "it is dilated", "dilation=1"),
    "cubic": (nn.Upsample(scale_factor=1.5), "mode 'nearest' .* to 30 steps", "a whole n"),
    "corners": (
        nn.Upsample(scale_factor=2, mode="linear", align_corners=True),
        "coordinates 'align_corners'",
        "align_corners=False",
    ),
}


@pytest.mark.parametrize("name", LONGER)
def test_what_makes_a_signal_longer_in_another_way_is_refused(name: str) -> None:
    up, why, mend = LONGER[name]
    with pytest.raises(ConfigError, match=why) as caught:
        _read(_autoencoder(up), REBUILT)
    assert caught.value.message.startswith("mine.onnx: ")
    assert "/up/" in caught.value.message
    assert mend in str(caught.value.hint)


def _targets(names: tuple[str, ...], horizon: int = 1) -> Targets:
    count = len(names) * horizon
    mean = np.linspace(100, 900, count).astype(np.float32)
    std = np.linspace(5, 50, count).astype(np.float32)
    return Targets(names, horizon, mean, std, std[: len(names)])


@pytest.mark.parametrize("relu", [False, True])
def test_values_in_the_units_of_the_data_are_told_on_our_scale(relu: bool) -> None:
    targets = _targets(("speed", "torque"))
    module = Written(
        lambda n, x: F.relu(n.b(n.a(x).mean(2))) if relu else n.b(n.a(x).mean(2)),
        a=nn.Conv1d(3, 4, 3),
        b=nn.Linear(4, 2),
    )
    found = _read(module, Wanted(2, targets))
    with torch.no_grad():
        wanted = module(torch.from_numpy(windows())).numpy()
    told = _outputs(found) * targets.std + targets.mean
    np.testing.assert_allclose(told, wanted, rtol=1e-4, atol=1e-3)
    # a clamp below the mean needs a layer of its own behind it
    assert _kinds(found)[-1] == ("depthwise_conv" if relu else "linear")
    as_it_is = _read(module, Wanted(2))
    np.testing.assert_allclose(_outputs(as_it_is), wanted, rtol=1e-4, atol=1e-5)


def test_a_forecast_by_convolutions_tells_step_by_step() -> None:
    targets = _targets(("load", "heat"), horizon=5)
    module = Written(lambda n, x: n.a(x)[:, :, -5:], a=nn.Conv1d(3, 2, 3))
    with pytest.raises(ConfigError, match="the output is a reordered or cut form of 'a'"):
        _read(module, Wanted(10, targets))
    module = Written(lambda n, x: n.a(x), a=nn.Conv1d(3, 2, 8, stride=8))
    found = _read(module, Wanted(10, targets))
    with torch.no_grad():
        wanted = module(torch.from_numpy(windows())).numpy()  # (N, targets, steps)
    told = (_outputs(found) * targets.std + targets.mean).reshape(-1, 5, 2)
    np.testing.assert_allclose(told.transpose(0, 2, 1), wanted, rtol=1e-4, atol=1e-3)
    with pytest.raises(ConfigError, match=r"mine.onnx gives 2 x 5 scores; the data set asks for 4"):
        _read(module, Wanted(4))
