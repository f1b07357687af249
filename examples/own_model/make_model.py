"""How arc_net.onnx came about: ``net.py``, trained by a loop of its own, exported by PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from net import ArcNet

from tinyml_nas.console import Console
from tinyml_nas.data import prepare_data
from tinyml_nas.features import extract_features
from tinyml_nas.load import load_config

HERE = Path(__file__).parent
EPOCHS = 20


def main() -> None:
    """Train on the features that config.yaml names, as they are, and write the file."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config, console = load_config(HERE / "config.yaml").config, Console(quiet=True)
    features = extract_features(prepare_data(config, console), config, console)
    x, y = torch.from_numpy(features.train.x), torch.from_numpy(features.train.y)
    net = ArcNet()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.nll_loss(torch.log(net(x[batch]) + 1e-9), y[batch]).backward()
            optimizer.step()
    net.eval()
    hits = net(torch.from_numpy(features.validation.x)).argmax(1).numpy() == features.validation.y
    print(f"validation: {hits.mean():.1%}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (x[:1],),
            str(HERE / "arc_net.onnx"),
            dynamo=False,
            opset_version=17,
            input_names=["spectrum"],
            output_names=["probabilities"],
            dynamic_axes={"spectrum": {0: "N"}},
        )


if __name__ == "__main__":
    main()
